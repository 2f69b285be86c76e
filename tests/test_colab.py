"""The first use in Colab, simulated: a stub of google.colab, Colab's packages, a pip that records what it was told."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import nbformat
import pytest

from t2v_helpers import colab
from tools.notebooks import address

ROOT = pathlib.Path(__file__).resolve().parents[1]
REQUIREMENTS, PINS = ((ROOT / f"{name}.txt").read_text().splitlines() for name in ("requirements", "constraints"))
# What a runtime of Colab had; what is not named it lacks.
HAD = """torch==2.8.0+cu126 numpy==2.0.2 diffusers==0.35.2 transformers==4.57.1 accelerate==1.11.0 safetensors==0.6.2
tokenizers==0.22.1 huggingface-hub==0.36.0 pillow==11.3.0 matplotlib==3.10.0 imageio==2.37.0 scikit-learn==1.6.1
ipywidgets==7.7.1 psutil==5.9.5 tqdm==4.67.1 peft==0.17.1"""
COLAB = dict(line.split("==") for line in HAD.split())


def test_only_what_is_missing_or_out_of_range_is_installed_at_its_tested_version():
    install, held, notes = colab.plan(REQUIREMENTS, PINS, COLAB)
    assert install == [
        pin for pin in PINS if pin.split("==")[0] in ("diffusers", "imageio-ffmpeg", "peft", "transformers")
    ]
    assert {"torch==2.8.0+cu126", "numpy==2.0.2", "ipywidgets==7.7.1", "huggingface-hub<=2.4.0"} <= set(held)
    assert len({line.split("=")[0].split("<")[0] for line in held}) == len(held), "two rules for one package"
    assert notes == []


def test_torch_and_ipywidgets_are_never_replaced():
    install, held, notes = colab.plan(REQUIREMENTS, PINS, COLAB | {"torch": "2.4.1+cu121", "numpy": "1.26.4"})
    assert not [line for line in install if line.startswith(("torch", "ipywidgets", "jupyterlab", "nbval"))]
    assert "numpy==2.4.6" in install and "numpy==2.4.6" in held
    assert "torch==2.4.1+cu121" in held and notes[0].startswith("torch 2.4.1+cu121 stays; this course was tested with")


def test_nothing_is_installed_where_all_is_there(capsys):
    colab.install()  # this environment has everything
    assert capsys.readouterr().out == "everything that this course needs is installed\n"


def write_package(folder, name, version, module=None, metadata=None):
    """An installed package: its metadata, and a module if it has one."""
    info = folder / f"{(name or 'broken').replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Name: {name}"] * bool(name) + [f"Version: {version}"] * bool(version)
    text = "\n".join(["Metadata-Version: 2.1", *lines, ""]) if metadata is None else metadata
    (info / "METADATA").write_text(text)
    if module:
        (info / "top_level.txt").write_text(module + "\n")
        (folder / f"{module}.py").touch()


MESS = {  # folders that pip, conda and interrupted updates leave behind
    "no name": {"name": "", "version": "1.0"},
    "no version": {"name": "half", "version": ""},
    "no version that is one": {"name": "old", "version": "2004d-final"},
    "empty": {"name": "nothing", "version": "1.0", "metadata": ""},
    "no text": {"name": "binary", "version": "1.0", "metadata": "\x00\x01"},
}


@pytest.mark.parametrize("kind", MESS)
def test_a_messy_environment_is_survived(kind, tmp_path, monkeypatch, capsys):
    write_package(tmp_path, **MESS[kind])
    (tmp_path / "gone.dist-info").mkdir()  # without any metadata
    monkeypatch.syspath_prepend(str(tmp_path))
    colab.install()
    assert capsys.readouterr().out == "everything that this course needs is installed\n"


@pytest.mark.parametrize(
    ("name", "module", "wanted"),
    [("pillow", "PIL", True), ("scikit-learn", "sklearn", True), ("fsspec", "fsspec", False)],
)
def test_a_replaced_package_that_was_loaded_asks_for_a_restart(name, module, wanted, tmp_path, monkeypatch, capsys):
    """Whatever it is imported as, and also if pip replaced it only along the way."""
    old, new = tmp_path / "old", tmp_path / "new"
    write_package(old, name, "0.1" if wanted else "2026.9.0", module)
    write_package(new, name, "99.0", module)
    monkeypatch.syspath_prepend(str(old))
    monkeypatch.setitem(sys.modules, module, None)  # as if a cell had imported it
    for file, text in (("RECORD", b"caf\xe9.py,,\na,b,c,d,e,f\n"), ("top_level.txt", b"caf\xe9")):
        write_package(old, f"broken {file}", "1.0")  # whose list of files can't be read
        (old / f"broken {file}-1.0.dist-info" / file).write_bytes(text)
    if not wanted:  # nothing is wrong with this one, pip replaces it for another
        write_package(old, "tqdm", "0.1", "tqdm")

    def pip(command, **options):
        monkeypatch.syspath_prepend(str(new))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(colab.subprocess, "run", pip)
    colab.install()
    last = capsys.readouterr().out.splitlines()[-1]
    assert name in last and "was loaded before: restart the session (Runtime menu)" in last


def test_a_failing_pip_stops_the_cell(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: no matching distribution found\n")
    monkeypatch.setattr(colab.importlib.metadata, "distributions", list)
    monkeypatch.setattr(colab.subprocess, "run", lambda *args, **kwargs: failed)
    with pytest.raises(RuntimeError, match=r"pip could not install .*: ERROR: no matching distribution"):
        colab.install()


PIP = """
import json, os, sys
constraints = open(sys.argv[sys.argv.index("-c") + 1]).read().split()
with open(os.environ["PIP_SAYS"], "w") as file:
    json.dump({"arguments": sys.argv[1:], "constraints": constraints}, file)
