"""A clip: checked, laid out as a strip, played inline in a notebook, saved as mp4, GIF, WebP or numbered PNG.

A clip is what diffusers gives: frames, float32 in [0, 1], axes (F, H, W, 3). Every function takes any form that
`as_frames` knows. Files appear whole or not at all: a clip is encoded
outside its folder first, then written beside its name and moved there in one step.
"""

import base64
import html
import io
import numbers
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile
from fractions import Fraction

import numpy as np

from ._support.files import check_folder, write_whole

ENDINGS = (".mp4", ".gif", ".webp")


def as_frames(video):
    """Check a clip and give it as float32 frames (F, H, W, 3) in [0, 1], the form that all the course uses.

    video: one of
      - a numpy array (F, H, W, 3): floats in [0, 1] (float32 is returned as it is, not copied), or uint8 in 0..255;
      - a torch tensor of either kind, (F, 3, H, W), or (F, H, W, 3) where axis 1 is neither 3 nor 1 long;
      - a list of frames of one size: PIL images of any mode, arrays (H, W, 3) or tensors (3, H, W).
      Grey arrays and tensors keep their channel axis, of length 1, which is repeated: (F, H, W, 1), (F, 1, H, W).
      Values up to 0.001 outside [0, 1], as rounding and resampling leave them, are clipped.
    Raises ValueError, one line, for anything else: another shape or dtype, a batch of clips, a clip without frames or
    pixels, NaN or infinite values, values out of [0, 1].

    >>> as_frames(np.zeros((16, 64, 64, 3), dtype=np.uint8)).dtype
    dtype('float32')
    """
    frames, expected = _stack(video) if isinstance(video, list | tuple) else _as_array(video), "expected (F, H, W, 3)"
    if frames.dtype.kind != "f" and frames.dtype != np.uint8:
        got = f"dtype {frames.dtype}" if frames.ndim else f"a {type(video).__name__}"
        raise ValueError(f"a clip is floats in [0, 1] or uint8: got {got}, {expected}")
    if frames.ndim == 5:
        raise ValueError(f"got a batch of {len(frames)} clips, shape {frames.shape}, {expected}: give one clip of it")
    if frames.ndim != 4 or frames.shape[-1] not in (1, 3):
        raise ValueError(f"a clip has four axes, the last one red, green, blue: got shape {frames.shape}, {expected}")
    if frames.size == 0:
        raise ValueError(f"got an empty clip, shape {frames.shape}, {expected} with at least one frame and pixel")
    if frames.dtype == np.uint8:
        frames = frames / np.float32(255)
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


def _as_array(picture):
    """A picture or a clip, of PIL, torch or numpy, as an array with its channels last."""
    if hasattr(picture, "convert"):  # PIL
        return np.asarray(picture.convert("RGB"))
    if hasattr(picture, "detach"):  # torch
        picture = picture.detach().cpu()
        if picture.ndim >= 3 and picture.shape[-3] in (1, 3):
            picture = picture.movedim(-3, -1)
        return (picture.float() if picture.is_floating_point() else picture).numpy()
    return np.asarray(picture)


def _stack(pictures):
    pictures = [_as_array(picture) for picture in pictures]
    shapes = sorted({picture.shape for picture in pictures})
    if not shapes:
        raise ValueError("got an empty clip, expected at least one frame")
    if len(shapes) > 1:
        raise ValueError(f"got frames of different shapes, {shapes[0]} and {shapes[1]}, expected all of one")
    return np.stack(pictures)


def as_clips(video):
    """One clip, or a list of clips, as a list of frames arrays; see `as_frames`."""
    first = video[0] if isinstance(video, list | tuple) and video else None
    several = isinstance(first, list | tuple) or getattr(first, "ndim", 0) == 4
    return [as_frames(clip) for clip in video] if several else [as_frames(video)]


def to_uint8(frames):
    """Frames in [0, 1] as the nearest of the 256 levels that files keep."""
    return (frames * 255).round().astype(np.uint8)


