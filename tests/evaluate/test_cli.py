"""The measures on a model that draws what it is asked for, and the command on one with random weights."""

import json
import types

import numpy as np
import pytest

from t2v_helpers import shapes
from t2v_helpers.evaluate import cli


class Renderer:
    """Called as a pipeline is, it renders the prompts; without text it draws the same clip each time."""

    def __init__(self):
        self.calls = []

    def __call__(self, prompts, generator, guidance_scale, **settings):
        self.calls += [(prompt, g.initial_seed(), guidance_scale) for prompt, g in zip(prompts, generator, strict=True)]
        seeds = [g.initial_seed() for g in generator]
        texts = [prompt or "a red circle moving left" for prompt in prompts]
        frames = [shapes.render(shapes.parse(text), seed) for text, seed in zip(texts, seeds, strict=True)]
        return types.SimpleNamespace(frames=np.stack(frames))


@pytest.fixture(scope="module")
def measured():
    pipe = Renderer()
    return pipe, dict(cli.evaluate(pipe, range(2), steps=3, guidance=2.0))


def test_a_model_that_draws_what_it_is_asked_for_is_right_and_the_controls_are_not(measured):
    rows = measured[1]
    right = [rows[what]["all"] for what in ("trained captions", "held-out captions", "other wordings")]
    assert min(*right, rows["control: no guidance (w = 1)"]["all"], rows["control: rendered clips"]["all"]) > 0.98
    kinds = len(shapes.COMBINATIONS)
    assert rows["control: captions shuffled"]["all"] < 0.1 and rows["control: no text (w = 0)"]["all"] <= 2 / kinds
    assert rows["seeds differ"]["all"] > 0.5


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
    assert out.startswith(f"{scale_folder}: 1 steps, guidance 2, 1 seeds a caption\n\n| | color |")
    assert out.endswith(cli.table(rows.items()) + "\n") and rows["seeds differ"] == {}
    assert rows["control: rendered clips"]["all"] == 1


def test_a_model_of_another_world_is_refused(cached, tmp_path, capsys):
    assert cli.main([str(next(cached.glob("models--*/snapshots/*")))]) == 2
    assert "expected one of the shapes' world" in capsys.readouterr().err
