"""The package as pip installs it: a wheel, away from the repository, with the scale model in it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import IPython.display
import numpy as np
import pytest

from t2v_helpers import save_video

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
    command = ["t2v-helpers", "a red circle moving left", "--output", "clip.gif", "--steps", "1"]
    done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True)
    assert done.stdout.endswith("clip.gif: 16 frames of 64x64, 2 s\n"), done.stderr
    where = [sys.executable, "-c", "import t2v_helpers; print(t2v_helpers.ASSETS)"]
    found = subprocess.run(where, cwd=work, env=env, capture_output=True, text=True).stdout
    assert found.strip() == str(site / "t2v_helpers" / "assets")


def test_the_readme_has_what_windows_users_run_and_it_is_what_make_does():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    windows = [line for line in lines if line.startswith(("py -3", r".venv\Scripts"))]
    assert len(windows) == 3 and windows[0] == "py -3.12 -m venv .venv"
    made = re.search(r"pip install .*(-c constraints.txt -r requirements.txt -e )", (ROOT / "Makefile").read_text())
    assert windows[1] == rf".venv\Scripts\pip install {made[1]}."
    assert (ROOT / windows[2].split(" lab ")[1].replace("\\", "/")).is_file()


def test_what_the_readme_shows_where_a_player_has_no_h264(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save, show = re.findall(r"`((?:save_video|IPython\.display\.Image)\(.*?\))`", (ROOT / "README.md").read_text())[:2]
    scope = {"save_video": save_video, "IPython": IPython, "frames": np.zeros((3, 64, 64, 3))}
    exec(save, scope)
    data, _ = eval(show, scope)._repr_mimebundle_()
    assert list(data) == ["image/webp"]
