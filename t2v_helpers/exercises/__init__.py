"""The checkers of the notebooks' exercises: "not attempted yet", "right", or the likely mistake by its name.

A checker calls the attempt and raises AssertionError with what the learner should read. The solutions are in the
notebooks; tests run each of them, and typical wrong answers, through the checkers.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

CHECKERS = {}
ANYTHING = object()  # any other wrong result, see `first_mistake`


def check(number: str, attempt: Callable) -> None:
    """Check a function that you wrote for an exercise, and print what is wrong with it, if anything is.

    Args:
        number: Of the exercise, such as "7.1".
        attempt: Your function.

    Raises:
        ValueError: If there is no such exercise.
    """
    if number not in CHECKERS:
        raise ValueError(f"exercise {number!r}: expected one of {', '.join(CHECKERS)}")
    print(f"exercise {number}: {verdict(number, attempt)}")


def verdict(number: str, attempt: Callable) -> str:
    """Return what `check` prints: "not attempted yet", "right", or "not yet: " and the likely mistake.

    Args:
        number: Of the exercise, such as "7.1".
        attempt: The function that was written for it.
    """
    try:
        CHECKERS[number](attempt)
    except NotImplementedError:
        return "not attempted yet"
    except AssertionError as mistake:
        return f"not yet: {mistake}"
    except Exception as error:  # whatever a learner's code may raise
        return f"not yet: it stopped with {type(error).__name__}: {error}"
    return "right"


def exercise(number: str) -> Callable:
    """Register the decorated function as the checker of exercise `number`."""

    def register(checker):
        CHECKERS[number] = checker
        return checker

    return register


def first_mistake(got: ArrayLike | None, right: ArrayLike, mistakes: Mapping, atol: float = 1e-5) -> None:
    """Check a result, and name the first mistake that leads to the same one.

    Args:
        got: What the attempt returned.
        right: What it should return. For an array or a tensor, a wrong shape is named before ANYTHING.
        mistakes: What to say, to the result of that mistake; the last of them to ANYTHING.
        atol: How far apart equal numbers may be.

    Raises:
        AssertionError: With what to say, if the result is not right.
    """
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    if _same(got, right, atol):
        return
    for said, result in mistakes.items():
        if result is ANYTHING and hasattr(right, "shape") and np.shape(got) != right.shape:
            raise AssertionError(f"the result has shape {tuple(np.shape(got))}, expected {tuple(right.shape)}")
        if result is ANYTHING or _same(got, result, atol):
            raise AssertionError(said)


def _same(got, expected, atol):
    try:
        got, expected = (np.asarray(value, dtype=np.float64) for value in (got, expected))
    except (TypeError, ValueError):  # not numbers
        return False
    return got.shape == expected.shape and np.allclose(got, expected, atol=atol, equal_nan=True)


for _chapter in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_chapter}")
