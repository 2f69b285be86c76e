"""Checkers of notebook 02."""

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("2.1")
def _noisy(attempt):
    x0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    a = torch.tensor(0.3)
    signal, noise = a.sqrt(), (1 - a).sqrt()
    mistakes = {
        "the square roots are missing: alpha_bar is a share of variance, x_t needs amplitudes": a * x0 + (1 - a) * eps,
        "1 - alpha_bar is the noise's variance: its amplitude is the square root": signal * x0 + (1 - a) * eps,
        "the two factors are swapped: at alpha_bar = 1 there is no noise": noise * x0 + signal * eps,
        "1 - sqrt(alpha_bar) is not sqrt(1 - alpha_bar): the variances have to add up to 1": (
            signal * x0 + (1 - signal) * eps
        ),
        "alpha_bar = 1 has to give x0, alpha_bar = 0 to give eps, and 0.3 neither": ANYTHING,
    }
    first_mistake(attempt(x0, a, eps), signal * x0 + noise * eps, mistakes)


@exercise("2.2")
def _noise_variance(attempt):
    betas = [0.1, 0.2, 0.4]
    got = attempt(list(betas))
    mistakes = {
        "a plain sum: each step also shrinks the noise that is there, by 1 - beta in variance": 0.7,
        "that is what is left of the signal, 1 minus it is the noise": 0.432,
        "that is a standard deviation, expected its square, the variance": 0.568**0.5,
        "only the last step's noise: the earlier ones are still there, shrunk": 0.4,
        "noise shrinks in amplitude by sqrt(1 - beta), so in variance by 1 - beta": 1 - 0.432**0.5,
        f"after betas {betas} the noise has variance 0.568, got {got}": ANYTHING,
    }
    first_mistake(got, 0.568, mistakes)
    first_mistake(attempt([]), 0.0, {"no steps, no noise: expected 0 for an empty list": ANYTHING})


@exercise("2.3")
def _half_noise(attempt):
    betas = torch.tensor([0.1, 0.25, 0.2, 0.3, 0.6])  # alpha_bar: 0.9, 0.675, 0.54, 0.378, 0.15
    got = attempt(betas)
    mistakes = {
        "3 is the index in the table: steps are counted from 1, t = index + 1": 3,
        "beta_t > 1/2 is about one step's noise: it is alpha_bar_t that has to fall below 1/2": 5,
        "compare alpha_bar itself with 1/2: it is a share of variance already, do not square it": 2,
        f"for betas {[round(b, 2) for b in betas.tolist()]} the step is t = 4, got {got}": ANYTHING,
    }
    first_mistake(got, 4, mistakes)
    if attempt(torch.tensor([0.1, 0.1])) is not None:
        raise AssertionError("with betas 0.1, 0.1 there is always more signal than noise: expected None")
