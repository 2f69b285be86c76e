"""Clips from anywhere: videos that ffmpeg reads, animations that Pillow reads, folders of pictures.

Frames and times are those that the file holds: none is added or left out to make the frame rate even.
"""

import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ._support.ffmpeg import find_ffmpeg
from ._support.files import appears_by_itself
from .video import as_frames

if TYPE_CHECKING:
    import PIL.Image

PICTURES = ("GIF", "WEBP", "PNG", "AVIF", "TIFF", "JPEG", "JPEG2000", "BMP", "PPM")  # Pillow's; ffmpeg gets the rest
RAW = (".mjpeg", ".mjpg")  # JPEGs in a row, of which Pillow would see the first; they hold no times
MOST = 4 * 2**30  # bytes of a clip's frames


def read_video(
    path: str | os.PathLike,
    *,
    size: tuple[int, int] | None = None,
    num_frames: int | None = None,
    fps: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Read a clip: mp4, mov, mkv, webm, avi, GIF, WebP, APNG and the like, or a folder of pictures.

    A rotation that the file asks for is applied, and what is transparent shows white, as on a web page. Pictures of a
    folder are in the order of the numbers in their names. HDR and interlaced video are not converted.

    Args:
        path: A file or folder; `~` is your home folder.
        size: Width and height in pixels: frames are scaled to cover it, then cropped at the center.
        num_frames: How many frames to take: the first ones at the rate `fps` or, without it, evenly spaced in time.
        fps: Take frames at this rate, each the one on show at that time. It is also the rate of a folder of pictures
            or any file that holds no times, which is otherwise 8.

    Returns:
        Frames, float32 (F, H, W, 3) in [0, 1], and times (F + 1,) in seconds: when each frame begins, from 0, and when
        the last one ends.

    Raises:
        ValueError: The file is not a clip, is broken or cut short, or has too few frames; one line with file and why.
        FileNotFoundError: There is no such file.

    >>> from t2v_helpers import save_video
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_video(np.zeros((3, 64, 48, 3)), f"{folder}/night.webp", fps=10)
    ...     frames, times = read_video(f"{folder}/night.webp")
    >>> frames.shape, times.tolist()
    ((3, 64, 48, 3), [0.0, 0.1, 0.2, 0.3])
    """
    path, frames = pathlib.Path(path).expanduser(), []
    if num_frames is not None and not (isinstance(num_frames, int | np.integer) and num_frames >= 1):
        raise ValueError(f"num_frames = {num_frames!r}, expected a whole number, at least 1")
    if fps is not None and not fps > 0:
        raise ValueError(f"fps = {fps!r}, expected a number above 0")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing, expected a clip")

    def keep(picture: object) -> None:
        frame = as_frames([picture])[0]
        frames.append(_cover(frame, *size) if size else frame)
        if len(frames) * frames[-1].nbytes > MOST:
            raise ValueError(
                f"its first {len(frames)} frames take 4 GB of memory: cut it, or read it at a smaller size"
            )

    try:
        delay, end = 1 / (fps or 8), (num_frames + 1) / fps + 1 if num_frames and fps else None
        if path.is_dir():
            delays = _read_folder(path, keep, delay)
        elif not path.stat().st_size:
            raise ValueError("it is empty")
        else:
            delays = _read_animation(path, keep, delay) or _read_movie(path, keep, delay, end)
        clip, times = as_frames(frames), np.cumsum([0.0, *delays]).round(9)
        if num_frames or fps:
            taken, times = _sample(times, num_frames, fps)
            clip = clip[taken]
        return clip, times
    except Exception as error:  # each reader has its own
        reason = " ".join(str(error).split())[:250] or type(error).__name__
        reason = reason if isinstance(error, ValueError | OSError) else f"broken or cut short: {reason}"
        raise ValueError(f"{path} cannot be read as a clip ({reason})") from None


def _open(path: pathlib.Path) -> "PIL.Image.Image":
    from PIL import Image

    Image.init()
    return Image.open(path, formats=[name for name in PICTURES if name in Image.OPEN])


def _read_folder(folder: pathlib.Path, keep: Callable, delay: float) -> list[float]:
    """Give `keep` the pictures of a folder; returns the seconds that each is shown, which are `delay`."""
    from PIL import ImageOps

    def in_time(file: pathlib.Path) -> list:
        return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.name)]

    files = sorted((file for file in folder.iterdir() if not appears_by_itself(file)), key=in_time)
    for file in files:
        try:
            with _open(file) as image:
                if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # a photo with a second view in it
                    raise ValueError("has several frames")
                keep(ImageOps.exif_transpose(image))
        except (ValueError, OSError) as error:
            raise ValueError(f"{error} in {file.name}, expected pictures alone") from None
    return [delay] * len(files)


def _read_animation(path: pathlib.Path, keep: Callable, delay: float) -> list[float]:
    """Give `keep` the frames of a file that Pillow knows; returns their seconds, or [] for another file."""
    from PIL import Image, ImageOps

    if path.suffix.lower() in RAW:
        return []
    try:
        image = _open(path)
    except Image.UnidentifiedImageError:
        return []
    delays = []
    with image:
        count = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
        for i in range(bool(getattr(image, "default_image", False)), count):  # an APNG's for viewers that show no clip
            image.seek(i)
            image.load()  # which sets the duration
            milliseconds = image.info.get("duration", 0 if count > 1 and image.format != "TIFF" else None)
            # Browsers show a frame with a delay up to 10 ms for 100 ms.
            delays.append(delay if milliseconds is None else (milliseconds if milliseconds > 10 else 100) / 1000)
            keep(ImageOps.exif_transpose(image))
    if image.format in ("PNG", "PPM"):  # of pictures in a row, as ffmpeg writes to a pipe, Pillow shows the first
        begins = b"\x89PNG\r\n\x1a\n" if image.format == "PNG" else path.read_bytes()[:20].split(b"\n255\n")[0]
        if path.read_bytes().count(begins) > 1:
            raise ValueError("it holds several pictures in a row, expected a video or a folder of pictures")
    if image.format == "GIF":  # Pillow notices a cut within a frame, not one between two
        data = path.read_bytes()
        if data.endswith(b"\0") and not data.rstrip(b"\0").endswith(b";"):
            raise ValueError("it is cut short")
    return delays


def _read_movie(path: pathlib.Path, keep: Callable, delay: float, end: float | None) -> list[float]:
    """Give `keep` the frames that ffmpeg decodes, up to the second `end`; returns their seconds."""
    command = [find_ffmpeg(), *"-nostdin -hide_banner -nostats -loglevel level+info -xerror".split()]
    with open(path, "rb") as file:
        head = file.read(2**16)
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):  # of whose tiles ffmpeg would take the first
        raise ValueError("it is a HEIC photo, expected JPEG or PNG")
    if b"\x53\xc0\x81\x01" in head:  # Matroska's AlphaMode: only this decoder reads the transparency
        command += ["-c:v", "libvpx-vp9" if b"V_VP9" in head else "libvpx"]
    command += ["-f", "mjpeg"] if path.suffix.lower() in RAW else []
    command += ["-t", str(end)] if end else []
    command += ["-protocol_whitelist", "file", "-i", f"file:{path}", "-map", "0:V:0"]  # V: no cover pictures
    # PAM keeps grey, alpha and 16 bits; showinfo reports the times.
    square = "scale=w='if(gt(sar,0),round(iw*sar),iw)':h=ih"  # where pixels are not as wide as high
    command += f"-vf {square},showinfo=checksum=0 -fps_mode passthrough -c:v pam -f image2pipe -".split()
    count = 0
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as process:
            while (picture := _read_pam(process.stdout)) is not None:
                keep(picture)
                count += 1
        log.seek(0)
        said = log.read().decode(errors="replace")
    lines = [line for line in said.split("\n") if re.search(r"\[(error|fatal)\] (?!Error opening input f)", line)]
    errors = "; ".join(re.sub(r"^(\[[^]]* @ [^]]*\] )?\[\w+\] ", "", line) for line in lines)
    if "matches no streams" in errors or "Input #0, tty" in said:  # ffmpeg would film a text as it is typed
        raise ValueError("it holds no video")
    if process.returncode or not count or re.search("partial file|ended prematurely|[Tt]runcat", errors):
        raise ValueError(errors or "ffmpeg finds no frames in it")
    return [delay] * count if path.suffix.lower() in RAW else _delays(said, count, delay)


def _read_pam(stream: BinaryIO) -> np.ndarray | None:
    """The next picture of a stream of PAM files, floats (H, W, 1 or 3), transparent on white; None at its end."""
    head = {}
    while (line := stream.readline().split()) != [b"ENDHDR"]:
        if not line:
            return None
        head[line[0]] = line[-1]
    height, width, depth, most = (int(head[name]) for name in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL"))
    dtype = np.dtype(np.uint8 if most < 256 else ">u2")
    data = stream.read(height * width * depth * dtype.itemsize)
    if len(data) < height * width * depth * dtype.itemsize:
        return None
    picture = np.frombuffer(data, dtype).reshape(height, width, depth) / np.float32(most)
    color, alpha = picture[..., : depth - (depth % 2 == 0)], picture[..., -1:]
    return color if depth % 2 else color * alpha + 1 - alpha


def _delays(said: str, count: int, delay: float) -> list[float]:
    """The seconds that each of `count` frames is shown, from what ffmpeg's showinfo reported of them."""
    match = re.search(r"config in time_base: (\d+)/(\d+), frame_rate: (\d+)/(\d+)", said)
    tick, tock, frames, seconds = map(int, match.groups())
    even = seconds / frames if frames and seconds else delay
    shown = re.findall(r"\] n: *\d+ pts: *(-?\d+)(?: .*? duration: *(\d+))?", said)
    if len(shown) != count:  # a raw stream, which has no times
        return [even] * count
    gaps = np.diff([int(start) for start, _ in shown]) * tick / tock
    if (gaps < 0).any():
        raise ValueError("the times of its frames run backwards")
    last = int(shown[-1][1] or 0) * tick / tock
    return [*gaps.tolist(), last or (gaps[-1] if count > 1 else even)]


def _cover(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    """A frame (H, W, 3), scaled until it covers (height, width, 3), and cropped to it at the center."""
    from PIL import Image

    h, w = frame.shape[:2]
    if (w, h) == (width, height):
        return frame
    zoom = min(w / width, h / height)
    left, top = max(0, w - zoom * width) / 2, max(0, h - zoom * height) / 2
    options = {"size": (width, height), "resample": Image.Resampling.BICUBIC, "box": (left, top, w - left, h - top)}
    bands = [Image.fromarray(frame[..., band]).resize(**options) for band in range(3)]
    return np.stack(bands, -1).clip(0, 1)


def _sample(times: np.ndarray, num_frames: int | None, fps: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Which frames to take for so many at such a rate, as in `read_video`, and the times they then have."""
    starts, end = times[:-1], times[-1]
    count = int(np.ceil(end * fps - 1e-4)) if fps else len(starts)
    if count < (num_frames or 1):
        rate = f" at {fps:g} fps" if fps else ""
        raise ValueError(f"it lasts {end:g} s, which is {count} frames{rate}, expected at least {num_frames or 1}")
    count = num_frames or count
    at = np.arange(count + 1) / fps if fps else np.append(np.linspace(0, starts[-1], count), end)
    return np.searchsorted(starts, at[:-1] + 1e-4, side="right") - 1, at
