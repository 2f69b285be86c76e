"""Solutions and typical wrong answers are run through the checkers."""

import math

import numpy as np
import pytest
import torch
from wrong_answers import WRONG

from t2v_helpers import exercises, shapes
from tools import course

FOUND = {exercise.number: (path, exercise) for path in course.NOTEBOOKS for exercise in course.exercises(path)}


def test_every_exercise_has_a_checker_and_every_checker_an_exercise_and_typical_wrong_answers():
    assert sorted(FOUND) == sorted(exercises.CHECKERS) == sorted(WRONG)
    chapters = [int(number.split(".")[0]) for number in FOUND]
    assert chapters == [int(path.name[:2]) for path, _ in FOUND.values()]
    assert min(map(chapters.count, range(len(course.NOTEBOOKS)))) >= 2
    assert min(len(answers) for answers in WRONG.values()) >= 2


@pytest.mark.parametrize("number", FOUND)
def test_the_folded_solution_is_right(number):
    names = {"math": math, "np": np, "torch": torch, "shapes": shapes}
    exec(FOUND[number][1].solution, names)
    assert exercises.verdict(number, names[FOUND[number][1].name]) == "right"


@pytest.mark.parametrize("number, word", [(n, word) for n, answers in WRONG.items() for word in answers])
def test_wrong_answers_are_named(number, word):
    said = exercises.verdict(number, WRONG[number][word])
    assert said.startswith("not yet") and word in said, said


def unattempted(*args):
    raise NotImplementedError


@pytest.mark.parametrize("number", exercises.CHECKERS)
def test_a_stub_is_not_attempted_and_a_crash_or_a_word_is_an_answer_too(number):
    assert exercises.verdict(number, unattempted) == "not attempted yet"
    assert "TypeError" in exercises.verdict(number, lambda: 0)
    assert exercises.verdict(number, lambda *args: "a word").startswith("not yet: ")


def test_unknown_exercise():
    with pytest.raises(ValueError, match=r"exercise '99.9': expected one of 0.1"):
        exercises.check("99.9", unattempted)
