"""What the long trainings of notebook 08 stored: they are over the bars."""

import json

import numpy as np

from t2v_helpers import shapes
from tools import course

NOTEBOOK = course.ROOT / "notebooks" / "08_train_text_to_video.ipynb"


def stored(name):
    return json.loads((course.ROOT / "assets" / "lessons" / f"{name}.json").read_text())


def test_budget_and_folder_are_papermills_to_set():
    (cell,) = (c for c in course.cells(NOTEBOOK, "code") if "parameters" in c.metadata.get("tags", []))
    budget, folder = cell.source.splitlines()
    assert budget.startswith('BUDGET = "medium"') and folder.startswith('FOLDER = ""')


def test_the_stored_clips_end_with_what_was_asked_for():
    with np.load(course.ROOT / "assets" / "lessons" / "medium_clips.npz") as lesson:
        grown = lesson["grown"]
    first, *_, last = (shapes.judge(clip / np.float32(255), fit=0.7) for clip in grown)
    assert str(last) == "a red triangle moving right" and first != last


def test_the_first_model_follows_prompts():
    lesson = stored("first_model")
    (trained, asked), (held_out, asked_new) = (lesson["result"][what] for what in ("trained", "held-out"))
    assert trained >= 0.95 * asked == 38 and held_out >= 0.9 * asked_new == 18
    assert list(lesson["stages"]) == ["autoencoder", "clip", "image", "unet"]


def test_a_new_word_needs_more_than_its_vector_and_the_more_learns_the_more_is_forgotten():
    lesson = stored("new_word")
    assert len(lesson) == 3
    assert {tuple(one["guess"]) for one in lesson} == {(5, 18)}  # as the notebook finds, too
    landing, old = np.array([[*one["ways"].values()] for one in lesson]).transpose(2, 1, 0)
    vector, thin, lora, full = range(4)
    assert landing[vector].max() < landing[thin].min() and landing[thin].mean() < landing[lora].mean()
    assert 0.8 < (landing[lora].mean() - 5) / (landing[full].mean() - 5) < 1
    assert (old[full] < old[lora]).all() and old[full].mean() < old[thin].mean()


def test_two_loras_mixed_follow_both_words_each_less_than_its_own_lora():
    lesson = stored("new_word")
    alone, other, both, weaker = np.array([[*one["mixed"].values()] for one in lesson]).transpose(1, 2, 0)
    assert alone[[0, 2]].T.tolist() == [one["ways"]["LoRA, rank 8"] for one in lesson]  # climbing's LoRA adds nothing
    assert (alone[1] < both[1]).all() and (both < np.maximum(alone, other)).all()
    assert both[2].max() < min(alone[2].min(), other[2].min(), weaker[2].min())


def test_what_the_schedule_is_for():
    lesson = stored("schedules")
    runs, unclear = (
        {name: np.array(shares)[:, -1] for name, shares in lesson[what].items()} for what in ("shares", "unclear")
    )
    of_v = [shares for name, shares in runs.items() if name[0] == "v"]
    assert len(runs) == 4 and {len(shares) for shares in runs.values()} == {3}
    assert runs["ε, β to 0.012"].max() < 0.4 < 0.7 < min(shares.min() for shares in of_v)
    assert unclear["ε, β to 0.012"].min() > 0.6 and all((runs[name] + unclear[name] <= 1).all() for name in runs)
