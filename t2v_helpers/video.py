"""Clips: check one, lay it out as a strip, play it in a notebook, save it as mp4, GIF, WebP or numbered PNG files.

A clip has the form that diffusers returns: frames of shape (F, H, W, 3), float32 in [0, 1]. Every function also takes
the other forms that `as_frames` knows, and raises ValueError, in one line, for a bad clip or setting before anything is
written. A file appears whole or not at all: it gets a temporary name first and is then moved to its place.
"""

import base64
import html
import io
import os
import pathlib
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ._support.ffmpeg import find_ffmpeg
from ._support.files import whole_folder, write_whole
from ._support.outputs import check_fps, check_frames_folder, check_output

if TYPE_CHECKING:
    import PIL.Image

Clip = "np.ndarray | torch.Tensor | Sequence"  # what as_frames takes
Caption = str | Sequence[str] | None


# ---- what a clip is ----
def as_frames(video: Clip) -> np.ndarray:
    """Check a clip, and return it in the form that the whole course uses.

    - A numpy array has shape (F, H, W, 3), and floats in [0, 1], uint8 or uint16.
    - A torch tensor has (F, 3, H, W), or (F, H, W, 3) if axis 1 has neither length 3 nor 1.
    - A list holds frames of one size: PIL images, arrays (H, W, 3) or tensors (3, H, W).

    What is transparent in a PIL image shows white, as on a web page. A channel axis of length 1, grey, is repeated.
    Values up to 0.001 outside [0, 1], as resampling makes, are clipped.

    Returns:
        Frames of shape (F, H, W, 3), float32 in [0, 1]. An array that already has this form is not copied.

    Raises:
        ValueError: In one line, for anything else.

    >>> as_frames(np.zeros((16, 64, 64, 3), dtype=np.uint8)).dtype
    dtype('float32')
    """
    frames, expected = _as_array(video), "expected (F, H, W, 3)"
    if frames.dtype.kind != "f" and frames.dtype not in (np.uint8, np.uint16):
        got = f"dtype {frames.dtype}" if frames.ndim else f"a {type(video).__name__}"
        raise ValueError(f"a clip is floats in [0, 1], uint8 or uint16: got {got}, {expected}")
    if frames.ndim != 4 or frames.shape[-1] not in (1, 3):
        raise ValueError(f"a clip has four axes, the last one red, green, blue: got shape {frames.shape}, {expected}")
    if frames.size == 0:
        raise ValueError(f"got an empty clip, shape {frames.shape}, {expected} with at least one frame and pixel")
    if frames.dtype.kind == "u":
        frames = frames / np.float32(np.iinfo(frames.dtype).max)
    finite = np.isfinite(frames).all(axis=(1, 2, 3))
    if not finite.all():
        raise ValueError(f"got NaN or infinite values in {(~finite).sum()} of {len(frames)} frames, expected [0, 1]")
    low, high = frames.min(), frames.max()
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(f"got values from {low:.4g} to {high:.4g}, expected [0, 1] (or uint8)")
    if low < 0 or high > 1:
        frames = frames.clip(0, 1)
    if frames.shape[-1] == 1:
        frames = frames.repeat(3, axis=-1)
    return frames.astype(np.float32, copy=False)


def _as_array(picture: object) -> np.ndarray:
    """A picture or clip, or a list of them, as an array with the channels last."""
    if isinstance(picture, list | tuple):
        pictures = [_as_array(one) for one in picture]
        shapes = sorted({one.shape for one in pictures})
        if not shapes:
            raise ValueError("got an empty clip, expected at least one frame")
        if len(shapes) > 1:
            raise ValueError(f"got frames of different shapes, {shapes[0]} and {shapes[1]}, expected all of one")
        if len(dtypes := sorted({str(one.dtype) for one in pictures})) > 1 and "uint" in "".join(dtypes):
            raise ValueError(f"got frames of {dtypes[0]} and {dtypes[1]}, expected all of one dtype")
        return np.stack(pictures)
    if hasattr(picture, "convert"):  # PIL
        return _from_pil(picture)
    if hasattr(picture, "detach"):  # torch
        picture = picture.detach().cpu()
        if picture.ndim >= 3 and picture.shape[-3] in (1, 3):
            picture = picture.movedim(-3, -1)
        return (picture.float() if picture.is_floating_point() else picture).numpy()
    return np.asarray(picture)


