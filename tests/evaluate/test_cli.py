"""The measures on a model that draws what it is asked for, and the command on one with random weights."""

import json
import shutil
import types

import numpy as np
import pytest

from t2v_helpers import shapes
from t2v_helpers.evaluate import cli
from t2v_helpers.models import SETTINGS, Request


class Renderer:
    """Called as a pipeline is, it renders the prompts; without text it draws the same clip each time."""

    def __init__(self):
        self.calls = []

    def __call__(self, prompts, generator, guidance_scale, num_frames, height, width, **settings):
        assert height == width
        self.calls += [(prompt, g.initial_seed(), guidance_scale) for prompt, g in zip(prompts, generator, strict=True)]
        seeds = [g.initial_seed() for g in generator]
        texts = [prompt or "a red circle moving left" for prompt in prompts]
        frames = [
            shapes.render(shapes.parse(text), seed, num_frames, width) for text, seed in zip(texts, seeds, strict=True)
        ]
        return types.SimpleNamespace(frames=np.stack(frames))


@pytest.fixture(scope="module")
def measured():
    pipe = Renderer()
    return pipe, dict(cli.evaluate(pipe, range(2), Request("-", None, 0, 3, 2.0, 8, 48, 48)))


def test_a_model_that_draws_what_it_is_asked_for_is_right_and_the_controls_are_not(measured):
    rows = measured[1]
    right = [rows[what]["all"] for what in ("trained captions", "held-out captions", "other wordings")]
    assert min(*right, rows["control: no guidance (w = 1)"]["all"], rows["ceiling: rendered clips"]["all"]) > 0.98
    kinds = len(shapes.COMBINATIONS)
    assert rows["control: captions shuffled"]["all"] < 0.1 and rows["control: no text (w = 0)"]["all"] <= 2 / kinds
    assert rows["seeds differ"]["all"] > 0.5
    assert [row["clips"] for row in rows.values()] == [180, 36, 108, 180, 90, 90, 540, 180, 90, 90]
    assert abs(rows["outline fit, generated"]["all"] - rows["outline fit, rendered"]["all"]) < 0.003


def test_every_caption_and_seed_is_asked_for_once(measured):
    trained, held_out = shapes.captions(held_out=False), shapes.captions(held_out=True)
    calls = measured[0].calls
    guided = [(prompt, seed) for prompt in [*trained, *held_out] for seed in range(2)]
    assert calls[: len(guided)] == [(*job, 2.0) for job in guided]
    assert [(call[0], call[2]) for call in calls].count(("", 1.0)) == len(trained)


def test_the_command_writes_what_it_prints(scale_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shapes, "COMBINATIONS", shapes.COMBINATIONS[:6])
    file = tmp_path / "e.json"
    assert cli.main([str(scale_folder), "--seeds", "1", "--steps", "1", "--json", str(file)]) == 0
    out, rows = capsys.readouterr().out, json.loads(file.read_text())
    assert out.startswith(
        f"{scale_folder}: 16 frames of 64x64, 1 steps, guidance 2, 1 seeds a caption\none clip takes "
    )
    assert out.endswith(cli.table(rows.items()) + "\n") and rows["seeds differ"] == {}
    assert rows["ceiling: rendered clips"]["all"] == 1


@pytest.mark.parametrize("width, code, says", [(32, 0, "4 frames of 32x32, 1 steps"), (40, 2, "makes 40x32 pixels")])
def test_a_model_is_measured_at_its_own_size_and_length(scale_folder, tmp_path, monkeypatch, capsys, width, code, says):
    monkeypatch.setattr(shapes, "COMBINATIONS", shapes.COMBINATIONS[:6])
    made, measure = set(), shapes.judge
    monkeypatch.setattr(shapes, "judge", lambda clip, *more: made.add(clip.shape) or measure(clip, *more))
    model = shutil.copytree(scale_folder, tmp_path / "model")
    (model / SETTINGS).write_text(json.dumps({"width": width, "height": 32, "num_frames": 4, "steps": 1}))
    assert cli.main([str(model), "--seeds", "1"]) == code and says in "".join(capsys.readouterr())
    assert made == ({(4, 32, 32, 3)} if code == 0 else set())


def test_a_model_of_another_world_is_refused(cached, tmp_path, capsys):
    assert cli.main([str(next(cached.glob("models--*/snapshots/*")))]) == 2
    assert "expected one of the shapes' world" in capsys.readouterr().err
