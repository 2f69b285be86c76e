"""Training that is stopped, killed, resumed, shared among processes, or given what it cannot use."""

import importlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from t2v_helpers import generate, save_frames, save_video, shapes
from t2v_helpers.evaluate import cli as evaluate_cli
from t2v_helpers.models import SETTINGS
from t2v_helpers.training import cli, loop, worlds
from t2v_helpers.training.loop import Stage

STAGES = ("autoencoder", "image", "unet", "clip")
SMALL = [f"--{name}-{what}={n}" for name in STAGES for what, n in (("steps", 2), ("batch", 4))] + ["--every=1"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of four small clips, so that a run takes seconds."""
    folder = tmp_path_factory.mktemp("data") / "clips"
    worlds.write_folder(folder, worlds.Rendered(shapes.COMBINATIONS[:4], size=32, num_frames=4), 4)
    return folder


def options(folder, clips):
    return ["--output", str(folder / "model"), "--work", str(folder), "--data", str(clips), *SMALL]


def command(folder, clips, processes=1):
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    return [sys.executable, *launch, "-m", "t2v_helpers.training", *options(folder, clips)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory, clips):
    """An uninterrupted run, in this process."""
    folder = tmp_path_factory.mktemp("alone")
    assert cli.main(options(folder, clips)) == 0
    return folder


def other(clips, folder, change):
    """A copy of the folder of clips, in which one thing was changed."""
    folder = shutil.copytree(clips, folder / "clips")
    lines = [json.loads(line) for line in (folder / worlds.METADATA[0]).read_text().splitlines()]
    if change == "pixels":
        save_video(worlds.Folder(folder).clip(0, None) * 0.99, folder / "00000.webp", overwrite=True)
    elif change == "words":
        lines[0]["text"] = next(text for text in shapes.wordings(shapes.COMBINATIONS[0]) if text != lines[0]["text"])
    elif change == "fewer":
        lines.pop()
    (folder / worlds.METADATA[0]).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.parametrize("change", ["pixels", "words", "fewer"])
def test_a_run_is_not_resumed_on_other_data(alone, clips, tmp_path, capsys, change):
    before = {path: path.read_bytes() for path in alone.rglob("*") if path.is_file()}
    assert cli.main(options(alone, other(clips, tmp_path, change))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{alone}/autoencoder/checkpoint.pt was not made from this run's data: take another folder" in line
    assert {path: path.read_bytes() for path in alone.rglob("*") if path.is_file()} == before


def test_a_finished_run_is_found_again_by_the_content_of_its_data(alone, clips, tmp_path, monkeypatch):
    model = {path: path.read_bytes() for path in (alone / "model").rglob("*.safetensors")}
    monkeypatch.setattr(loop.Run, "save", None)
    assert cli.main(options(alone, other(clips, tmp_path, "nothing"))) == 0
    assert all(path.read_bytes() == data for path, data in model.items())


def test_what_an_earlier_stage_gave_is_part_of_the_later_ones(alone, clips, tmp_path, capsys):
    work = shutil.copytree(alone, tmp_path / "work")
    latents = (work / "latents.pt").read_bytes()
    shutil.rmtree(work / "autoencoder")
    assert cli.main([*options(work, clips), "--autoencoder-steps=1"]) == 2
    assert "image/checkpoint.pt was not made from this run's autoencoder:" in capsys.readouterr().err
    assert (work / "latents.pt").read_bytes() != latents
    shutil.copytree(alone, work, dirs_exist_ok=True)
    shutil.rmtree(work / "image")
    assert cli.main([*options(work, clips), "--image-lr=0.1"]) == 2
    assert "unet/checkpoint.pt was not made from this run's text tower and image model:" in capsys.readouterr().err


def test_a_trained_folder_is_run_at_the_size_and_length_of_its_clips(alone, clips, tmp_path, capsys):
    world, model = worlds.Folder(clips), alone / "model"
    said = json.loads((model / SETTINGS).read_text())
    assert (said["width"], said["height"], said["num_frames"]) == (32, 32, 4) == (world.size, world.size, 4)
    assert generate("a red circle moving left", model).shape == (4, 32, 32, 3)
    arguments = ["a red circle moving left", "--model", str(model), "--output", str(tmp_path / "clip.gif")]
    assert importlib.import_module("t2v_helpers.models.cli").main(arguments) == 0
    assert "4 frames of 32x32, 0.5 s" in capsys.readouterr().out
    (tmp_path / "prompts.txt").write_text("a red circle moving left\n")
    arguments = [str(tmp_path / "prompts.txt"), "--output-dir", str(tmp_path / "clips"), "--model", str(model)]
    assert importlib.import_module("t2v_helpers.batch.cli").main(arguments) == 0
    settings = json.loads((tmp_path / "clips" / "manifest.jsonl").read_text())["settings"]
    assert settings == {"steps": 10, "guidance": 2.0, "num_frames": 4, "height": 32, "width": 32, "fps": 8}


def test_an_older_models_weights_do_not_stay_beside_the_new_ones(alone, clips, tmp_path):
    work = shutil.copytree(alone, tmp_path / "work")
    whole = (work / "model" / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    (work / "model" / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(whole)  # it would be preferred
    (work / "model" / "unet" / "notes.md").write_text("mine")
    assert cli.main(options(work, clips)) == 0
    names = {"config.json", "diffusion_pytorch_model.safetensors", "notes.md"}
    assert {path.name for path in (work / "model" / "unet").iterdir()} == names


def losses(folder, stage):
    return [json.loads(line)["loss"] for line in (folder / stage / "metrics.jsonl").read_text().splitlines()]


def test_captions_of_any_kind_train_a_model_that_the_judge_leaves_alone(clips, tmp_path, capsys):
    said = {"file_name": "00000.webp", "caption": "Un café, près du lac! " + "Et puis la nuit tombe. " * 5}
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "00000.webp").symlink_to(clips / "00000.webp")
    save_frames(np.random.default_rng(0).random((5, 30, 40, 3)), tmp_path / "clips" / "frames")
    lines = [json.dumps(said), json.dumps({"file_name": "frames", "text": "a dog"})]
    (tmp_path / "clips" / "metadata.jsonl").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    asked = [*options(tmp_path, tmp_path / "clips"), "--any-captions", "--size", "32x32", "--frames", "4"]
    assert cli.main(asked) == 0
    out, err = capsys.readouterr()
    assert "captions of any kind: the judge is not asked" in out and "1 of 2 captions have over 24 tokens" in err
    assert all("adherence" not in (tmp_path / stage / "metrics.jsonl").read_text() for stage in STAGES)
    assert (tmp_path / "unet" / "samples-00002.png").exists()
    shape = {"num_frames": 4, "height": 32, "width": 32, "steps": 2}
    assert np.isfinite(generate("A DOG, près du café.", tmp_path / "model", **shape)).all()
    assert evaluate_cli.main([str(tmp_path / "model")]) == 2
    assert "expected one of the shapes' world; the judge knows no other captions" in capsys.readouterr().err


@pytest.mark.long
def test_two_processes_give_the_losses_of_one(alone, clips, tmp_path):
    done = subprocess.run(command(tmp_path, clips, processes=2), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    odd = [*command(tmp_path / "odd", clips, processes=2), "--autoencoder-batch", "3"]
    assert "expected one that 2 processes can share" in subprocess.run(odd, capture_output=True, text=True).stderr
    for stage in STAGES:
        assert len(losses(tmp_path, stage)) == 2
        near = 2e-2 if stage == "autoencoder" else 2e-3
        assert losses(tmp_path, stage) == pytest.approx(losses(alone, stage), rel=near)
    assert losses(alone, "unet")[0] != pytest.approx(losses(alone, "unet")[1], rel=1e-3)  # steps do differ


def checkpoint(folder, stage):
    return torch.load(folder / stage / "checkpoint.pt", weights_only=True)


@pytest.mark.long
def test_killed_in_the_middle_and_started_again_it_ends_with_the_same_weights(alone, clips, tmp_path, monkeypatch):
    """Each time after a stage's first checkpoint: a process is killed in the first stage, this one stops in others."""
    process = subprocess.Popen(command(tmp_path, clips), start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "autoencoder" / "metrics.jsonl").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert checkpoint(tmp_path, "autoencoder")["step"] < 2, "it was over before the kill"
    save = loop.Run.save

    def save_and_stop(run):
        save(run)
        if run.path.parent.name == stage:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Run, "save", save_and_stop)
    for stage in ("image", "unet"):
        assert cli.main(options(tmp_path, clips)) == 130
        assert checkpoint(tmp_path, stage)["step"] == 1
    monkeypatch.undo()
    assert cli.main(options(tmp_path, clips)) == 0
    for stage in STAGES:
        a, b = checkpoint(alone, stage), checkpoint(tmp_path, stage)
        for kind in ("model", "ema") if "ema" in a else ("model",):
            assert all(torch.equal(a[kind][name], b[kind][name]) for name in a[kind]), stage
        assert losses(alone, stage) == losses(tmp_path, stage)
    for file in (alone / "model").rglob("*.safetensors"):
        assert file.read_bytes() == (tmp_path / "model" / file.relative_to(alone / "model")).read_bytes(), file.name


