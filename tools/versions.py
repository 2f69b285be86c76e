"""Core tests and three notebooks under the oldest and the newest supported packages: make versions.

Each row is a throwaway virtual environment on top of the one that runs this: the packages that the row names, and what
these need, stand before those that are installed. torch stays as it is unless --torch names versions. Prints a table of
what was seen to work. Usage: python tools/versions.py [--torch 2.6.0 2.13.0]; exit code 0 if every row works.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from importlib.metadata import version

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What stands on these packages most: tests of the code, and the notebooks on schedulers and the pipeline's insides.
CODE = sorted(
    str(path.relative_to(ROOT))
    for name in ("schedules", "samplers", "tiny", "pipelines", "probes")
    for path in (ROOT / "tests").glob(f"test_{name}*.py")
)
NOTEBOOKS = [
    f"notebooks/{name}.ipynb" for name in ("00_first_video", "04_schedules_and_steps", "07_inside_the_pipeline")
]
NBVAL = "--nbval --nbval-current-env --nbval-cell-timeout 300 --nbval-sanitize-with tests/nbval_sanitize.cfg".split()
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
    venv.create(folder / "venv", with_pip=False)
    below = sysconfig.get_path("purelib")
    inside = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (inside / "below.pth").write_text(below + "\n")
    pins = folder / "pins.txt"
    pins.write_text("" if "torch" in row else f"torch=={version('torch')}\n")
    asked = [wanted(name, which) for name, which in row.items()]
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--upgrade", "-c", pins, *asked]
    done = subprocess.run(command, capture_output=True, text=True) if row else None
    errors = re.findall(r"ERROR: (.*)", done.stderr) if done and done.returncode else []
    return python, "; ".join(errors)


def run(row):
    """(the versions that were in use, what came of the tests) for one row."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        python, trouble = environment(row, folder)
        if trouble:
            return {package: row.get(package, "") for package in SHOWN}, f"not installed: {trouble}"
        variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        code = f"from importlib.metadata import version; print(*map(version, {SHOWN}))"
        seen = subprocess.run([python, "-c", code], env=variables, capture_output=True, text=True, check=True)
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", "--tb=line", *WARNINGS, *NBVAL, *CODE, *NOTEBOOKS]
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        failures = [line for line in said if line.startswith(("FAILED", "ERROR"))][:5]
        return dict(zip(SHOWN, seen.stdout.split(), strict=True)), "; ".join([*failures, said[-1]])


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Run core tests under other versions of what the course stands on.")
    parser.add_argument(
        "--torch", nargs="*", default=[], help="versions of torch to try as well; each is a big download"
    )
    chosen = parser.parse_args(arguments)
    print("|", " | ".join(SHOWN), "| tests and notebooks |")
    print("|" + " --- |" * (len(SHOWN) + 1), flush=True)
    works = True
    for row in [*ROWS, *({"torch": number} for number in chosen.torch)]:
        seen, said = run(row)
        works &= bool(re.match(r"\d+ passed", said))
        print("|", " | ".join(seen[name] for name in SHOWN), "|", said, "|", flush=True)
    return int(not works)


if __name__ == "__main__":
    sys.exit(main())