def film_strip(video, count=8):
    """Lay frames of a clip side by side in one picture, from the first frame to the last.

    video: a clip, see `as_frames`, or a list of clips, one row each.
    count: how many frames to take, evenly spaced in time; all of them where the clip has fewer.
    Returns a PIL image, which a notebook shows where it is a cell's last value (`display(film_strip(...))` elsewhere)
    and `.save("strip.png")` writes. Pixels of small frames are drawn as squares; the gaps are transparent.
    Raises ValueError on a bad clip or count.

    >>> film_strip(np.zeros((16, 64, 64, 3)), count=4).size
    (536, 128)
    """
    from PIL import Image

    if not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"got count {count!r}, expected a whole number of frames, at least 1")
    gap, rows = 8, []
    for frames in as_clips(video):
        taken = frames[np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)]
        zoom = max(1, 128 // frames.shape[1])
        rows.append([Image.fromarray(frame) for frame in to_uint8(taken).repeat(zoom, 1).repeat(zoom, 2)])
    width = max(len(row) * (row[0].width + gap) for row in rows) - gap
    strip = Image.new("RGBA", (width, sum(row[0].height + gap for row in rows) - gap))
    y = 0
    for row in rows:
        for i, picture in enumerate(row):
            strip.paste(picture, (i * (picture.width + gap), y))
        y += row[0].height + gap
    return strip


def check_fps(fps, ending=".mp4"):
    """Raise ValueError unless `fps` is a number of frames per second that a file with this ending can keep.

    An mp4 takes 0.01 to 240 fps. GIF and WebP take 0.01 to 50: browsers slow down what is faster.
    """
    most = 240 if ending == ".mp4" else 50
    number = isinstance(fps, numbers.Real) and not isinstance(fps, bool | np.bool_)
    if not (number and 0.01 <= fps <= most):  # NaN is neither
        raise ValueError(f"got fps {fps!r}, expected a number from 0.01 to {most} frames per second for {ending}")


def check_output(path, overwrite=True):
    """Check, before anything is generated, that a clip can be saved as `path`; returns it as an absolute Path.

    Raises ValueError (unknown ending), FileNotFoundError (no such folder), FileExistsError (the path is a folder, or
    exists and `overwrite` is false) or PermissionError, each in one line.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"got output file {str(path)!r}, expected an ending of {', '.join(ENDINGS)}")
    return _check_place(path, overwrite)


def check_frames_folder(folder, overwrite=True):
    """Check, as `check_output` does, that frames can be saved in `folder`; returns it as an absolute Path.

    The folder may be new or empty, or hold numbered frames of an earlier clip and nothing else (FileExistsError).
    """
    path = pathlib.Path(folder)
    if path.is_dir():
        files = sorted(path.iterdir())
        other = next((f.name for f in files if not re.fullmatch(r"frame_\d+\.png", f.name) or f.is_dir()), None)
        if other:
            raise FileExistsError(f"folder {str(folder)!r} holds {other!r}, expected a new folder, or frames alone")
        if files and not overwrite:
            raise FileExistsError(f"folder {str(folder)!r} holds frames already, expected a new folder")
        if path.resolve() == pathlib.Path.cwd():
            raise ValueError(f"got the working folder {str(folder)!r} for the frames, expected a folder inside it")
        return path.absolute()
    return _check_place(path, overwrite=False)


def _check_place(path, overwrite):
    if path.is_dir():
        raise FileExistsError(f"{str(path)!r} is a folder, expected the name of a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists already, expected a new name, or --overwrite (overwrite=True)")
    check_folder(path.resolve().parent)  # of what a link points to: that is written, and the link stays
    return path.absolute()


def save_video(video, path, fps=8, *, overwrite=True):
    """Save a clip as a file; the ending picks the format.

    .mp4 is h264 in yuv420p, which every browser plays; its sizes are even, so that an odd height or width gets its last
    row or column once more. .gif has at most 256 colours a frame. .webp keeps every pixel as it is. GIF counts time
    in 1/100 s, WebP in 1/1000 s: delays are rounded so that no frame is off by more than half of that and the clip
    keeps its length, and a frame that equals the one before it only lengthens that one's delay.

    video: a clip, see `as_frames`. path: a file in an existing folder. fps: frames per second, see `check_fps`.
    overwrite: whether an existing file is replaced, in one step, once the new one is complete.
    Raises ValueError, FileNotFoundError, FileExistsError or PermissionError before anything is written.

    >>> from t2v_helpers import shapes
    >>> save_video(shapes.render("a red circle moving left", seed=0), os.devnull + ".avi")
    Traceback (most recent call last):
    ValueError: got output file '/dev/null.avi', expected an ending of .mp4, .gif, .webp
    """
    path = check_output(path, overwrite)
    ending = path.suffix.lower()
    check_fps(fps, ending)
    frames = as_frames(video)
    data = _encode_mp4(frames, fps) if ending == ".mp4" else _encode_animation(frames, fps, ending)
    write_whole(path, data)


def _encode_mp4(frames, fps):
    """The bytes of an mp4: the same for the same frames, on one thread and without versions or dates in it.

    BT.601 is what players take for small pictures when they overlook the tag. imageio's own writer is not used: it
    rescales odd sizes, and takes no notice of a failure of ffmpeg.
    """
    import imageio_ffmpeg

    frames = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    size, rate = f"{frames.shape[2]}x{frames.shape[1]}", str(Fraction(float(fps)).limit_denominator(1001))
    with tempfile.TemporaryDirectory(prefix="t2v_") as folder:
        file = os.path.join(folder, "clip.mp4")
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-filter_threads", "1"]
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


def _encode_animation(frames, fps, ending):
    from PIL import Image

    unit = 10 if ending == ".gif" else 1  # milliseconds
    edges = [round(1000 * i / float(fps) / unit) * unit for i in range(len(frames) + 1)]
    first, *others = (Image.fromarray(frame) for frame in to_uint8(frames))
    options = {"lossless": True, "exact": True} if ending == ".webp" else {}
    data = io.BytesIO()
    durations = np.diff(edges).tolist()
    first.save(data, ending[1:], save_all=True, append_images=others, duration=durations, loop=0, **options)
    return data.getvalue()


def save_frames(video, folder, *, overwrite=True):
    """Save a clip as a folder of numbered pictures, frame_000.png and on; the folder appears whole or not at all.

    video: a clip, see `as_frames`. folder: a new or empty folder, or one with the frames of an earlier clip alone,
    which is replaced as a whole where `overwrite` is true; a folder that holds anything else is left as it is.
    Raises ValueError, FileNotFoundError, FileExistsError or PermissionError before anything is written.

    >>> save_frames(np.zeros((16, 64, 64, 3)), "no/such/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: folder '...such' does not exist, expected an existing one
    """
    from PIL import Image

    folder = check_frames_folder(folder, overwrite).resolve()
    frames = to_uint8(as_frames(video))
    digits = max(3, len(str(len(frames) - 1)))
    temp = folder.with_name(f".{secrets.token_hex(4)}.tmp")
    old = temp.with_suffix(".old")
    try:
        temp.mkdir()
        for i, frame in enumerate(frames):
            Image.fromarray(frame).save(temp / f"frame_{i:0{digits}d}.png")
        if folder.exists():
            folder.rename(old)  # out of the way as a whole: no frame of a longer clip stays among the new ones
        temp.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(temp, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


class InlineVideo:
    """What `show_video` displays: `html` carries the video with it; as text it is the same on every machine.

    The parameters are those of `show_video`.
    """

    def __init__(self, video, fps=8, caption=None, width=None):
        clips = as_clips(video)
        several = isinstance(caption, list) or (isinstance(caption, tuple) and len(clips) > 1)
        captions = list(caption) if several else [caption] * (1 if caption else len(clips))
        check_fps(fps)
        if len(captions) != len(clips):
            raise ValueError(f"got {len(captions)} captions for {len(clips)} clips, expected a list with one for each")
        if width is not None and not (isinstance(width, int | np.integer) and width >= 1):
            raise ValueError(f"got width {width!r}, expected a whole number of pixels, at least 1")
        texts = [
            f"{len(frames)} frames of {frames.shape[2]}x{frames.shape[1]} at {float(fps):g} fps"
            + (f": {words}" if words else "")
            for frames, words in zip(clips, captions, strict=True)
        ]
        figures = "".join(_figure(*clip, fps, width) for clip in zip(clips, captions, texts, strict=True))
        self.html = f'<div style="display:flex;gap:12px">{figures}</div>'
        self.text = "\n".join(f"video, {text}" for text in texts)

    def _repr_html_(self):
        return self.html

    def __repr__(self):
        return self.text


def _figure(frames, caption, text, fps, width):
    height, natural = frames.shape[1:3]
    width = width or natural * max(1, 256 // natural)
    if width >= 2 * natural:  # yuv420p halves the resolution of colour: two by two pixels for one keep it
        frames = frames.repeat(2, 1).repeat(2, 2)
    data = base64.b64encode(_encode_mp4(frames, fps)).decode()
    # src stands in the tag: Jupyter takes it from a <source> while the notebook is not trusted. JupyterLab builds the
    # page before it shows it, which loses the autoplay of a stored output: hence onloadeddata.
    return (
        f'<figure style="margin:0;flex:0 1 {width}px;min-width:0">'
        f'<video src="data:video/mp4;base64,{data}" width="{width}" height="{round(width * height / natural)}" '
        f'title="{html.escape(text)}" controls loop muted autoplay playsinline onloadeddata="this.play()" '
        f'style="width:100%;height:auto{";image-rendering:pixelated" if width > natural else ""}">'
        f"{html.escape(text)}</video>"
        f'<figcaption style="text-align:center">{html.escape(str(caption or ""))}</figcaption></figure>'
    )


def show_video(video, fps=8, caption=None, width=None):
    """Play a clip, or several side by side, in the notebook: at once, in a loop, and from the notebook file alone.

    video: a clip, see `as_frames`, or a list of clips. fps: frames per second.
    caption: a text under the clip, or a list with one for each clip. width: of each clip on the page, in pixels; by
    default small clips are enlarged to about 256, every pixel as a square.
    Raises ValueError on a bad clip, fps or width, or where captions and clips differ in number.

    >>> show_video(np.zeros((16, 64, 64, 3)), caption="night")  # outside of a notebook
    video, 16 frames of 64x64 at 8 fps: night
    """
    from IPython.display import display

    display(InlineVideo(video, fps, caption, width))
