"""Checkers of notebooks 00, 01 and 05: clips, GANs, and what a GAN's samples are worth."""

import math
from collections.abc import Callable

import numpy as np
import torch

from .. import shapes
from . import ANYTHING, exercise, first_mistake


@exercise("0.1")
def _mean_color(attempt: Callable) -> None:
    frames = np.random.default_rng(0).random((3, 4, 5, 3))
    got = attempt(frames)
    by_shape = {
        (): "it is one number, expected three: do not average over the last axis, the colours",
        (3, 3): "it has a colour for each frame: average over the frames as well, axis 0",
    }
    shape = tuple(np.shape(got))
    other = f"it has shape {shape}, expected (3,): average over axes 0, 1 and 2"
    assert got is None or shape == (3,), by_shape.get(shape, other)
    mistakes = {"three numbers, but not the averages over frames, rows and columns": ANYTHING}
    first_mistake(got, frames.mean((0, 1, 2)), mistakes)


@exercise("0.2")
def _obedience(attempt: Callable) -> None:
    prompt = "a red circle moving left"
    right = shapes.render(prompt, 1)
    color, motion = (shapes.render(f"a {c} circle moving {m}", 2) for c, m in (("blue", "left"), ("red", "right")))
    got = attempt(prompt, [right, color, motion, shapes.render(prompt, 3)])
    mistakes = {
        "that is how many obey; divide by the number of clips to get a share": 2,
        "a clip that only gets the colour, or only the motion, right does not count": 0.75,
        "no clip obeys: compare judge(clip) with parse(prompt), not with the sentence": 0.0,
        f"2 of these 4 clips obey, expected 0.5, got {got}": ANYTHING,
    }
    first_mistake(got, 0.5, mistakes)
    same = attempt("the red disc is going left", [right])
    assert same == 1, '"the red disc is going left" says the same: compare with parse(prompt)'


@exercise("1.1")
def _generator_loss(attempt: Callable) -> None:
    logits = torch.tensor([[0.5], [-2.0], [1.0]])
    D = logits.sigmoid()
    mistakes = {
        "the sign: that falls when the generator gets worse, and a loss is made smaller": D.log().mean(),
        "that is the minimax loss (1.6), the one whose slope vanishes": (1 - D).log().mean(),
        "that rewards the discriminator: take log D(G(z)), not log(1 - D(G(z)))": -(1 - D).log().mean(),
        "average over the samples, do not add them up": -D.log().sum(),
        "logits are not probabilities and may be negative: D is the sigmoid of the logit": math.nan,
        "expected minus the mean of log D, with D = sigmoid(logit)": ANYTHING,
    }
    first_mistake(attempt(logits), -D.log().mean(), mistakes)
    extreme = attempt(torch.tensor([-200.0]))
    assert math.isfinite(extreme), "infinite for a logit of -200, where D rounds to 0: use softplus or logsigmoid"


@exercise("1.2")
def _best_discriminator(attempt: Callable) -> None:
    p, q = torch.tensor([0.2, 3.0, 0.0]), torch.tensor([0.6, 1.0, 2.0])
    mistakes = {
        "the other way round: D is the probability that x is data": q / (p + q),
        "that ratio can be above 1, and D is a probability: divide by both densities together": p / q,
        "that is the logit: D is its sigmoid": (p / q).log(),
        "expected 1/2 where both densities are equal, and 0 where there are no data": ANYTHING,
    }
    first_mistake(attempt(p, q), p / (p + q), mistakes)


@exercise("1.3")
def _modes_reached(attempt: Callable) -> None:
    centers = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = torch.tensor([[0.05, 0.0], [0.0, -0.05], [0.02, 0.02], [0.4, 0.4], [1.0, 1.05], [0.3, 0.8]])
    got = attempt(x, centers, 0.1)
    mistakes = {
        "4 are the samples near a mode (or the modes nearest to one, however far): count centres": 4,
        "a mode counts only with a sample within the radius, not for being the nearest to one": 3,
        "that is a share: give the number of centres": 0.5,
        f"2 of these 4 centres have a sample within 0.1, got {got}": ANYTHING,
    }
    first_mistake(got, 2, mistakes)


@exercise("5.1")
def _energy_distance(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 2, generator=generator), torch.randn(4, 2, generator=generator) + 1
    distances = [torch.cdist(a, b) for a, b in ((x, y), (x, x), (y, y))]
    across, within_x, within_y = (d.mean() for d in distances)
    squares = [d.square().mean() for d in distances]
    twice = "the distance across counts twice, once for each of the two that are subtracted"
    mistakes = {
        "that is not 0 for a set and itself: subtract the distances within x and within y": across,
        "twice that is not 0 for a set and itself: subtract the distances within x and within y": 2 * across,
        twice: across - within_x - within_y,
        "the sign: across is what makes two sets far apart": within_x + within_y - 2 * across,
        "distances, not their squares: squares only see the means": 2 * squares[0] - squares[1] - squares[2],
        "expected 2 E|X - Y| - E|X - X'| - E|Y - Y'|, the means over all pairs": ANYTHING,
    }
    first_mistake(attempt(x, y), 2 * across - within_x - within_y, mistakes)


@exercise("5.2")
def _recall(attempt: Callable) -> None:
    real = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    fake = torch.tensor([[0.05, 0.0], [0.0, 0.05], [5.0, 5.0], [6.0, 5.0], [0.02, 0.02]])
    got = attempt(real, fake, 0.1)
    mistakes = {
        "that is precision, the share of fake samples near a real one": 0.6,
        "that is how many: divide by the number of real samples": 1,
        "that is the share of pairs: one fake sample near is enough for a real one to count": 0.15,
        f"1 of these 4 real samples has a fake one within 0.1, expected 0.25, got {got}": ANYTHING,
    }
    first_mistake(got, 0.25, mistakes)
