"""Typical wrong answers are run through the checkers; test_handout.py does the same with the solutions."""

import pytest
from wrong_answers import WRONG

from t2v_helpers import exercises
from tools import course


def test_every_exercise_has_a_checker_and_every_checker_an_exercise_and_typical_wrong_answers():
    numbers = {path.name: [exercise.number for exercise in course.exercises(path)] for path in course.NOTEBOOKS}
    assert sorted(n for mine in numbers.values() for n in mine) == sorted(exercises.CHECKERS) == sorted(WRONG)
    for name, mine in numbers.items():
        assert len(mine) >= 2 and {n.split(".")[0] for n in mine} == {str(int(name[:2]))}
    assert min(len(answers) for answers in WRONG.values()) >= 2


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
