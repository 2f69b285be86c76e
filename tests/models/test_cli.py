"""The first command; one test starts a process of its own. Bad calls: tests/test_commands.py."""

import os
import pathlib
import signal
import subprocess
import sys

import fake_hub
import pytest
import torch

from t2v_helpers import generate, save_video
from t2v_helpers.models.cli import main

PROMPT = "a red circle moving left"
SMALL = ("--steps", 2, "--frames", 3, "--overwrite", "--model")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_a_clip_is_written(scale_folder, here, capsys):
    (here / "clip.mp4").write_text("old")
    assert run(PROMPT, *SMALL, scale_folder, "--frames-dir", "frames") == 0
    said = f"{here / 'clip.mp4'}: 3 frames of 64x64, 0.375 s\n{here / 'frames'}: the frames\n"
    assert capsys.readouterr() == (said, "")
    assert (here / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    assert sorted(file.name for file in (here / "frames").iterdir()) == [f"frame_00{i}.png" for i in range(3)]
    assert sorted(os.listdir(here)) == ["clip.mp4", "frames"]


def test_options_reach_the_clip(scale, scale_folder, here):
    options = "--seed 3 --steps 3 --guidance 2.5 --frames 4 --size 48x32 --negative-prompt blue --fps 12.5".split()
    assert run(PROMPT, "--model", scale_folder, *options, "--output", "a.gif") == 0
    given = {"seed": 3, "steps": 3, "guidance": 2.5, "num_frames": 4, "width": 48, "height": 32}
    save_video(generate(PROMPT, scale, negative_prompt="blue", **given), "b.gif", fps=12.5)
    assert run(PROMPT, "--model", scale_folder) == 0
    save_video(generate(PROMPT, scale), "default.mp4", fps=8)
    files = {file.name: file.read_bytes() for file in here.iterdir()}
    assert files["a.gif"] == files["b.gif"] and files["clip.mp4"] == files["default.mp4"]


@pytest.mark.parametrize("old", [None, "old"])
def test_interrupt_leaves_the_old_file_or_none(scale_folder, here, capsys, old):
    if old:
        (here / "clip.mp4").write_text(old)

    def interrupt(module, args):
        if type(module).__name__ == "UNet3DConditionModel":
            signal.raise_signal(signal.SIGINT)

    hook = torch.nn.modules.module.register_module_forward_pre_hook(interrupt)
    try:
        assert run(PROMPT, *SMALL, scale_folder) == 130
    finally:
        hook.remove()
    assert capsys.readouterr().err == "t2v_helpers: interrupted\n"
    assert [file.read_text() for file in here.iterdir()] == ([old] if old else [])


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # diffusers 0.42
def test_warnings_are_one_line_each(cached, capsys):
    small = ("--model", "modelscope", "--steps", 1, "--frames", 1, "--size", "64x64", "--output", "clip.gif")
    assert run("ein Hund und eine Katze", *small) == 0
    lines = capsys.readouterr().err.splitlines()
    said = "t2v_helpers: the prompt does not look English, and this model was trained on English only"
    assert lines.count(said) == 1 and not [line for line in lines if "Warning" in line]


def test_modelscope_by_its_hub_id_from_the_shell(hub_cache, here):
    """A process of its own, offline, finds the hub's cache through the environment alone."""
    path = os.pathsep.join([str(pathlib.Path(__file__).parents[2]), os.environ["PYTHONPATH"]])
    env = os.environ | {"PYTHONPATH": path, "HF_HUB_CACHE": str(hub_cache)}
    command = [sys.executable, "-m", "t2v_helpers", "a panda", "--model", fake_hub.REPO]
    command += "--steps 2 --frames 2 --size 64x64".split()
    made = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    licence, line = made.stdout.splitlines()
    assert "CC-BY-NC" in licence and line == f"{here / 'clip.mp4'}: 2 frames of 64x64, 0.25 s"
    assert "Warning" not in made.stderr and "deprecated" not in made.stderr and (here / "clip.mp4").is_file()
