"""The ffmpeg that encodes and decodes clips, checked before it is needed."""

import functools
import os
import subprocess

ADVICE = "run pip install --force-reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to an ffmpeg that works"


def find_ffmpeg() -> str:
    """Return the path of an ffmpeg that runs here and can encode mp4; OSError, in one line, says what to do without."""
    try:
        import imageio_ffmpeg

        return _checked(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise OSError(f"found no ffmpeg, which mp4 files need: {ADVICE}") from None


@functools.cache
def _checked(path: str) -> str:
    """The same path if the program there is an ffmpeg with libx264."""
    named = "IMAGEIO_FFMPEG_EXE" if os.environ.get("IMAGEIO_FFMPEG_EXE") == path else "the ffmpeg found"
    command = [path, "-hide_banner", "-h", "encoder=libx264"]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    except (OSError, ValueError) as error:  # missing, not executable, built for another machine; a zero byte
        raise OSError(f"{named}, {path!r}, does not run ({getattr(error, 'strerror', error)}): {ADVICE}") from None
    if b"Encoder libx264" not in done.stdout:
        why = "cannot encode h264" if b"ffmpeg" in done.stdout + done.stderr.lower() else "is not a working ffmpeg"
        raise OSError(f"{named}, {path!r}, {why}: {ADVICE}")
    return path