def test_ctrl_c_ends_the_step_and_keeps_it(tmp_path):
    model = torch.nn.Linear(2, 1)

    def loss_of(model, step):
        if step == 7:
            signal.raise_signal(signal.SIGINT)
        return model(torch.ones(1, 2)).square().mean()

    stage = Stage(steps=20, batch=1, lr=0.01, every=100)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(Accelerator(cpu=True), model, loss_of, stage, tmp_path / "run")
    state = checkpoint(tmp_path, "run")
    assert state["step"] == 8 and torch.equal(state["model"]["weight"], model.weight)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def regression(folder, width=3, break_at=None, nan_at=None, made_from=(), **more):
    """A small problem that uses `fit` as the stages do: what a step draws depends on its number alone."""
    torch.manual_seed(0)
    model, ema = torch.nn.Linear(width, 1), torch.nn.Linear(width, 1)
    ema.load_state_dict(model.state_dict())
    stage = Stage(**{"steps": 60, "batch": 8, "lr": 0.05, "every": 10, "warmup": 5} | more)

    def loss_of(model, step):
        if step == break_at:
            raise KeyboardInterrupt
        x = torch.randn(8, width, generator=loop.rng(0, step))
        return (model(x) - x.sum(1, keepdim=True)).square().mean() * (math.nan if step == nan_at else 1)

    loop.fit(Accelerator(cpu=True), model, loss_of, stage, folder, ema=ema, made_from=made_from)
    return [torch.cat([p.detach().flatten() for p in some.parameters()]) for some in (model, ema)]


