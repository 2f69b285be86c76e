"""The solutions in the notebooks are run through their checkers, and so are the typical wrong answers."""

import numpy as np
import pytest
import torch
from wrong_answers import WRONG

from t2v_helpers import exercises, shapes
from tools import course

NAMES = {"np": np, "torch": torch, "judge": shapes.judge, "parse": shapes.parse}


def solutions():
    """(number, name, code) of every exercise."""
    found = []
    for path in course.NOTEBOOKS:
        for exercise in course.exercises(path):
            assert "raise NotImplementedError" in exercise.stub, f"{path.name}: {exercise.number} has no stub"
            assert exercise.solution, f"{path.name}: exercise {exercise.number} has no solution under it"
            found.append((exercise.number, exercise.name, exercise.solution))
    return found


def test_every_exercise_has_a_checker_and_every_checker_an_exercise():
    numbers = [number for number, _, _ in solutions()]
    assert sorted(numbers) == sorted(exercises.CHECKERS)
    for path in course.NOTEBOOKS:
        mine = [n for n in numbers if n.split(".")[0] == str(int(path.name[:2]))]
        assert len(mine) >= 2, f"{path.name} has {len(mine)} exercises"


@pytest.mark.parametrize("number, name, code", solutions())
def test_solutions_are_right(number, name, code):
    space = dict(NAMES)
    exec(code, space)
    assert exercises.verdict(number, space[name]) == "right"


def unattempted(*args):
    raise NotImplementedError


def test_every_checker_has_at_least_two_typical_wrong_answers():
    assert set(WRONG) == set(exercises.CHECKERS)
    assert min(len(answers) for answers in WRONG.values()) >= 2


@pytest.mark.parametrize("number, word", [(n, word) for n, answers in WRONG.items() for word in answers])
def test_wrong_answers_are_named(number, word):
    said = exercises.verdict(number, WRONG[number][word])
    assert said.startswith("not yet") and word in said, said


@pytest.mark.parametrize("number", exercises.CHECKERS)
def test_a_stub_is_not_attempted_and_a_crash_is_told(number):
    assert exercises.verdict(number, unattempted) == "not attempted yet"
    assert "TypeError" in exercises.verdict(number, lambda: 0)


def test_unknown_exercise():
    with pytest.raises(ValueError, match=r"exercise '99.9': expected one of 0.1"):
        exercises.check("99.9", unattempted)
