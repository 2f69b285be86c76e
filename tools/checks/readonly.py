"""Run the notebooks from a write-protected copy, with an empty home, in reverse order: make readonly.

Tracked and new files are copied to another folder and made read-only. Afterwards the copy has to be the same, byte for
byte, which also catches what the superuser writes, whom permissions don't stop.

Exit code 0 if the run passes and nothing was written, else 1.
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
    variables = {name: value for name, value in os.environ.items() if not name.startswith(HOMES)}
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(temporary, "checkout")
        folder.mkdir()
        subprocess.run(["bash", "-c", COPY, folder], cwd=ROOT, check=True)
        before = fingerprint(folder)
        variables |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "HOME": home}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *NBVAL, *names[::-1]]
        done = subprocess.run(command, cwd=folder, env=variables)
        after = fingerprint(folder)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    print("written to in the checkout:", *(changed or ["nothing"]))
    return int(done.returncode != 0 or bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