def test_fit_learns_and_logs_and_a_finished_run_is_not_run_again(tmp_path):
    first = regression(tmp_path / "run", steps=300, every=100)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [100, 200, 300]
    assert lines[-1]["loss"] < 0.05 * lines[0]["loss"]
    again = regression(tmp_path / "run", steps=300, every=100, break_at=0)
    assert all(map(torch.equal, first, again))


def test_a_run_that_was_stopped_ends_with_the_same_weights_bit_for_bit(tmp_path):
    whole = regression(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        regression(tmp_path / "stopped", break_at=37)
    assert checkpoint(tmp_path, "stopped")["step"] == 30
    assert all(map(torch.equal, whole, regression(tmp_path / "stopped")))


def test_ema_lags_behind_the_model(tmp_path):
    model, ema = regression(tmp_path / "run", steps=30)
    start, _ = regression(tmp_path / "start", lr=0.0, steps=1)
    assert 0 < (ema - start).norm() < (model - start).norm()


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"lr": 40}, r"loss .* at step (1?\d|2[0-5]), expected a finite one that falls: .*below 40;"),
        ({"nan_at": 25}, r"run: loss nan at step 25.*below 0.05.*kept"),
    ],
)
def test_a_loss_that_diverges_is_told_and_the_last_checkpoint_kept(tmp_path, settings, says):
    with pytest.raises(FloatingPointError, match=says) as error:
        regression(tmp_path / "run", **settings)
    assert "\n" not in str(error.value)
    assert all(p.isfinite().all() for p in checkpoint(tmp_path, "run")["model"].values())


@pytest.mark.parametrize(
    "change, says",
    [
        ({"width": 4}, r"is of another model: weight is \[1, 3\], expected \[1, 4\]"),
        ({"lr": 0.1}, "is of a run with lr 0.05, this one has 0.1: take the same, or another folder"),
        ({"steps": 90}, "is of a run with steps 60, this one has 90"),
        ({"batch": 4}, "is of a run with batch 8, this one has 4"),
        ({"seed": 1}, "is of a run with seed 0, this one has 1"),
        (
            {"made_from": {"data": "b", "words": "c"}},
            "not made from this run's data and words: .* delete .*run and",
        ),
    ],
)
def test_a_checkpoint_of_another_run_or_none_is_refused_and_kept(tmp_path, change, says):
    regression(tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match=says) as error:
        regression(tmp_path / "run", **change)
    assert "\n" not in str(error.value) and (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"not one")
    with pytest.raises(ValueError, match=r"checkpoint.pt is no checkpoint .*: delete it to begin anew"):
        regression(tmp_path / "run")


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    written = loop.write_whole

    def fills_up(path, data):
        if len(writes) == 4:  # two checkpoints, two metrics files
            raise OSError(28, f"No space left on device: {path.name} was not written", str(path))
        writes.append(path)
        written(path, data)

    writes = []
    monkeypatch.setattr(loop, "write_whole", fills_up)
    with pytest.raises(OSError, match=r"No space left on device: checkpoint.pt was not written"):
        regression(tmp_path / "run")
    assert checkpoint(tmp_path, "run")["step"] == 20


def test_a_batch_that_the_processes_cannot_share(tmp_path):
    three = types.SimpleNamespace(num_processes=3)
    with pytest.raises(ValueError, match="run: batch 8, expected one that 3 processes can share"):
        loop.fit(three, None, None, Stage(steps=1, batch=8, lr=1), tmp_path / "run")
