"""Checkers of notebook 04."""

import numpy as np
import torch

from . import ANYTHING, exercise, first_mistake


@exercise("4.1")
def _trailing(attempt):
    got = attempt(4, 1000)
    got = got if got is None else [int(t) for t in got]
    mistakes = {
        "0 is the clean data: nothing is left to denoise there": [1000, 750, 500, 250, 0],
        "a sampler goes from noise to data: the times have to fall": [250, 500, 750, 1000],
        "that is 'leading': it never looks at T, where sampling starts": [750, 500, 250, 0],
        "those are indices: steps are counted from 1 in this course": [999, 749, 499, 249],
        "0 is the clean data; with the first at T, the spacing is T / steps": [1000, 667, 333, 0],
        f"4 steps of 1000 are [1000, 750, 500, 250], got {got}": ANYTHING,
    }
    first_mistake(got, [1000, 750, 500, 250], mistakes)
    if list(attempt(5, 50)) != [50, 40, 30, 20, 10]:
        raise AssertionError("right for 4 steps of 1000, but not for 5 of 50")


@exercise("4.2")
def _betas_of(attempt):
    betas = torch.tensor([0.1, 0.2, 0.5, 0.9])
    alpha_bars = torch.cumprod(1 - betas, 0)
    before = torch.cat([torch.ones(1), alpha_bars[:-1]])
    got = attempt(alpha_bars)
    mistakes = {
        "one beta is missing: before the first step stands alpha_bar_0 = 1": betas[1:],
        "that is the noise so far, not the noise of one step: divide by the step before": 1 - alpha_bars,
        "those are the alphas; beta is 1 minus alpha": 1 - betas,
        "no square root: alpha_bar is a share of variance, and so is beta": 1 - (1 - betas).sqrt(),
        "a product is undone by a ratio, not by a difference": before - alpha_bars,
        "the first is wrong: before it stands alpha_bar_0 = 1": np.r_[np.ravel(got)[:1], betas[1:]],
        "the running product of 1 - beta_t has to be alpha_bar_t again": ANYTHING,
    }
    first_mistake(got, betas, mistakes)


@exercise("4.3")
def _order(attempt):
    steps, errors = [10, 20, 40], [0.8, 0.21, 0.05]  # first to last: 16 times less in 4 times the steps
    got = attempt(steps, errors)
    mistakes = {
        "the sign: an error that falls has a positive order": -2,
        "that is the ratio of the errors: the order is in the exponent, take logarithms": 16,
        "upside down: ln of the errors over ln of the steps": 0.5,
        "divide by the logarithm of the ratio of the steps, 2 for four times as many": 4,
        f"16 times less error in 4 times the steps is order 2, got {got}": ANYTHING,
    }
    first_mistake(got, 2.0, mistakes)
