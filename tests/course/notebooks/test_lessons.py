"""What the long trainings of notebook 08 stored: over the bars, and made by the notebook's own cells."""

import json

import pytest

from tools.course import ROOT
from tools.notebooks import lessons


def stored(name):
    return json.loads((ROOT / "assets" / "lessons" / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["first_model", "new_word", "schedules"])
def test_a_lesson_is_the_notebooks_cells_with_the_full_budget(name):
    cells = [cell.source for cell in lessons.lesson(lessons.LESSONS[name]).cells]
    assert sum('BUDGET = "full"' in cell for cell in cells) == 1 and not any(
        'BUDGET = "short"' in cell for cell in cells
    )
    assert sum(f'(WORK / "{name}.json").write_text' in cell for cell in cells) == 1
    assert not any("raise NotImplementedError" in cell for cell in cells)


def test_the_first_model_follows_prompts_within_ten_minutes():
    lesson = stored("first_model")
    assert lesson["result"]["trained"] >= 0.95 and lesson["result"]["held_out"] >= 0.9
    assert lesson["seconds"] < 600 and lesson["threads"] <= 2
    assert list(lesson["stages"]) == ["autoencoder", "clip", "image", "unet"]


def test_the_new_word_is_learned_and_nothing_else_lost_within_three_minutes():
    lesson = stored("new_word")
    assert lesson["of"] >= 36 and lesson["new"] >= 0.9 * lesson["of"]
    assert lesson["old prompts"] >= 54 and lesson["after"] >= lesson["before"] - 0.02
    assert lesson["seconds"] < 180 and lesson["threads"] <= 2


def test_what_the_schedule_is_for():
    shares = {name: runs[0] for name, runs in stored("schedules")["shares"].items()}
    epsilon, v, zero = shares.values()
    assert zero[-1] >= 0.75 and max(epsilon) < 0.4
    assert sum(zero) > sum(v), "zero terminal SNR does not learn sooner"
