"""Files that appear whole or not at all, whatever interrupts the writing: a full disk, a kill, two writers at once."""

import os
import pathlib
import secrets


def check_folder(folder):
    """Raise FileNotFoundError or PermissionError, with one line, unless files can be written in this folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"folder {str(folder)!r} does not exist, expected an existing one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"folder {str(folder)!r} is not writable, expected one that is")


def write_whole(path, data):
    """Write bytes beside `path` under a name of its own, then move them there in one step; a link is followed.

    Raises OSError with one line that names the file; what was there before then stays as it was.
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
