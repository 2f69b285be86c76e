"""Core tests and three notebooks under the oldest and the newest supported packages: make versions.

Each row is a throwaway virtual environment on top of the one that runs this: the packages that the row names, and what
these need, stand before those that are installed. A row that names a Python has an environment of its own, with the
packages of constraints.txt but for those that it names. Prints a table of what was seen to work.
Usage: python tools/versions.py [--row torch=2.6.0] [--row python=python3.13 torch=newest] ...
Without --row: ROWS, which leave torch as it is. Exit code 0 if every row works, 2 for a row that cannot be meant.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version

from course import NBVAL, ROOT

# What stands on these packages most: tests of the code, and the notebooks on schedulers and the pipeline's insides.
CODE = sorted(
    str(path.relative_to(ROOT))
    for name in ("schedules", "samplers", "tiny", "pipelines", "probes")
    for path in (ROOT / "tests").glob(f"test_{name}*.py")
)
NOTEBOOKS = [
    f"notebooks/{name}.ipynb" for name in ("00_first_video", "04_schedules_and_steps", "07_inside_the_pipeline")
]
# What another version calls deprecated is no failure of it.
WARNINGS = ["-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning"]
# A row: the packages that are other than those of constraints.txt. "newest" is what pip finds within requirements.txt.
ROWS = [
    {},
    {"diffusers": "oldest"},
    {"transformers": "oldest"},
    {"accelerate": "oldest"},
    {"numpy": "oldest"},
    {"diffusers": "oldest", "transformers": "oldest", "accelerate": "oldest"},
    {"diffusers": "newest", "transformers": "newest", "accelerate": "newest", "numpy": "newest"},
]
SHOWN = ("torch", "diffusers", "transformers", "accelerate", "numpy")
SAY = f"""
import platform
from importlib.metadata import version
print(platform.python_version(), *map(version, {SHOWN}))
"""


def bounds():
    """Package -> its range in requirements.txt, such as >=0.42,<0.43."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(re.match(r"([\w-]+)(.*)", line).groups() for line in lines if line and line[0] != "#")


def wanted(name, which):
    """What pip is asked for: the version that the range begins with, the newest in it, or a version."""
    span = bounds()[name]
    if which == "oldest":
        numbers = re.match(r">=([\d.]+)", span)[1].split(".")
        which = ".".join([*numbers, "0", "0"][:3])
    return f"{name}{span}" if which == "newest" else f"{name}=={which}"


def environment(row, folder):
    """Make the environment of a row in a folder: (its Python, what pip said where it failed)."""
    python = folder / "venv" / "bin" / "python"
    names = [name for name in row if name != "python"]
    asked = [wanted(name, row[name]) for name in names]
    pins = [f"torch=={version('torch')}"]
    subprocess.run([row.get("python", sys.executable), "-m", "venv", "--without-pip", folder / "venv"], check=True)
    if "python" in row:
        pins = (ROOT / "constraints.txt").read_text().splitlines()
        asked += ["-r", ROOT / "requirements.txt", "-e", f"{ROOT}[test]"]
    else:
        inside = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        (inside / "below.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "pins.txt").write_text("\n".join(pin for pin in pins if pin.split("==")[0] not in names))
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--upgrade"]
    command += ["-c", folder / "pins.txt", *asked]
    done = subprocess.run(command, capture_output=True, text=True) if row else None
    errors = re.findall(r"ERROR: (.*)", done.stderr) if done and done.returncode else []
    return python, "; ".join(errors)


def run(row):
    """(the versions that were in use, Python's first, what came of the tests) for one row."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        python, trouble = environment(row, folder)
        if trouble:
            return [row.get(name, "") for name in ("python", *SHOWN)], f"not installed: {trouble}"
        variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        seen = subprocess.run([python, "-c", SAY], env=variables, capture_output=True, text=True, check=True)
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", "--tb=line", *WARNINGS, *NBVAL, *CODE, *NOTEBOOKS]
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        failures = [line for line in said if line.startswith(("FAILED", "ERROR"))][:5]
        return seen.stdout.split(), "; ".join([*failures, said[-1]])


def parse(words):
    """A row from words such as torch=2.6.0; ValueError for another package or none."""
    row = dict(word.partition("=")[::2] for word in words)
    for name, which in row.items():
        if (name != "python" and name not in bounds()) or not which:
            raise ValueError(f"{name}={which}: expected python=... or a package of requirements.txt, and its version")
    return row


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Run core tests under other versions of what the course stands on.")
    parser.add_argument("--row", nargs="+", action="append", metavar="NAME=VERSION", help="this instead of ROWS")
    try:
        rows = [parse(words) for words in parser.parse_args(arguments).row or []] or ROWS
    except ValueError as error:
        print("versions:", error, file=sys.stderr)
        return 2
    print("| Python |", " | ".join(SHOWN), "| tests and notebooks |")
    print("|" + " --- |" * (len(SHOWN) + 2), flush=True)
    works = True
    for row in rows:
        seen, said = run(row)
        works &= bool(re.match(r"\d+ passed", said))
        print("|", " | ".join(seen), "|", said, "|", flush=True)
    return int(not works)


if __name__ == "__main__":
    sys.exit(main())
