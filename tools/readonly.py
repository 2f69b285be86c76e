"""Run the notebooks from a checkout that may not be written to, with an empty home, in reverse order and then again.

The tracked files are copied to another folder and lose their write bits; afterwards the copy has to be what it was, to
the byte, which also tells of the superuser, whom write bits do not stop.
Usage: python tools/readonly.py [notebook ...]
Exit code 0 if every run is green and nothing was written, else 1.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from course import NBVAL, NOTEBOOKS, ROOT

# What may lead back to a home: packages that look for one of these find it unset.
HOMES = ("HF_", "XDG_", "MPL", "IPYTHON", "JUPYTER", "TORCH_HOME", "PYTHONPYCACHEPREFIX")


def checkout(folder):
    """Copy the tracked files, those that are changed or new included, to a folder, and take the write bits away."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~0o222)


def fingerprint(folder):
    """Every name under a folder, with a hash of what is in it."""
    return {
        str(path.relative_to(folder)): path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
    }


def environment(folder, home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(HOMES)}
    here = {"HOME": str(home), "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return kept | here


def main(names):
    names = [f"notebooks/{path.name}" for path in map(pathlib.Path, names or NOTEBOOKS)]
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary, "checkout")
        folder.mkdir()
        checkout(folder)
        before = fingerprint(folder)
        for title, order in (("reverse order", names[::-1]), ("and again", names)):
            with tempfile.TemporaryDirectory() as home:
                command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *NBVAL, *order]
                done = subprocess.run(
                    command, cwd=folder, env=environment(folder, home), capture_output=True, text=True
                )
            failed |= done.returncode != 0
            print(f"{title}: {done.stdout.strip().splitlines()[-1]}", flush=True)
            print(done.stdout if done.returncode else "", done.stderr, sep="", end="")
        after = fingerprint(folder)
        changed = sorted(name for name in before | after if before.get(name) != after.get(name))
        print("written to in the checkout:", *(changed or ["nothing"]))
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)  # so that it can be removed
    return int(failed or bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
