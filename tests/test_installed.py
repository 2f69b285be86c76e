"""The package as pip installs it: a wheel, away from the repository, with the scale model in it."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.long
def test_the_wheel_generates_anywhere(tmp_path):
    source, site, work = tmp_path / "source", tmp_path / "site", tmp_path / "work"
    work.mkdir()
    for name in ("t2v_helpers", "assets/tiny-t2v"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", site]
    subprocess.run([*pip, source], check=True, capture_output=True)
    path = os.environ["PYTHONPATH"].split(os.pathsep)
    path = [str(site), *(name for name in path if pathlib.Path(name).resolve() != ROOT)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path), "PATH": f"{site / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for command in (["t2v-helpers"], [sys.executable, "-m", "t2v_helpers"]):
        done = subprocess.run(
            [*command, "a red circle moving left", "--output", "clip.gif", "--steps", "1", "--overwrite"],
            cwd=work,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.stdout.endswith("clip.gif: 16 frames of 64x64, 2 s\n"), done.stderr
    where = [sys.executable, "-c", "import t2v_helpers; print(t2v_helpers.ASSETS)"]
    found = subprocess.run(where, cwd=work, env=env, capture_output=True, text=True).stdout
    assert found.strip() == str(site / "t2v_helpers" / "assets")