"""
RUN = """
import sys, google.colab, nbformat
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in nbformat.read(sys.argv[1], 4).cells:
    if cell.cell_type == "code":
        shell.run_cell(cell.source).raise_error()
        if sys.argv[2] in cell.source:
            break
else:
    sys.exit("the cell to stop at was not found")
import t2v_helpers
print("helpers:", t2v_helpers.__file__)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """This tree as a repository, served on loopback, its address written: (the address, the folder)."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("origin")
    for name in ("t2v_helpers", "assets/tiny-t2v", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml", "README.md", "tools/course.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = f"git://127.0.0.1:{port}/{folder.name}"
    assert address.main([where, "--root", str(folder)]) == 0
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all", "--no-verify"]):
        subprocess.run([*git, *command], cwd=folder, check=True, env=_without_git())
    serve = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={folder.parent}", "--export-all"]
    daemon = subprocess.Popen(serve, env=_without_git(), stderr=subprocess.DEVNULL)
    asked = ["git", "ls-remote", "--quiet", where]
    for _ in range(100):
        if subprocess.run(asked, capture_output=True, env=_without_git()).returncode == 0:
            break
        time.sleep(0.1)
    yield where, folder
    daemon.kill()
    daemon.wait()


def _without_git():
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


@pytest.fixture
def machine(tmp_path):
    """A runtime's start: (an empty working folder, its environment): google.colab, its packages, a pip that records."""
    stubs = tmp_path / "stubs"
    (stubs / "google" / "colab").mkdir(parents=True)
    (stubs / "google" / "colab" / "__init__.py").touch()
    (stubs / "pip").mkdir()
    (stubs / "pip" / "__init__.py").touch()
    (stubs / "pip" / "__main__.py").write_text(PIP)
    for name, version in {"torch": COLAB["torch"], "ipywidgets": "7.7.1", "imageio-ffmpeg": "0.1"}.items():
        write_package(stubs, name, version)
    work = tmp_path / "content"
    work.mkdir()
    path = os.pathsep.join([str(stubs), os.environ["PYTHONPATH"]])
    return work, _without_git() | {"PYTHONPATH": path, "PIP_SAYS": str(tmp_path / "pip.json"), "IPYTHONDIR": str(stubs)}


@pytest.mark.long
def test_a_notebook_starts_in_an_empty_folder(repository, machine):
    """Nothing is typed: the set-up cell, then helpers and the scale model are loaded from the clone."""
    work, env = machine
    shutil.copy(repository[1] / "notebooks" / "00_first_video.ipynb", work)
    command = [sys.executable, "-c", RUN, "00_first_video.ipynb", "load_pipeline(MODEL)"]
    done = subprocess.run(command, cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"helpers: {work / 'course'}" in done.stdout
    assert "torch 2.8.0+cu126 stays" in done.stdout
    said = json.loads(pathlib.Path(env["PIP_SAYS"]).read_text())
    assert said["arguments"][-1] == "imageio-ffmpeg==0.8.1" and said["arguments"][0] == "install"
    assert not [word for word in said["arguments"] if word.startswith("torch")]
    assert {"torch==2.8.0+cu126", "ipywidgets==7.7.1", "imageio-ffmpeg==0.8.1"} <= set(said["constraints"])


@pytest.mark.long
def test_the_set_up_cell_asks_for_the_address_if_it_was_not_filled_in(repository, machine):
    (work, env), (where, folder) = machine, repository
    path = folder / "notebooks" / "00_first_video.ipynb"
    (work / path.name).write_text(address.addressed(folder, "")[path], encoding="utf-8")
    command = [sys.executable, "-c", RUN, path.name, "google.colab"]
    done = subprocess.run(command, cwd=work, env=env, input=f"{where}\n", capture_output=True, text=True)
    assert "Address of this course, such as https://github.com/NAME/REPOSITORY: " in done.stdout
    assert f"helpers: {work / 'course'}" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


def test_every_notebook_has_the_same_set_up_cell():
    cells = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        first = next(cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
        cells.setdefault(first.source, []).append(path.name)
    assert len(cells) == 1, f"the set-up cells differ: {list(cells.values())}"
