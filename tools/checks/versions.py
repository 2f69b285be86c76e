"""nox sessions that run core tests and three notebooks with older and newer packages: make versions.

Each session has a virtual environment on top of the one that runs nox: the packages of its row, and what these need,
take precedence over those already installed. Prints a row of docs/versions.md for each session.

Usage: python -m nox -f tools/checks/versions.py [-s row [--force-python 3.13] -- torch=2.14.1 numpy=oldest ...]
With --force-python the environment is complete and has the packages of constraints.txt, except for those of the row.
"""

import pathlib
import re
import sysconfig
from importlib.metadata import version

import nox

from tools.course import NBVAL, ROOT

PATHS = ["tests/models", "tests/training/test_scale_model.py", "tests/test_schedules.py", "tests/test_samplers.py"]
PATHS += [f"notebooks/{name}.ipynb" for name in ("00_first_video", "04_schedules_and_steps", "07_inside_the_pipeline")]
WARNINGS = ["-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning"]  # being deprecated is not a failure
SHOWN = ["torch", "diffusers", "transformers", "accelerate", "numpy"]
# Packages that differ from constraints.txt. "newest" is the newest version that requirements.txt allows.
ROWS = ["", *(f"{name}=oldest" for name in SHOWN[1:])]
ROWS += ["diffusers=oldest transformers=oldest accelerate=oldest", " ".join(f"{name}=newest" for name in SHOWN[1:])]

nox.options.envdir = str(ROOT / "runs" / "versions")
nox.options.sessions = ["versions"]


def requirement(word):
    """What pip has to install for a word such as numpy=oldest, torch=newest or torch=2.6.0."""
    name, _, which = word.partition("=")
    ranges = dict(re.findall(r"^([\w-]+)(>=.*)", (ROOT / "requirements.txt").read_text(), re.M))
    if name not in ranges or not which:
        raise ValueError(f"got {word!r}, expected a package of requirements.txt and its version, such as torch=2.6.0")
    oldest = re.match(r">=([\d.]+)", ranges[name])[1]
    return name + {"newest": ranges[name], "oldest": f"=={oldest}"}.get(which, f"=={which}")


def install(session, words):
    asked, pins = [requirement(word) for word in words], [f"torch=={version('torch')}"]
    if session.python:
        pins = (ROOT / "constraints.txt").read_text().splitlines()
        asked += ["-r", "requirements.txt", "-e", ".[test]"]
    else:
        (site,) = pathlib.Path(session.virtualenv.location).glob("lib/python*/site-packages")
        (site / "below.pth").write_text(sysconfig.get_path("purelib"))
    names = [word.partition("=")[0] for word in words]
    file = pathlib.Path(session.create_tmp()) / "pins.txt"
    file.write_text("\n".join(pin for pin in pins if pin.split("==")[0] not in names))
    if asked:
        session.install("--upgrade", "-c", str(file), *asked)


def try_row(session, words):
    session.chdir(ROOT)
    session.env.update({"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        install(session, words)
    except ValueError as error:
        session.error(str(error))
    show = f"import importlib.metadata as m, platform as p; print(p.python_version(), *map(m.version, {SHOWN}))"
    seen = session.run("python", "-c", show, silent=True, log=False).split()
    command = ["python", "-m", "pytest", "-p", "no:cacheprovider", "--tb=line", *WARNINGS, *NBVAL, *PATHS]
    said = session.run(*command, silent=True, success_codes=range(6)).strip().splitlines()
    failures = [line for line in said if line.startswith(("FAILED", "ERROR"))]
    print("|", " | ".join(seen), "|", "; ".join([*failures[:5], said[-1]]), "|", flush=True)
    if failures or " passed" not in said[-1]:
        session.error("the tests fail with these packages")


@nox.session
@nox.parametrize("row", ROWS)
def versions(session, row):
    """The rows of docs/versions.md."""
    try_row(session, row.split())


@nox.session
def row(session):
    """One row, named after "--"."""
    try_row(session, session.posargs)


@nox.session
def eight_bits(session):
    """The tests of text encoders in eight bits, which need torchao: it makes every import of diffusers slower."""
    session.chdir(ROOT)
    session.env.update({"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    install(session, [])
    session.install("torchao")
    session.run("python", "-m", "pytest", "-p", "no:cacheprovider", *WARNINGS, "-k", "eight_bits", "tests/models")
