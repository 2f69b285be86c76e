"""The checkers of the notebooks' exercises: "not attempted yet", "right", or the likely mistake by its name.

A checker calls the attempt and raises AssertionError with what the learner should read. The solutions are in the
notebooks; tests run each of them, and typical wrong answers, through the checkers.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["check"]
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
        raise ValueError(f"exercise {number!r}: expected one of {', '.join(sorted(CHECKERS))}")
    print(f"exercise {number}: {verdict(number, attempt)}")


def verdict(number: str, attempt: Callable) -> str:
    """Return what `check` prints: "not attempted yet", "right", or "not yet: " and the likely mistake."""
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

    def register(checker: Callable) -> Callable:
        CHECKERS[number] = checker
        return checker

    return register


def first_mistake(got: ArrayLike | None, right: ArrayLike, mistakes: Mapping, atol: float = 1e-5) -> None:
    """Raise AssertionError unless `got` is right; it names the first mistake that leads to the same result.

    `mistakes` maps what to say to what the mistake returns; ANYTHING is last, and before it a wrong shape is named.
    """
    assert got is not None, "it returns None: is the return missing?"
    if _same(got, right, atol):
        return
    for said, result in mistakes.items():
        if result is ANYTHING and hasattr(right, "shape") and np.shape(got) != right.shape:
            raise AssertionError(f"the result has shape {tuple(np.shape(got))}, expected {tuple(right.shape)}")
        if result is ANYTHING or _same(got, result, atol):
            raise AssertionError(said)


def _same(got: object, expected: object, atol: float) -> bool:
    try:
        got, expected = (np.asarray(value, dtype=np.float64) for value in (got, expected))
    except (TypeError, ValueError):  # not numbers
        return False
    return got.shape == expected.shape and np.allclose(got, expected, atol=atol, equal_nan=True)


from . import diffusing, flows, gans, measuring, pipelines, transformers  # noqa: E402, F401  # they need `exercise`
