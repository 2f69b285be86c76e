"""Checkers of notebook 10: velocities, the times that a network is told, and how a flow bends."""

import math
from collections.abc import Callable

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("10.1")
def _velocity_from_v(attempt: Callable) -> None:
    x0, eps = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ab = 0.7
    signal, noise = ab**0.5, (1 - ab) ** 0.5
    x_t, v, total = signal * x0 + noise * eps, signal * eps - noise * x0, signal + noise
    y = x_t / total
    of_x_t = (noise - signal) * y + total * v  # right, if y were x_t
    mistakes = {
        "that is x0 - eps: the velocity points from data to noise": x0 - eps,
        "that is eps alone: subtract x0": eps,
        "that is x0 alone: subtract it from eps": x0,
        "that is right for x_t, but you are given y: multiply it by signal + noise first": of_x_t,
        "y is x_t divided by signal + noise, so multiply to get x_t back": (noise - signal) * y / total + total * v,
        "u is eps - x0 already, without a division by signal + noise": (eps - x0) / total,
        "only v is in it: y drops out only where signal = noise": total * v,
        "the sign of y's term: x0 holds + signal x_t and is subtracted": (2 * ab - 1) * y + total * v,
        "alpha_bar is a variance: signal and noise are its roots": (1 - 2 * ab) * y + v,
        "solve (2.2) and (3.6) for x0 and eps: a rotation, turned back; then subtract": ANYTHING,
    }
    first_mistake(attempt(y, v, ab), eps - x0, mistakes, 1e-9)
    first_mistake(attempt(y, v, 0.0), y + v, {"at alpha_bar = 0 it is y + v": ANYTHING}, 1e-9)


def colleagues_network(velocity: Callable, shift: float) -> Callable:
    """Return what a network without errors learns from the batches of exercise 10.2, as a function of (x, t).

    Args:
        velocity: The exact velocity, a function of (x, t).
        shift: As the colleague's.
    """
    return lambda x, t: velocity(x, shift * t / (1 + (shift - 1) * t))


@exercise("10.2")
def _told_the_right_time(attempt: Callable) -> None:
    x0, eps = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t, shift = torch.tensor([[0.1], [0.4], [0.6], [0.9]], dtype=torch.float64), 3.0
    s = shift * t / (1 + (shift - 1) * t)
    got = attempt(x0, eps, t, shift)
    assert got is not None, "it returns None: is the return missing?"
    assert len(got) == 3, (
        f"it has to return three things: x_t, the time that the network is told, the target; got {len(got)}"
    )
    x_t, told, target = got
    places = {
        "x_t is no longer shifted, so training looks at uniform times again: change only what was wrong": (
            (1 - t) * x0 + t * eps
        ),
        "x_t is not on the line between x0 and eps; it was right before": ANYTHING,
    }
    first_mistake(x_t, (1 - s) * x0 + s * eps, places, 1e-9)
    times = {
        "still the planted bug: at which flow time is this x_t, and which is the network told?": t,
        "shifted twice: x_t is at s": shift * s / (1 + (shift - 1) * s),
        "the network has to be told the time at which x_t lies": ANYTHING,
    }
    first_mistake(told, s, times, 1e-9)
    targets = {
        "that is the velocity per unit of the unshifted t; the sampler's clock is s, and there the target was right": (
            (eps - x0) * shift / (1 + (shift - 1) * t) ** 2
        ),
        "the target was right: the line has one velocity, eps - x0": ANYTHING,
    }
    first_mistake(target, eps - x0, targets, 1e-9)


@exercise("10.3")
def _bend(attempt: Callable) -> None:
    for sigma in (1.0, 0.5, 2.0):
        t = (torch.arange(20_000).double() + 0.5) / 20_000
        rho = ((1 - t) ** 2 * sigma**2 + t**2).sqrt()
        slope, chord = (t - (1 - t) * sigma**2) / rho, 1 - sigma
        right = (slope - chord).square().mean().item()
        got = attempt(sigma)
        mistakes = {
            "that is the mean square of the slope: subtract the chord first": slope.square().mean(),
            "that is the mean of the difference, which is always 0: square it first": 0.0,
            "the mean of the absolute difference: (10.13) squares": (slope - chord).abs().mean(),
            "a root too many: (10.13) is a mean square": right**0.5,
            "divided by the chord: the numerator alone is asked for": right / chord**2 if chord else math.inf,
            "the chord is rho_1 - rho_0 = 1 - sigma, noise minus data": (slope + chord).square().mean(),
            f"for sigma = {sigma:g} it is {right:.3f}, got {got}": ANYTHING,
        }
        first_mistake(got, right, mistakes, 5e-4)
    first_mistake(
        attempt(0.0), 0.0, {"for sigma = 0 all lines meet in one point, and the flow is straight": ANYTHING}, 5e-4
    )
