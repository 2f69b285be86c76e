"""Files that appear whole or not at all, whatever interrupts the writing: a full disk, a kill, two writers at once."""

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator


def appears_by_itself(path: pathlib.Path) -> bool:
    """Whether a file or folder is one that macOS, Windows or Jupyter leaves in folders it has shown."""
    files = (".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory", ".localized", "icon\r")
    folders = (".ipynb_checkpoints", ".fseventsd", ".spotlight-v100", ".trashes", "@eadir", "__macosx")
    name = path.name.lower()
    return name in folders if path.is_dir() else name in files or name.startswith(("._", ".nfs"))


def check_folder(folder: pathlib.Path) -> None:
    """Raise FileNotFoundError or PermissionError, in one line, unless files can be written in this folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"folder {str(folder)!r} does not exist, expected an existing one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"folder {str(folder)!r} is not writable, expected one that is")


def check_file(path: pathlib.Path) -> None:
    """Raise OSError, in one line, unless a file of this name can be written or replaced."""
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{str(path)!r} is not a file, expected the name of a file to write")
    check_folder(path.resolve().parent)  # a link is followed: that is where the file is written


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Write a file beside its place under a temporary name, then move it there in one step; a link is followed.

    Whatever fails, what was there before stays as it was. An OSError is one line that names the file.
    """
    path = pathlib.Path(path).resolve()
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:  # an interrupt as well
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise type(error)(error.errno, f"{error.strerror}: {path.name} was not written", str(path)) from None
        raise


@contextlib.contextmanager
def whole_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give a new folder beside `folder` to write into; at the end of the block it takes that place, in one step.

    What was there before is replaced as a whole, or stays as it was if anything fails.
    """
    new = folder.with_name(f".{secrets.token_hex(4)}.tmp")
    old = new.with_suffix(".old")
    try:
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
