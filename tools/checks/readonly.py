"""Run the notebooks from a write-protected copy, with an empty home, in reverse order and then again: make readonly.

Tracked and new files are copied to another folder and made read-only. Afterwards the copy has to be the same, byte for
byte, which also catches what the superuser writes, whom permissions don't stop.

Usage: python -m tools.checks.readonly [notebook ...]
Exit code 0 if every run passes and nothing was written, else 1.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

from tools.course import NBVAL, NOTEBOOKS, ROOT

# Variables that may lead back to the real home: packages that look for one of these find it unset.
HOMES = ("HF_", "XDG_", "MPL", "IPYTHON", "JUPYTER", "TORCH_HOME", "PYTHONPYCACHEPREFIX")
COPY = 'git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0" && chmod -R a-w "$0"'


def fingerprint(folder):
    """Every path under a folder, with a hash of its content."""
    return {
        str(path.relative_to(folder)): path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
    }


def main(names):
    names = [f"notebooks/{path.name}" for path in map(pathlib.Path, names or NOTEBOOKS)]
    failed = False
    variables = {name: value for name, value in os.environ.items() if not name.startswith(HOMES)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary, "checkout")
        folder.mkdir()
        subprocess.run(["bash", "-c", COPY, folder], cwd=ROOT, check=True)
        before = fingerprint(folder)
        variables |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        for title, order in (("reverse order", names[::-1]), ("and again", names)):
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *NBVAL, *order]
            with tempfile.TemporaryDirectory() as home:
                variables["HOME"] = home
                done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
            failed |= done.returncode != 0
            print(f"{title}: {done.stdout.strip().splitlines()[-1]}", flush=True)
            print(done.stdout if done.returncode else "", done.stderr, sep="", end="")
        after = fingerprint(folder)
        changed = sorted(name for name in before | after if before.get(name) != after.get(name))
        print("written to in the checkout:", *(changed or ["nothing"]))
    return int(failed or bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
