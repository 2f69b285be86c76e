"""Prepares Colab for this course: installs what is missing or out of range, at a tested version, and nothing else.

The set-up cell of each notebook calls `install()`. While pip runs, every package that satisfies requirements.txt is
pinned to the installed version, so that nothing gets replaced along the way.
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
# Never replaced: Colab's torch is built for its GPU, its pages draw ipywidgets 7 only (googlecolab/colabtools #3020).
KEPT = ("torch", "ipywidgets")
LEFT_OUT = ("jupyterlab", "nbval")  # Colab is the lab already, and nobody runs the tests in it


def plan(requirements: list[str], pins: list[str], there: dict[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Decide what pip has to install, and under which constraints.

    A missing package gets its tested version. One that pip has to upgrade for another stops at its tested version.

    Args:
        requirements: The lines of requirements.txt.
        pins: The lines of constraints.txt.
        there: Installed packages, {name: version}.

    Returns:
        Three lists of lines: what to install, pip's constraints, and notes for the reader.

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
            notes.append(f"torch {version} stays; this course was tested with {requirement.specifier}")
    for name, version in tested.items():
        if name not in there or any(line.startswith(f"{name}==") for line in install):
            held.setdefault(name, f"{name}=={version}")
        elif Version(there[name]) <= Version(version):
            held.setdefault(name, f"{name}<={version}")
    return sorted(install), sorted(held.values()), notes


def install() -> None:
    """Install what Colab lacks, and print a line or two about it; RuntimeError if pip fails."""
    requirements, pins = ((ROOT / name).read_text().splitlines() for name in ("requirements.txt", "constraints.txt"))
    there, loaded = _installed(), set(sys.modules)
    wanted, held, notes = plan(requirements, pins, there)
    for note in notes:
        print(note)
    if not wanted:
        print("everything that this course needs is installed")
        return
    modules = _modules()
    with tempfile.TemporaryDirectory() as folder:
        constraints = pathlib.Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(held) + "\n")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, "-c", str(constraints), *wanted], capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise RuntimeError(f"pip could not install {', '.join(wanted)}: {' '.join(said)}")
    importlib.invalidate_caches()
    now = _installed()
    print(f"installed {', '.join(wanted)}; torch {there.get('torch')} stays")
    # pip may have replaced others along the way; what was imported before goes on in its old version
    replaced = {name for name, version in there.items() if now.get(name) != version}
    used = {modules[module] for module in loaded & modules.keys()}
    if stale := sorted(replaced & used):
        print(f"{', '.join(stale)} was loaded before: restart the session (Runtime menu), then run all cells")


def _installed() -> dict[str, str]:
    """Installed packages, {name: version}; one with broken metadata (pip leaves such folders) counts as missing."""
    there = {}
    for found in importlib.metadata.distributions():  # the first on the path is the one that is imported
        try:
            name, version = canonicalize_name(found.metadata["Name"]), str(Version(found.version))
        except (AttributeError, KeyError, TypeError, ValueError, OSError):
            continue
        there.setdefault(name, version)
    return there


def _modules() -> dict[str, str]:
    """The package that each top-level module belongs to: PIL is pillow's."""
    owners = {}
    for found in importlib.metadata.distributions():
        try:
            files = [file.parts[0] for file in found.files or () if file.suffix == ".py"]
            names = (found.read_text("top_level.txt") or "").split() or [name.removesuffix(".py") for name in files]
            owners |= dict.fromkeys(names, canonicalize_name(found.metadata["Name"]))
        except Exception:  # a broken list of files can fail in many ways
            continue
    return owners


def _read(lines: list[str]) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in lines)
    return [Requirement(line) for line in lines if line]
