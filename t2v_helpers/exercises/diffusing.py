"""Checkers of notebooks 02, 03 and 04: noise, how it is taken away, and in how many steps."""

from collections.abc import Callable

import numpy as np
import torch

from ..diffusion import exact_denoiser
from ..schedules import NoiseSchedule
from . import ANYTHING, exercise, first_mistake


@exercise("2.1")
def _chain(attempt: Callable) -> None:
    x0, betas = torch.full((20_000, 2), 3.0), torch.tensor([0.1, 0.2, 0.4])
    runs = [attempt(x0.clone(), betas, torch.Generator().manual_seed(seed)) for seed in (0, 0)]
    assert runs[0] is not None, "it returns None: is the return missing?"
    x = torch.as_tensor(runs[0])
    assert x.shape == x0.shape, f"x_T has shape {tuple(x.shape)}, expected that of x0, {tuple(x0.shape)}"
    assert torch.equal(*runs), "two runs with the same seed differ: draw all noise from the generator that is passed"
    spread, mean = x.var(0).mean().item(), x.mean().item()
    assert spread > 1e-3, "all samples got the same noise: draw it in the shape of x0"
    likely = {
        1.435: "the noise of all steps is still one and the same draw: draw it inside the loop",
        0.7: "x has to shrink before the noise is added: the factor sqrt(1 - beta) is missing",
        0.189: "beta is a variance: the noise is multiplied by its square root",
    }
    for variance, mistake in likely.items():
        assert abs(spread - variance) > 0.03, mistake
    assert abs(spread - 0.568) < 0.03, f"for betas 0.1, 0.2, 0.4 the variance of x_T is 0.568, got {spread:.3f}"
    assert abs(mean - 1.972) < 0.03, f"from x0 = 3, the mean of x_T is 3 sqrt(0.432) = 1.97, got {mean:.2f}"


@exercise("2.2")
def _numbers_needed(attempt: Callable) -> None:
    schedule = NoiseSchedule([0.5, 0.5])  # SNR 1 after the first step, 1/3 after the second
    got = attempt(schedule, 0.5, 0.9)
    mistakes = {
        "round up: with one number less, the share is not reached": 78,
        "numbers are whole numbers: round up": 78.829,
        "N numbers that differ by d are sqrt(N) d apart, so N is the square of what you have": 9,
        "half of the distance counts: the border is half way between the two": 20,
        "(2.8) has the root of the SNR, so once you square it, it is the SNR itself": 237,
        "take the SNR of the last step, which says what is left at the end, not of the first": 27,
        "turn the share into a distance first, by `icdf`, the inverse of the distribution function": 39,
        f"for SNR 1/3, difference 0.5 and share 0.9 it is 79, got {got}": ANYTHING,
    }
    first_mistake(got, 79, mistakes, 0.01)


@exercise("2.3")
def _constant_beta(attempt: Callable) -> None:
    got = attempt(4, 3, 2)  # 4 steps, 3 bits, 2 numbers: alpha_bar = 1 - 2^-3
    mistakes = {
        "that is 1 - beta, the share that a step keeps": 0.875**0.25,
        "that is alpha_bar after all steps; beta is what one of the T equal steps adds": 0.875,
        "that is the noise of one step that does it all at once: take the T-th root of alpha_bar": 0.125,
        "divided by T: factors multiply, so take the T-th root of alpha_bar": 0.125 / 4,
        "bits, not nats: 2 to the power, not e": 1 - (1 - np.exp(-3)) ** 0.25,
        "(2.7) has a factor 1/2, so the exponent has a factor 2": 1 - (1 - 2**-1.5) ** 0.25,
        "the bits are those of all numbers together: divide by `numbers`": 1 - (1 - 2**-6.0) ** 0.25,
        f"for T = 4, 3 bits and 2 numbers it is 0.0328, got {got}": ANYTHING,
    }
    first_mistake(got, 1 - 0.875**0.25, mistakes, 1e-6)


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
