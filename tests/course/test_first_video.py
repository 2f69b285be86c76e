"""Notebook 00 with `MODEL = "modelscope"`: every cell runs, and nothing in it expects the scale model's world."""

import dataclasses
import math

import pytest

import t2v_helpers
from t2v_helpers.shapes import COLORS, MOTIONS, SHAPES
from t2v_helpers.shapes.judge import ENOUGH
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
    assert "Two hearts jump for joy" in said and "bouncing" not in said  # the story's lines are its prompts
    assert said.count("2 frames of 64x64 at 8 fps") == 46, "the elephant is drawn as well"
    assert "judge" not in capsys.readouterr().out


def test_what_it_says_of_the_scale_model_is_so():
    prose = " ".join(" ".join(cell.source.split()) for cell in course.cells(course.NOTEBOOKS[0], "markdown"))
    pipe = t2v_helpers.load_pipeline("tiny", device="cpu")
    assert f"It knows {len(pipe.tokenizer.init_kwargs['known_words'])} words" in prose
    latents = pipe.unet.config.in_channels * pipe.t2v_model.num_frames * pipe.unet.config.sample_size**2
    assert f"works on only {latents:,}." in prose
    weights = sum(pipe.components[part].num_parameters() for part in ("text_encoder", "unet", "vae"))
    assert f"about {1_835_275_563 / weights:.0f} times smaller" in prose
    said = [f"{len(kind)} {name}" for name, kind in (("colours", COLORS), ("shapes", SHAPES), ("motions", MOTIONS))]
    assert f"each with one of {said[0]}, {said[1]} and {said[2]}" in prose
    card = (course.ROOT / "assets" / "tiny-t2v" / "README.md").read_text(encoding="utf-8")
    (row,) = [line.split("|") for line in card.splitlines() if line.startswith("| two things, trained pairs | 128 |")]
    assert f"Over 128 random prompts it is {100 * float(row[8].split()[0]):.0f} % (model card)" in prose
    assert f"gives up if fewer than {math.ceil(ENOUGH * pipe.t2v_model.num_frames)} of the 16 remain" in prose
