"""Checkers of notebooks 02, 03 and 04: noise, how it is taken away, and in how many steps."""

from collections.abc import Callable

import numpy as np
import torch

from ..diffusion import exact_denoiser
from ..schedules import NoiseSchedule
from . import ANYTHING, exercise, first_mistake


@exercise("2.1")
def _noisy(attempt: Callable) -> None:
    x0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    a = torch.tensor(0.3)
    signal, noise = a.sqrt(), (1 - a).sqrt()
    more_noise = signal * x0 + (1 - signal) * eps
    mistakes = {
        "the square roots are missing: alpha_bar is a share of variance, x_t needs amplitudes": a * x0 + (1 - a) * eps,
        "1 - alpha_bar is the noise's variance: its amplitude is the square root": signal * x0 + (1 - a) * eps,
        "the two factors are swapped: at alpha_bar = 1 there is no noise": noise * x0 + signal * eps,
        "1 - sqrt(alpha_bar) is not sqrt(1 - alpha_bar): the variances have to add up to 1": more_noise,
        "alpha_bar = 1 has to give x0, alpha_bar = 0 to give eps, and 0.3 neither": ANYTHING,
    }
    first_mistake(attempt(x0, a, eps), signal * x0 + noise * eps, mistakes)


@exercise("2.2")
def _noise_variance(attempt: Callable) -> None:
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
def _half_noise(attempt: Callable) -> None:
    betas = torch.tensor([0.1, 0.25, 0.2, 0.3, 0.6])  # alpha_bar: 0.9, 0.675, 0.54, 0.378, 0.15
    got = attempt(betas)
    mistakes = {
        "3 is the index in the table: steps are counted from 1, t = index + 1": 3,
        "beta_t > 1/2 is about one step's noise: it is alpha_bar_t that has to fall below 1/2": 5,
        "compare alpha_bar itself with 1/2: it is a share of variance already, do not square it": 2,
        f"for betas {[round(b, 2) for b in betas.tolist()]} the step is t = 4, got {got}": ANYTHING,
    }
    first_mistake(got, 4, mistakes)
    never = attempt(torch.tensor([0.1, 0.1]))
    assert never is None, "with betas 0.1, 0.1 there is always more signal than noise: expected None"


@exercise("3.1")
def _undo(attempt: Callable) -> None:
    x, eta = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    beta = torch.tensor(0.36, dtype=torch.float64)
    keep, add = (1 - beta).sqrt(), beta.sqrt()
    x_t = keep * x + add * eta
    mistakes = {
        "that is the printed formula (3.1): it shrinks x_t where it has to be grown back": keep * x_t - add * eta,
        "the sign: the noise was added, so it is subtracted": (x_t + add * eta) / keep,
        "the square roots are missing: beta is a variance": (x_t - beta * eta) / (1 - beta),
        "first the noise is taken away, then all of it is divided": x_t / keep - add * eta,
        "the noise is gone, but what is left has still to be divided by sqrt(1 - beta)": x_t - add * eta,
        "a step (2.1) and then this one have to lead back to where it started": ANYTHING,
    }
    first_mistake(attempt(x_t, beta, eta), x, mistakes, 1e-9)


@exercise("3.2")
def _best_guess(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    points, x_t = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in (5, 3))
    ab = torch.tensor(0.6, dtype=torch.float64)
    distance = torch.cdist(x_t, ab.sqrt() * points)
    unshrunk = (-torch.cdist(x_t, points).square() / (2 * (1 - ab))).softmax(1) @ points
    log_p = -distance.square() / (2 * (1 - ab))
    mistakes = {
        "that is the nearest point; the best guess is a mean, weighted by p": points[distance.argmin(1)],
        "that is the mean of all points, whatever x_t is: weight it by p": points.mean(0).expand(3, 2),
        "compare x_t with sqrt(alpha_bar) times the points: x_t has shrunk, they have not": unshrunk,
        "the distance has to be squared": (-distance / (2 * (1 - ab))).softmax(1) @ points,
        "the factor 2 under the fraction is missing": (2 * log_p).softmax(1) @ points,
        "the mean is of the points themselves, not of the shrunken ones": ab.sqrt() * log_p.softmax(1) @ points,
        "softmax along the other axis: for each x_t the p of all points add up to 1": log_p.softmax(0) @ points,
        "it is not (3.4) with sigma = 0": ANYTHING,
    }
    right = exact_denoiser(points, NoiseSchedule([1 - ab.item()]))(x_t, 1)
    first_mistake(attempt(x_t, points, ab), right, mistakes, 1e-9)


@exercise("3.3")
def _jump(attempt: Callable) -> None:
    x0, eps = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ab_t, ab_s = torch.tensor([0.2, 0.7], dtype=torch.float64)

    def mix(ab: torch.Tensor, a: torch.Tensor = x0, b: torch.Tensor = eps) -> torch.Tensor:
        return ab.sqrt() * a + (1 - ab).sqrt() * b

    x_t = mix(ab_t)
    mistakes = {
        "that is x0_hat, all the way at once: mix it with eps_hat again, as time s wants it": x0,
        "that is x_t again: mix with alpha_bar of s": x_t,
        "signal of s, but noise of t: both belong to s": ab_s.sqrt() * x0 + (1 - ab_t).sqrt() * eps,
        "mix x0_hat with eps_hat, not with x_t": mix(ab_s, b=x_t),
        "the guess x0_hat is missing: (3.5) first, then (3.11)": mix(ab_s, a=x_t),
        "the square roots are missing: alpha_bar is a share of variance": ab_s * x0 + (1 - ab_s) * eps,
        "with the true eps it has to give the x_s that (2.2) gives": ANYTHING,
    }
    first_mistake(attempt(x_t, eps, ab_t, ab_s), mix(ab_s), mistakes, 1e-9)


@exercise("4.1")
def _trailing(attempt: Callable) -> None:
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
    assert list(attempt(5, 50)) == [50, 40, 30, 20, 10], "right for 4 steps of 1000, but not for 5 of 50"


@exercise("4.2")
def _betas_of(attempt: Callable) -> None:
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
def _order(attempt: Callable) -> None:
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
