"""Checkers of notebook 12: a score without its biases, an interval that keeps pairs, and how many clips one needs."""

import math
from collections.abc import Callable

import numpy as np
import torch

from . import ANYTHING, exercise, first_mistake


@exercise("12.1")
def _extrapolated(attempt: Callable) -> None:
    n, m = np.array([128, 256, 512, 1024]), 400
    values = 0.3 + 21 / n + 21 / m + np.array([0.05, -0.04, 0.02, 0.01])
    slope, limit = np.polyfit(1 / n, values, 1)
    by_n, by_root = (np.polyfit(n**power, values, 1)[1] - slope / m for power in (1.0, -0.5))
    mistakes = {
        "the bias of the reference is still in it: by (12.3) it is c / m": limit,
        "both biases push the score up: subtract c / m": limit + slope / m,
        "that is the slope c, not a score": slope,
        "fitted against n: (12.3) is a line in 1/n": by_n,
        "fitted against 1/sqrt(n): that is how errors of a mean shrink, and a bias shrinks as 1/n": by_root,
        "that begins with the value of the largest set, which still has the bias of its clips": values[-1] - slope / m,
        f"for these sets it is {limit - slope / m:.4f}": ANYTHING,
    }
    first_mistake(attempt(n.tolist(), values.tolist(), m), float(limit - slope / m), mistakes, 1e-6)


@exercise("12.2")
def _interval_of_pairs(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    difficulty, luck = torch.randn(2, 60, generator=generator, dtype=torch.float64)
    a, b = difficulty + 0.3 * luck + 0.5, difficulty
    d = a - b
    middle, error = d.mean().item(), d.std().item() / math.sqrt(len(d))
    apart = math.sqrt((a.var() + b.var()).item() / len(a))

    def around(half: float, at: float = middle) -> np.ndarray:
        return np.array([at - half, at + half])

    got = attempt(a, b, torch.Generator().manual_seed(1))
    assert got is not None, "it returns None: is the return missing?"
    assert np.shape(got) == (2,), f"the result has shape {np.shape(got)}, expected two numbers, low and high"
    got = np.asarray(got, dtype=float)
    for said, wrong in {
        "still the planted bug: a clip of one setting is compared with any clip of the other": around(1.96 * apart),
        "that is b - a": around(1.96 * error, -middle),
        "that is where single differences lie; asked for is their mean": np.quantile(d, (0.025, 0.975)),
    }.items():
        assert not np.allclose(got, wrong, atol=0.15 * (wrong[1] - wrong[0]) / 2), said
    right = around(1.96 * error)
    assert got[0] < got[1], "the low end comes first"
    said = f"for these scores it is about {right[0]:.2f} to {right[1]:.2f}"
    first_mistake(got, right, {said: ANYTHING}, 0.3 * error)


@exercise("12.3")
def _clips_needed(attempt: Callable) -> None:
    d = torch.tensor([1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0], dtype=torch.float64)
    s, margin = d.std().item(), 0.05
    mistakes = {
        "not squared: four times the clips make an interval half as long": math.ceil(1.96 * s / margin),
        "that takes the variance for the deviation s": math.ceil((1.96 * s**2 / margin) ** 2),
        "without the 1.96: one standard error holds 68 %, not 95 %": math.ceil((s / margin) ** 2),
        "twice 1.96: the margin is to each side, not across": math.ceil((2 * 1.96 * s / margin) ** 2),
        "as if the margin were the interval's whole length; it is half of it": math.ceil((1.96 * s / margin / 2) ** 2),
        "round up: with one pair less it is too wide": math.floor((1.96 * s / margin) ** 2),
        "a number of clips is a whole number": (1.96 * s / margin) ** 2,
        f"for these differences it is {math.ceil((1.96 * s / margin) ** 2)} pairs": ANYTHING,
    }
    first_mistake(attempt(d, margin), math.ceil((1.96 * s / margin) ** 2), mistakes, 1e-6)