def _from_pil(image: "PIL.Image.Image") -> np.ndarray:
    """A PIL image of any mode as an array (H, W, 1 or 3); Pillow's own conversion would clip what has over 8 bits."""
    from PIL import Image

    if image.mode == "I":
        raise ValueError("got a picture of mode I, whose white is not known, expected mode L, I;16, F, RGB or the like")
    if image.mode == "F" or image.mode.startswith("I;16"):
        return np.asarray(image, dtype=np.float32 if image.mode == "F" else np.uint16)[..., None]
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _as_clips(video: Clip) -> list[np.ndarray]:
    """One clip, or each of a list of clips, as frames."""
    first = video[0] if isinstance(video, list | tuple) and video else None
    several = isinstance(first, list | tuple) or getattr(first, "ndim", 0) == 4
    return [as_frames(clip) for clip in video] if several else [as_frames(video)]


def to_uint8(frames: np.ndarray) -> np.ndarray:
    """Round floats in [0, 1], an array of any shape, to the nearest of the 256 levels that files can hold.

    >>> to_uint8(np.array([0.0, 0.5, 1.0])).tolist()
    [0, 128, 255]
    """
    return (frames * 255).round().astype(np.uint8)


# ---- looking at clips in a notebook ----
def film_strip(video: Clip, count: int = 8) -> "PIL.Image.Image":
    """Lay frames of a clip side by side in one picture, from the first frame to the last.

    Args:
        video: A clip, see `as_frames`, or a list of clips, which get one row each.
        count: How many frames to show, evenly spaced in time. A shorter clip shows all of its frames.

    Returns:
        A PIL image with transparent gaps, which a notebook shows if it is the last value of a cell. Small frames are
        enlarged, each pixel to a square.

    >>> film_strip(np.zeros((16, 64, 64, 3)), count=4).size
    (536, 128)
    """
    from PIL import Image

    if not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"got count {count!r}, expected a whole number of frames, at least 1")
    gap, rows = 8, []
    for frames in _as_clips(video):
        taken = frames[np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)]
        zoom = max(1, 128 // frames.shape[1])
        rows.append(to_uint8(taken).repeat(zoom, 1).repeat(zoom, 2))
    width = max(len(row) * (row.shape[2] + gap) for row in rows) - gap
    strip, y = Image.new("RGBA", (width, sum(row.shape[1] + gap for row in rows) - gap)), 0
    for row in rows:
        for i, frame in enumerate(row):
            strip.paste(Image.fromarray(frame), (i * (row.shape[2] + gap), y))
        y += row.shape[1] + gap
    return strip


def show_video(
    video: Clip, fps: float = 8, caption: Caption = None, width: int | None = None, marks: Sequence[bool] | None = None
) -> None:
    """Play a clip in the notebook, or several clips side by side.

    It starts at once and loops. The notebook file stores the video, so it plays again after reopening.

    Args:
        video: A clip (F, H, W, 3), see `as_frames`, or a list of clips.
        fps: Frames per second.
        caption: Text below the clip; for several clips, a list with one text each.
        width: Width of each clip on the page in pixels. By default small clips are enlarged to about 256, each pixel to
            a square.
        marks: For several clips, which of them get a blue frame.

    >>> show_video(np.zeros((16, 64, 64, 3)), caption="night")  # outside a notebook
    video, 16 frames of 64x64 at 8 fps: night
    """
    from IPython.display import display

    display(InlineVideo(video, fps, caption, width, marks))


class InlineVideo:
    """What `show_video` displays: the videos in HTML, or a line of text for each clip; the same on every machine."""

    def __init__(
        self,
        video: Clip,
        fps: float = 8,
        caption: Caption = None,
        width: int | None = None,
        marks: Sequence[bool] | None = None,
    ) -> None:
        clips = _as_clips(video)
        several = isinstance(caption, list) or (isinstance(caption, tuple) and len(clips) > 1)
        captions = list(caption) if several else [caption] * (1 if caption else len(clips))
        check_fps(fps)
        if len(captions) != len(clips):
            raise ValueError(f"got {len(captions)} captions for {len(clips)} clips, expected a list with one for each")
        marks = [False] * len(clips) if marks is None else marks
        if len(marks) != len(clips):
            raise ValueError(f"got {len(marks)} marks for {len(clips)} clips, expected one for each")
        if width is not None and not (isinstance(width, int | np.integer) and width >= 1):
            raise ValueError(f"got width {width!r}, expected a whole number of pixels, at least 1")
        pairs = [_figure(*clip, fps, width) for clip in zip(clips, captions, marks, strict=True)]
        self.html = f'<div style="display:flex;gap:12px;margin:8px">{"".join(figure for figure, _ in pairs)}</div>'
        self.text = "\n".join(f"video, {text}" for _, text in pairs)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def _figure(frames: np.ndarray, caption: str | None, mark: bool, fps: float, width: int | None) -> tuple[str, str]:
    """A clip in HTML and in words."""
    height, natural = frames.shape[1:3]
    text = f"{len(frames)} frames of {natural}x{height} at {float(fps):g} fps" + (f": {caption}" if caption else "")
    width = width or natural * max(1, 256 // natural)
    if width >= 2 * natural:  # yuv420p halves the resolution of colour: doubling every pixel first keeps it
        frames = frames.repeat(2, 1).repeat(2, 2)
    data = base64.b64encode(_encode_mp4(frames, fps)).decode()
    # src belongs in the video tag: Jupyter removes it from a <source> if the notebook is not trusted. JupyterLab builds
    # the page before showing it, which stops the autoplay of a stored output: hence onloadeddata.
    figure = (
        f'<figure style="margin:0;flex:0 1 {width}px;min-width:0">'
        f'<video src="data:video/mp4;base64,{data}" width="{width}" height="{round(width * height / natural)}" '
        f'title="{html.escape(text)}" controls loop muted autoplay playsinline onloadeddata="this.play()" '
        f'style="width:100%;height:auto{";image-rendering:pixelated" if width > natural else ""}'
        f'{";outline:5px solid #0072B2" if mark else ""}">'
        f"{html.escape(text)}</video>"
        f'<figcaption style="text-align:center">{html.escape(str(caption or ""))}</figcaption></figure>'
    )
    return figure, text


# ---- saving clips ----
def save_video(video: Clip, path: str | os.PathLike, fps: float = 8, *, overwrite: bool = True) -> None:
    """Save a clip as mp4, GIF or WebP; the file extension picks the format.

    - .mp4 is h264 in yuv420p, which every browser plays. An odd height or width repeats its last row or column.
    - .gif has at most 256 colours in a frame and counts time in 1/100 s.
    - .webp keeps every pixel and counts time in 1/1000 s.

    Args:
        video: A clip, see `as_frames`.
        path: The file, in an existing folder; `~` is your home folder.
        fps: Frames per second: 0.01 to 240 for .mp4, up to 50 for .gif and .webp.
        overwrite: Whether to replace an existing file.

    Raises:
        OSError: If the file cannot be written: FileNotFoundError, FileExistsError or PermissionError.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_video(np.zeros((16, 64, 64, 3)), f"{folder}/night.mp4")
    ...     os.listdir(folder)
    ['night.mp4']
    """
    path = check_output(path, overwrite)
    extension = path.suffix.lower()
    check_fps(fps, extension)
    frames = as_frames(video)
    write_whole(path, _encode_mp4(frames, fps) if extension == ".mp4" else _encode_animation(frames, fps, extension))


def save_frames(video: Clip, folder: str | os.PathLike, *, overwrite: bool = True) -> None:
    """Save a clip as a folder of numbered PNG files, frame_000.png and so on.

    Args:
        video: A clip, see `as_frames`.
        folder: A new or empty folder, or one that holds only the frames of an earlier clip; `~` is your home folder.
        overwrite: Whether to replace earlier frames. The folder is replaced as a whole.

    Raises:
        OSError: If the folder cannot be written, or holds anything else, see `save_video`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_frames(np.zeros((16, 64, 64, 3)), f"{folder}/night")
    ...     sorted(os.listdir(f"{folder}/night"))[-1]
    'frame_015.png'
    """
    from PIL import Image

    folder = check_frames_folder(folder, overwrite).resolve()
    frames = to_uint8(as_frames(video))
    digits = max(3, len(str(len(frames) - 1)))
    with whole_folder(folder) as temporary:
        for i, frame in enumerate(frames):
            Image.fromarray(frame).save(temporary / f"frame_{i:0{digits}d}.png")


def _encode_mp4(frames: np.ndarray, fps: float) -> bytes:
    """Encode an mp4 whose bytes depend on nothing but the frames: one thread, no versions and no dates in it.

    Its colours are BT.601, which players assume for small pictures if they overlook the tag. Not imageio's writer: that
    rescales odd sizes and ignores ffmpeg's failures.
    """
    frames = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    size, rate = f"{frames.shape[2]}x{frames.shape[1]}", str(Fraction(float(fps)).limit_denominator(1001))
    with tempfile.TemporaryDirectory(prefix="t2v_") as folder:
        file = os.path.join(folder, "clip.mp4")
        command = [find_ffmpeg(), "-loglevel", "error", "-filter_threads", "1"]
        command += f"-f rawvideo -pix_fmt rgb24 -s {size} -r {rate} -i - -an -threads 1".split()
        flags = "bicubic+accurate_rnd+full_chroma_int+bitexact"
        tags = "setparams=color_primaries=bt709:color_trc=iec61966-2-1"  # those of sRGB
        command += f"-vf scale=out_color_matrix=bt601:out_range=tv:flags={flags},format=yuv420p,{tags}".split()
        command += "-c:v libx264 -preset slow -crf 16 -bsf:v filter_units=remove_types=6".split()  # 6: x264's version
        command += "-fflags +bitexact -flags:v +bitexact -map_metadata -1 -movflags +faststart".split()
        done = subprocess.run([*command, file], input=to_uint8(frames).tobytes(), capture_output=True)
        if done.returncode != 0:
            said = "; ".join(done.stderr.decode(errors="replace").strip().split("\n"))
            raise OSError(f"ffmpeg failed on {len(frames)} frames of {size} with code {done.returncode}: {said}")
        return pathlib.Path(file).read_bytes()


def _encode_animation(frames: np.ndarray, fps: float, extension: str) -> bytes:
    """Encode a GIF or a WebP, which loop forever.

    Each frame is a patch over the one before; one that changes nothing has a patch all the same, so that none is lost.
    Pillow encodes the patches. Its own animations, and libwebp's, merge frames that are equal.
    """
    from PIL import GifImagePlugin, Image, ImageChops

    unit = 10 if extension == ".gif" else 1  # milliseconds
    edges = [round(1000 * i / float(fps) / unit) * unit for i in range(len(frames) + 1)]
    pictures, parts = [Image.fromarray(frame) for frame in to_uint8(frames)], []
    (width, height), last = pictures[0].size, None
    for picture, duration in zip(pictures, np.diff(edges).tolist(), strict=True):
        box = (ImageChops.difference(picture, last).getbbox() or (0, 0, 1, 1)) if last else (0, 0, width, height)
        x, y, last = box[0] // 2 * 2, box[1] // 2 * 2, picture  # WebP stores half of it
        patch = picture.crop((x, y, *box[2:]))
        if extension == ".gif":
            patch = patch.convert("P", palette=Image.Palette.ADAPTIVE)
            parts += GifImagePlugin.getdata(patch, (x, y), duration=duration, include_color_table=True)
            continue
        single = io.BytesIO()
        patch.save(single, "WEBP", lossless=True, exact=True)
        numbers = (x // 2, y // 2, patch.width - 1, patch.height - 1, duration)
        body = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\0" + single.getvalue()[12:]
        parts.append(b"ANMF" + len(body).to_bytes(4, "little") + body)
    if extension == ".gif":
        head = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0, 0, 0)
        return b"".join([head, b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0", *parts, b";"])
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    head = b"WEBPVP8X" + struct.pack("<II", 10, 2) + size + b"ANIM" + struct.pack("<IIH", 6, 0, 0)  # 2: it is animated
    data = b"".join([head, *parts])
    return b"RIFF" + len(data).to_bytes(4, "little") + data
