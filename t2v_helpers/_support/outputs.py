"""Checks of where and how a clip can be saved, made before anything is generated; each raises an error of one line."""

import numbers
import os
import pathlib
import re

import numpy as np

from .ffmpeg import find_ffmpeg
from .files import appears_by_itself, check_file, check_folder

EXTENSIONS = (".mp4", ".gif", ".webp")


def check_fps(fps: float, extension: str = ".mp4") -> None:
    """Raise ValueError unless a file with this extension can have this frame rate."""
    most = 240 if extension == ".mp4" else 50  # browsers slow down faster ones
    number = isinstance(fps, numbers.Real) and not isinstance(fps, bool | np.bool_)
    if not (number and 0.01 <= fps <= most):  # NaN fails this too
        raise ValueError(f"got fps {fps!r}, expected a number from 0.01 to {most} frames per second for {extension}")


def check_output(path: str | os.PathLike, overwrite: bool = True) -> pathlib.Path:
    """Return the absolute path of a clip if it can be saved there; ValueError or OSError as in `save_video`."""
    path = pathlib.Path(path).expanduser()
    if path.suffix.lower() not in EXTENSIONS:
        raise ValueError(f"got output file {str(path)!r}, expected the extension {', '.join(EXTENSIONS)}")
    if path.is_file() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists already, expected a new name, or --overwrite (overwrite=True)")
    check_file(path)
    if path.suffix.lower() == ".mp4":
        find_ffmpeg()
    return path.absolute()


def check_frames_folder(folder: str | os.PathLike, overwrite: bool = True) -> pathlib.Path:
    """Return the absolute path of a folder if frames can be saved in it; ValueError or OSError as in `save_frames`."""
    path = pathlib.Path(folder).expanduser()
    if path.is_file():
        raise FileExistsError(f"{str(path)!r} is a file, expected a new folder")
    if not path.exists():
        check_folder(path.resolve().parent)
        return path.absolute()
    files = sorted(file for file in path.iterdir() if not appears_by_itself(file))
    other = next((f.name for f in files if not re.fullmatch(r"frame_\d+\.png", f.name) or f.is_dir()), None)
    if other:
        raise FileExistsError(f"folder {str(folder)!r} holds {other!r}, expected a new folder, or frames alone")
    if files and not overwrite:
        raise FileExistsError(f"folder {str(folder)!r} holds frames already, expected a new folder")
    if path.resolve() == pathlib.Path.cwd():
        raise ValueError(f"got the working folder {str(folder)!r} for the frames, expected a folder inside it")
    return path.absolute()
