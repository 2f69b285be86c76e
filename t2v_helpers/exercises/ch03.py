"""Checkers of notebook 03."""

import torch

from ..diffusion import exact_denoiser
from ..schedules import NoiseSchedule
from . import ANYTHING, exercise, first_mistake


@exercise("3.1")
def _undo(attempt):
    x, eta = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    beta = torch.tensor(0.36, dtype=torch.float64)
    keep, add = (1 - beta).sqrt(), beta.sqrt()
    x_t = keep * x + add * eta
    got = attempt(x_t, beta, eta)
    mistakes = {
        "that is the printed formula (3.1): it shrinks x_t where it has to be grown back": keep * x_t - add * eta,
        "the sign: the noise was added, so it is subtracted": (x_t + add * eta) / keep,
        "the square roots are missing: beta is a variance": (x_t - beta * eta) / (1 - beta),
        "first the noise is taken away, then all of it is divided": x_t / keep - add * eta,
        "the noise is gone, but what is left has still to be divided by sqrt(1 - beta)": x_t - add * eta,
        "a step (2.1) and then this one have to lead back to where it started": ANYTHING,
    }
    first_mistake(got, x, mistakes, 1e-9)


@exercise("3.2")
def _best_guess(attempt):
    generator = torch.Generator().manual_seed(0)
    points, x_t = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in (5, 3))
    ab = torch.tensor(0.6, dtype=torch.float64)
    distance = torch.cdist(x_t, ab.sqrt() * points)
    plain = torch.cdist(x_t, points).square()
    log_p = -distance.square() / (2 * (1 - ab))
    got = attempt(x_t, points, ab)
    mistakes = {
        "that is the nearest point; the best guess is a mean, weighted by p": points[distance.argmin(1)],
        "that is the mean of all points, whatever x_t is: weight it by p": points.mean(0).expand(3, 2),
        "compare x_t with sqrt(alpha_bar) times the points: x_t has shrunk, they have not": (
            (-plain / (2 * (1 - ab))).softmax(1) @ points
        ),
        "the distance has to be squared": (-distance / (2 * (1 - ab))).softmax(1) @ points,
        "the factor 2 under the fraction is missing": (2 * log_p).softmax(1) @ points,
        "the mean is of the points themselves, not of the shrunken ones": ab.sqrt() * log_p.softmax(1) @ points,
        "softmax along the other axis: for each x_t the p of all points add up to 1": log_p.softmax(0) @ points,
        "it is not (3.4) with sigma = 0": ANYTHING,
    }
    right = exact_denoiser(points, NoiseSchedule([1 - ab.item()]))(x_t, 1)
    first_mistake(got, right, mistakes, 1e-9)


@exercise("3.3")
def _jump(attempt):
    x0, eps = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ab_t, ab_s = torch.tensor([0.2, 0.7], dtype=torch.float64)

    def mix(ab, a=x0, b=eps):
        return ab.sqrt() * a + (1 - ab).sqrt() * b

    x_t = mix(ab_t)
    got = attempt(x_t, eps, ab_t, ab_s)
    mistakes = {
        "that is x0_hat, all the way at once: mix it with eps_hat again, as time s wants it": x0,
        "that is x_t again: mix with alpha_bar of s": x_t,
        "signal of s, but noise of t: both belong to s": ab_s.sqrt() * x0 + (1 - ab_t).sqrt() * eps,
        "mix x0_hat with eps_hat, not with x_t": mix(ab_s, b=x_t),
        "the guess x0_hat is missing: (3.5) first, then (3.11)": mix(ab_s, a=x_t),
        "the square roots are missing: alpha_bar is a share of variance": ab_s * x0 + (1 - ab_s) * eps,
        "with the true eps it has to give the x_s that (2.2) gives": ANYTHING,
    }
    first_mistake(got, mix(ab_s), mistakes, 1e-9)
