"""Checkers of notebook 02."""

import torch

from . import exercise, is_close


@exercise("2.1")
def _noisy(attempt):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 3, 4, generator=generator)
    a = torch.tensor(0.3)
    got = attempt(x0, a, eps)
    if got is not None and got.shape == x0.shape:
        if is_close(got, a * x0 + (1 - a) * eps):
            raise AssertionError("the square roots are missing: alpha_bar is a share of variance, x_t needs amplitudes")
        if is_close(got, a.sqrt() * x0 + (1 - a) * eps):
            raise AssertionError("1 - alpha_bar is the noise's variance: its amplitude is the square root")
        if is_close(got, (1 - a).sqrt() * x0 + a.sqrt() * eps):
            raise AssertionError("the two factors are swapped: at alpha_bar = 1 there is no noise")
        if is_close(got, a.sqrt() * x0 + (1 - a.sqrt()) * eps):
            raise AssertionError("1 - sqrt(alpha_bar) is not sqrt(1 - alpha_bar): the variances have to add up to 1")
    if not is_close(got, a.sqrt() * x0 + (1 - a).sqrt() * eps):
        raise AssertionError("alpha_bar = 1 has to give x0, alpha_bar = 0 to give eps, and 0.3 neither")


@exercise("2.2")
def _noise_variance(attempt):
    betas = [0.1, 0.2, 0.4]
    got = attempt(list(betas))
    for wrong, why in (
        (0.7, "a plain sum: each step also shrinks the noise that is there, by 1 - beta in variance"),
        (0.432, "that is what is left of the signal, 1 minus it is the noise"),
        (0.568**0.5, "that is a standard deviation, expected its square, the variance"),
        (0.4, "only the last step's noise: the earlier ones are still there, shrunk"),
        (1 - 0.432**0.5, "noise shrinks in amplitude by sqrt(1 - beta), so in variance by 1 - beta"),
    ):
        if got is not None and is_close(got, wrong):
            raise AssertionError(why)
    if not is_close(got, 0.568):
        raise AssertionError(f"after betas {betas} the noise has variance 0.568, got {got}")
    if not is_close(attempt([]), 0.0):
        raise AssertionError("no steps, no noise: expected 0 for an empty list")


@exercise("2.3")
def _half_noise(attempt):
    betas = torch.tensor([0.1, 0.25, 0.2, 0.3, 0.6])  # alpha_bar: 0.9, 0.675, 0.54, 0.378, 0.15
    got = attempt(betas)
    if got == 3:
        raise AssertionError("3 is the index in the table: steps are counted from 1, t = index + 1")
    if got == 5:
        raise AssertionError("beta_t > 1/2 is about one step's noise: it is alpha_bar_t that has to fall below 1/2")
    if got == 2:
        raise AssertionError("compare alpha_bar itself with 1/2: it is a share of variance already, do not square it")
    if got != 4:
        raise AssertionError(f"for betas {[round(b, 2) for b in betas.tolist()]} the step is t = 4, got {got}")
    if attempt(torch.tensor([0.1, 0.1])) is not None:
        raise AssertionError("with betas 0.1, 0.1 there is always more signal than noise: expected None")
