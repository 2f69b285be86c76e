"""Checkers of notebook 12: a score without its biases, a difference that may be luck, and how many clips one needs."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch

from . import ANYTHING, exercise, first_mistake


@exercise("12.1")
def _extrapolated(attempt: Callable) -> None:
    n, m = np.array([128, 256, 512, 1024]), np.array([1000, 200, 150, 400])
    both = 1 / n + 1 / m
    values = 0.3 + 21 * both + np.array([0.02, -0.015, 0.01, 0.005])
    slope, limit = np.polyfit(both, values, 1)
    one, above = np.polyfit(1 / n, values, 1)
    mistakes = {
        "the bias of the references is still in it: each score has its own c / n_ref": above,
        "the references differ: take off each one's bias before the fit, not their mean after it": above
        - one * np.mean(1 / m),
        "the biases add up: 1/n + 1/n_ref, and that is not 1/(n + n_ref)": np.polyfit(1 / (n + m), values, 1)[1],
        "the same c belongs to both biases: fit one slope, not two": np.linalg.lstsq(
            np.stack([1 / n, 1 / m, np.ones(4)], 1), values, rcond=None
        )[0][2],
        "that is the slope c, not a score": slope,
        "fitted against n: (12.3) is a line in 1/n": np.polyfit(n, values, 1)[1],
        "fitted against roots: that is how errors of a mean shrink, and a bias shrinks as 1/n": np.polyfit(
            n**-0.5 + m**-0.5, values, 1
        )[1],
        "that begins with one score, whose noise stays: take the end of the line": values[-1] - slope * both[-1],
        f"for these sets it is {limit:.4f}": ANYTHING,
    }
    first_mistake(attempt(n.tolist(), values.tolist(), m.tolist()), float(limit), mistakes, 1e-6)


@exercise("12.2")
def _by_luck(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    difficulty, luck = torch.randn(2, 12, generator=generator, dtype=torch.float64)
    y, other = 3 * difficulty + luck, 3 * difficulty
    y = y - luck.mean() + 0.45 * luck.std()
    d = y - other

    def share(means: torch.Tensor) -> float:
        return (means.abs() >= d.mean().abs() - 1e-9).double().mean().item()

    signs = torch.tensor([*itertools.product((1.0, -1.0), repeat=len(d))], dtype=torch.float64)
    deals = torch.rand(4000, 2 * len(d), generator=generator).argsort(1)
    dealt = torch.cat([y, other])[deals]
    redrawn = d[torch.randint(len(d), (4000, len(d)), generator=generator)]
    right = share(signs @ d / len(d))
    mistakes = {
        "that is one side only, and a difference as far below 0 counts, too": right / 2,
        "that deals the scores of all prompts anew: keep the pairs, and only choose the sign of each difference": share(
            dealt[:, : len(d)].mean(1) - dealt[:, len(d) :].mean(1)
        ),
        "that draws around the real mean, as the bootstrap does. If there is only luck, the mean is 0": share(
            redrawn.mean(1)
        ),
        "that is how often it is nearer to 0": 1 - right,
        f"for these scores it is about {right:.2f}": ANYTHING,
    }
    first_mistake(attempt(y, other, torch.Generator().manual_seed(1)), right, mistakes, 0.025)
    all_right = torch.ones(24, dtype=torch.float64)
    four_wrong = all_right.clone()
    four_wrong[:4] = 0
    got = attempt(all_right, four_wrong, torch.Generator().manual_seed(1))
    said = "a draw exactly as far from 0 counts as well: for four differences of 1 among zeros it is 1/8"
    first_mistake(got, 0.125, {said: ANYTHING}, 0.025)
    got = attempt(all_right + luck.abs().repeat(2), 0 * all_right, torch.Generator().manual_seed(1))
    assert got > 0, "if all 24 differences are above 0, it returns 0: count the real signs as one more draw"
    assert got < 0.01, "if all 24 differences are far above 0, hardly any draw is as far"


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
