"""Notebook 00 with `MODEL = "modelscope"`: every cell runs, and nothing in it expects the scale model's world."""

import dataclasses
import json

import pytest

import t2v_helpers
from tools import course

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_every_cell_runs_with_modelscope(cached, tmp_path, monkeypatch, capsys):
    """ModelScope's classes and tokenizer with small random weights, on a CPU, for small and short clips."""
    pipe = t2v_helpers.load_pipeline("modelscope", device="cpu")
    pipe.t2v_model = dataclasses.replace(pipe.t2v_model, steps=2, num_frames=2, size=(64, 64))
    pipe.set_progress_bar_config(disable=True)
    asked = []
    monkeypatch.setattr(t2v_helpers, "load_pipeline", lambda name: asked.append(name) or pipe, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names, shown = {}, []
    monkeypatch.setattr("IPython.display.display", shown.append)
    for cell in course.cells(course.NOTEBOOKS[0], "code"):
        if "google.colab" not in cell.source:
            exec(cell.source.replace('MODEL, SEED = "tiny"', 'MODEL, SEED = "modelscope"'), names)
    (film,) = tmp_path.rglob("*.mp4")  # in FOLDER, and none at home
    assert asked == ["modelscope"] and str(film) == f"{names['FOLDER']}/first_video.mp4"
    said = " ".join(map(repr, shown))
    assert "A rocket lifts off" in said and "purple triangle" not in said  # the story's lines are its prompts
    assert said.count("2 frames of 64x64 at 8 fps") == 33, "the elephant is drawn as well"
    assert "judge" not in capsys.readouterr().out


def test_its_numbers_are_those_of_the_model_card():
    prose = " ".join(" ".join(cell.source.split()) for cell in course.cells(course.NOTEBOOKS[0], "markdown"))
    measured = json.loads((t2v_helpers.ASSETS / "tiny-t2v" / "evaluation.json").read_text())
    rows = [measured[what] for what in ("trained captions", "held-out captions", "control: captions shuffled")]
    right, held_out, chance = ((round(row["all"] * row["clips"]), row["clips"]) for row in rows)
    assert "says in {} of {} clips".format(*right) in prose
    assert held_out[0] == held_out[1] and f"all {held_out[0]} clips of held-out prompts show what they should" in prose
    assert "and {} of {} still fit".format(*chance) in prose
    tokenizer = json.loads((t2v_helpers.ASSETS / "tiny-t2v" / "tokenizer" / "tokenizer_config.json").read_text())
    assert f"It knows {len(tokenizer['known_words'])} words" in prose
