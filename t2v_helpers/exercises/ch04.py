"""Checkers of notebook 04."""

import torch

from . import exercise, is_close


@exercise("4.1")
def _trailing(attempt):
    got = attempt(4, 1000)
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    got = [int(t) for t in got]
    for wrong, why in (
        ([1000, 750, 500, 250, 0], "0 is the clean data: nothing is left to denoise there"),
        ([250, 500, 750, 1000], "a sampler goes from noise to data: the times have to fall"),
        ([750, 500, 250, 0], "that is 'leading': it never looks at T, where sampling starts"),
        ([999, 749, 499, 249], "those are indices: steps are counted from 1 in this course"),
        ([1000, 667, 333, 0], "0 is the clean data; with the first at T, the spacing is T / steps"),
    ):
        if got == wrong:
            raise AssertionError(why)
    if got != [1000, 750, 500, 250]:
        raise AssertionError(f"4 steps of 1000 are [1000, 750, 500, 250], got {got}")
    if list(attempt(5, 50)) != [50, 40, 30, 20, 10]:
        raise AssertionError("right for 4 steps of 1000, but not for 5 of 50")


@exercise("4.2")
def _betas_of(attempt):
    betas = torch.tensor([0.1, 0.2, 0.5, 0.9])
    alpha_bars = torch.cumprod(1 - betas, 0)
    got = attempt(alpha_bars)
    if got is not None and len(got) == 3:
        raise AssertionError("one beta is missing: before the first step stands alpha_bar_0 = 1")
    if got is not None and len(got) == 4:
        if is_close(got, 1 - alpha_bars):
            raise AssertionError("that is the noise so far, not the noise of one step: divide by the step before")
        if is_close(got, 1 - betas):
            raise AssertionError("those are the alphas; beta is 1 minus alpha")
        if is_close(got, 1 - (1 - betas).sqrt()):
            raise AssertionError("no square root: alpha_bar is a share of variance, and so is beta")
        if is_close(got, torch.cat([torch.ones(1), alpha_bars[:-1]]) - alpha_bars):
            raise AssertionError("a product is undone by a ratio, not by a difference")
        if not torch.is_tensor(got) or not is_close(got[0], betas[0]):
            raise AssertionError("the first is wrong: before it stands alpha_bar_0 = 1")
    if not is_close(got, betas):
        raise AssertionError("the running product of 1 - beta_t has to be alpha_bar_t again")


@exercise("4.3")
def _order(attempt):
    steps, errors = [10, 20, 40], [0.8, 0.21, 0.05]  # first to last: 16 times less in 4 times the steps
    got = attempt(steps, errors)
    if got is not None and abs(float(got) + 2) < 1e-6:
        raise AssertionError("the sign: an error that falls has a positive order")
    if got is not None and abs(float(got) - 16) < 1e-6:
        raise AssertionError("that is the ratio of the errors: the order is in the exponent, take logarithms")
    if got is not None and abs(float(got) - 0.5) < 1e-6:
        raise AssertionError("upside down: ln of the errors over ln of the steps")
    if got is not None and abs(float(got) - 4) < 1e-6:
        raise AssertionError("divide by the logarithm of the ratio of the steps, 2 for four times as many")
    if not is_close(got, 2.0):
        raise AssertionError(f"16 times less error in 4 times the steps is order 2, got {got}")
