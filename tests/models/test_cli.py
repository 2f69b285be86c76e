"""The command line, run in this process; two tests start a process of their own."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

import fake_hub
import pytest

from t2v_helpers.models import pipelines
from t2v_helpers.models.cli import main
from t2v_helpers.models.registry import Model

PROMPT = "a red circle moving left"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse leaves this way
        return stop.code


def small(scale_folder):
    return ("--model", scale_folder, "--steps", 2, "--frames", 3)


def process(*arguments, **environment):
    root = pathlib.Path(pipelines.__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | environment | {"PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def test_a_clip_is_written(scale_folder, here, capsys):
    assert run(PROMPT, *small(scale_folder), "--output", "clip.mp4", "--frames-dir", "frames") == 0
    out, err = capsys.readouterr()
    assert err == "" and out.splitlines() == [
        f"{here / 'clip.mp4'}: 3 frames of 64x64, 0.375 s",
        f"{here / 'frames'}: the frames",
    ]
    assert (here / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    assert sorted(file.name for file in (here / "frames").iterdir()) == [f"frame_00{i}.png" for i in range(3)]
    assert sorted(os.listdir(here)) == ["clip.mp4", "frames"]


def test_options_reach_the_clip(scale_folder, here, monkeypatch, capsys):
    from t2v_helpers import video

    seen = {}
    monkeypatch.setattr(
        pipelines, "generate", lambda *args, **kw: seen.update(kw) or __import__("numpy").zeros((4, 8, 16, 3))
    )
    monkeypatch.setattr(video, "save_video", lambda frames, path, fps, overwrite: seen.update(fps=fps, path=path))
    options = "--seed 3 --steps 7 --guidance 2.5 --frames 4 --size 16x8 --negative-prompt blue --output a.gif".split()
    assert run(PROMPT, "--model", scale_folder, *options) == 0
    assert seen == {
        "seed": 3,
        "steps": 7,
        "guidance": 2.5,
        "num_frames": 4,
        "width": 16,
        "height": 8,
        "negative_prompt": "blue",
        "fps": 8,
        "path": here / "a.gif",
    }
    assert run(PROMPT, "--model", scale_folder, "--fps", "12.5") == 0
    assert (seen["fps"], seen["path"], seen["steps"]) == (12.5, here / "clip.mp4", None)


def test_same_arguments_same_file(scale_folder, here):
    for name in ("a.gif", "b.gif"):
        assert run(PROMPT, *small(scale_folder), "--output", name) == 0
    assert run(PROMPT, *small(scale_folder), "--output", "c.gif", "--seed", 1) == 0
    files = [(here / name).read_bytes() for name in ("a.gif", "b.gif", "c.gif")]
    assert files[0] == files[1] != files[2]


def refused(here, capsys, arguments, said, files):
    """Exit code 2, exactly one line on stderr, nothing on stdout, and no file."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("t2v_helpers: ") and said in err
    assert err.endswith("\n") and err.count("\n") == 1
    assert sorted(os.listdir(here)) == files


@pytest.mark.parametrize("left", [1000, None], ids=["truncated", "missing"])
def test_damaged_weights(scale_folder, here, tmp_path_factory, capsys, left):
    folder = shutil.copytree(scale_folder, tmp_path_factory.mktemp("damaged") / "model")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:left]) if left else file.unlink()
    refused(here, capsys, (PROMPT, "--model", folder), str(file if left else file.parent), [])


def test_frames_that_are_not_finite(scale_folder, here, monkeypatch, capsys):
    def broken(name):
        pipe = load(name)
        pipe.unet.conv_out.bias.data[0] = float("nan")
        return pipe

    load = pipelines.load_pipeline
    monkeypatch.setattr(pipelines, "load_pipeline", broken)
    refused(here, capsys, (PROMPT, *small(scale_folder)), "frames that are not finite", [])


def test_overwrite(scale_folder, here, capsys):
    (here / "clip.mp4").write_text("old")
    assert run(PROMPT, *small(scale_folder)) == 2
    assert (here / "clip.mp4").read_text() == "old"
    assert run(PROMPT, *small(scale_folder), "--overwrite") == 0
    assert (here / "clip.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("old", [None, "old"])
def test_interrupt_leaves_the_old_file_or_none(scale_folder, here, monkeypatch, capsys, old):
    def interrupted(name):
        pipe = load(name)
        pipe.unet.register_forward_pre_hook(lambda *_: signal.raise_signal(signal.SIGINT))
        return pipe

    load = pipelines.load_pipeline
    monkeypatch.setattr(pipelines, "load_pipeline", interrupted)
    if old:
        (here / "clip.mp4").write_text(old)
    assert run(PROMPT, *small(scale_folder), "--overwrite") == 130
    assert capsys.readouterr().err == "t2v_helpers: interrupted\n"
    assert [file.read_text() for file in here.iterdir()] == ([old] if old else [])


def test_warnings_are_one_line_each(here, monkeypatch, capsys):
    from huggingface_hub import constants

    fake_hub.write_hub_cache(here / "cache")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(here / "cache"))
    monkeypatch.setitem(
        pipelines.MODELS, "modelscope", Model(fake_hub.REPO, fake_hub.REVISION, size=(256, 256), progress=False)
    )
    small = ("--model", "modelscope", "--steps", 1, "--frames", 1, "--size", "64x64", "--output", "clip.gif")
    assert run("ein Hund und eine Katze", *small) == 0
    assert capsys.readouterr().err == (
        "t2v_helpers: the prompt does not look English, and this model was trained on English only\n"
    )


def test_help_says_it_all_without_torch():
    code = "import sys; from t2v_helpers.__main__ import main; sys.exit(main(['--help']))"
    made = process("-X", "importtime", "-c", code)
    assert made.returncode == 0
    for word in ("PROMPT", "--output", "--model", "--seed", "--steps", "--guidance", "--frames", "--size", "--fps"):
        assert word in made.stdout
    for word in ("--frames-dir", "--overwrite", "tiny", "modelscope", "auto", "16 frames of 64x64", "Exit code"):
        assert word in made.stdout
    imported = {line.split("|")[-1].strip() for line in made.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"torch", "numpy", "diffusers", "transformers", "matplotlib", "imageio"}


def test_modelscope_by_its_hub_id_from_the_shell(tmp_path_factory, here):
    """A process of its own, offline, finds the hub's cache through the environment alone."""
    cache = tmp_path_factory.mktemp("hub")
    fake_hub.write_hub_cache(cache)
    options = ("--model", fake_hub.REPO, "--steps", "2", "--frames", "2", "--size", "64x64")
    made = process("-m", "t2v_helpers", "a panda", *options, HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1")
    assert made.returncode == 0, made.stderr
    licence, line = made.stdout.splitlines()
    assert "CC-BY-NC" in licence and line == f"{here / 'clip.mp4'}: 2 frames of 64x64, 0.25 s"
    assert "Warning" not in made.stderr and "deprecated" not in made.stderr
    assert (here / "clip.mp4").read_bytes()[4:8] == b"ftyp"
