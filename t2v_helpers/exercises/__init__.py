"""The checkers of the notebooks' exercises: "not attempted yet", "right", or the likely mistake by its name.

A checker calls the attempt and asserts; what it asserts on failure is what the learner reads. The solutions stand in
the notebooks, and tests run each of them, and typical wrong answers, through these.
"""

import importlib
import pkgutil

import numpy as np

CHECKERS = {}


def check(number, attempt):
    """Run the checker of exercise `number`, such as "7.1", on a function, and print what it finds."""
    if number not in CHECKERS:
        raise ValueError(f"exercise {number!r}: expected one of {', '.join(CHECKERS)}")
    print(f"exercise {number}: {verdict(number, attempt)}")


def verdict(number, attempt):
    """What `check` prints: "not attempted yet", "right", or "not yet: " and the likely mistake."""
    try:
        CHECKERS[number](attempt)
    except NotImplementedError:
        return "not attempted yet"
    except AssertionError as mistake:
        return f"not yet: {mistake}"
    except Exception as error:  # whatever a learner's code may raise
        return f"not yet: it stopped with {type(error).__name__}: {error}"
    return "right"


def exercise(number):
    """Register the decorated function as the checker of exercise `number`."""

    def register(checker):
        CHECKERS[number] = checker
        return checker

    return register


def is_close(got, expected, atol=1e-5):
    """Whether got is an array or tensor equal to expected, of the same shape."""
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    got, expected = (np.asarray(value, dtype=np.float64) for value in (got, expected))
    if got.shape != expected.shape:
        raise AssertionError(f"the result has shape {got.shape}, expected {expected.shape}")
    return np.allclose(got, expected, atol=atol)


for _chapter in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_chapter}")
