"""Makes Colab ready for this course: what is missing or out of range is installed at a tested version, no more.

The set-up cell of each notebook calls `install()`. Colab brings a torch that is built for its GPU, and an ipywidgets 7,
the one that its pages can draw (with version 8 nothing shows: googlecolab/colabtools #3020): `KEPT` are never
replaced. `LEFT_OUT` are not needed there. All else that satisfies requirements.txt is held at the version it has while
pip runs, so that nothing is replaced on the way.
"""

import importlib.metadata
import pathlib
import subprocess
import sys
import tempfile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ("torch", "ipywidgets")
LEFT_OUT = ("jupyterlab", "nbval")  # Colab is the lab, and tests are not run in it


def plan(requirements, pins, there):
    """What pip has to be told: (to install, constraints, notes), each a list of lines.

    requirements: lines of requirements.txt, pins: of constraints.txt, with comments. there: installed {name: version}.
    A package that was never there is held to its tested version, one that pip has to raise for another's sake to no
    higher a version than that.

    >>> plan(["torch>=2.6", "diffusers>=0.42,<0.43"], ["torch==2.13.0", "diffusers==0.42.1"], {"torch": "2.8.0+cu126"})
    (['diffusers==0.42.1'], ['diffusers==0.42.1', 'torch==2.8.0+cu126'], [])
    """
    there = {canonicalize_name(name): version for name, version in there.items()}
    tested = {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in _read(pins)}
    install, held, notes = [], {}, []
    for requirement in _read(requirements):
        name = canonicalize_name(requirement.name)
        if name in LEFT_OUT:
            continue
        version = there.get(name)
        fits = version is not None and requirement.specifier.contains(version, prereleases=True)
        if fits or (name in KEPT and version):
            held[name] = f"{name}=={version}"
        else:
            install.append(f"{name}=={tested[name]}")
        if name == "torch" and version and not fits:
            notes.append(f"torch {version} is kept as it is; this course was tested with {requirement.specifier}")
    for name, version in tested.items():
        if name not in there or any(line.startswith(f"{name}==") for line in install):
            held.setdefault(name, f"{name}=={version}")
        elif Version(there[name]) <= Version(version):
            held.setdefault(name, f"{name}<={version}")
    return sorted(install), sorted(held.values()), notes


def _read(lines):
    lines = (line.split("#")[0].strip() for line in lines)
    return [Requirement(line) for line in lines if line]


def install():
    """Install what Colab lacks, and say in a line or two what was done. Raises RuntimeError if pip fails."""
    requirements, pins = ((ROOT / name).read_text().splitlines() for name in ("requirements.txt", "constraints.txt"))
    found = importlib.metadata.distributions()
    there = {}
    for name, version in ((d.metadata["Name"], d.version) for d in found):
        there.setdefault(canonicalize_name(name), version)  # the first on the path is the one that is imported
    wanted, held, notes = plan(requirements, pins, there)
    for note in notes:
        print(note)
    if not wanted:
        print("all that this course needs is here")
        return
    with tempfile.TemporaryDirectory() as folder:
        constraints = pathlib.Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(held) + "\n")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, "-c", str(constraints), *wanted], capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise RuntimeError(f"pip could not install {', '.join(wanted)}: {' '.join(said)}")
    print(f"installed {', '.join(wanted)}; torch {there.get('torch')} was left as it is")
    loaded = [name for name in (line.split("==")[0].replace("-", "_") for line in wanted) if name in sys.modules]
    if loaded:
        print(f"now restart the session (Runtime menu), as {', '.join(loaded)} was loaded before; then run all")
