"""Checkers of notebooks 00, 01 and 05: clips, GANs, and what a GAN's samples are worth."""

import math
from collections.abc import Callable

import numpy as np
import torch

from .. import shapes, toys
from ..gan import alternating_step
from ..measures import energy_distance, nearest_distance
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
def _mended_round(attempt: Callable) -> None:
    def weights(play: Callable, rounds: int) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        networks = [toys.MLP(sizes, generator) for sizes in ((2, 8, 2), (2, 8, 1))]
        sgd = [torch.optim.SGD(net.parameters(), 0.5) for net in networks]
        for _ in range(rounds):
            play(*networks, sgd, *torch.randn(3, 16, 2, generator=generator))
        return [torch.cat([p.detach().flatten() for p in net.parameters()]) for net in networks]

    start, first, second = (weights(alternating_step, rounds) for rounds in range(3))
    got = weights(attempt, 1)
    stays, learns = (torch.equal(now, before) for now, before in zip(got, start, strict=True))
    assert not learns, "the discriminator doesn't move: its loss needs a backward() and a step of its optimizer"
    assert not stays, "the generator doesn't move: detach G(z) in the discriminator's loss only"
    assert torch.allclose(got[1], first[1], atol=1e-6), "in the first round, the discriminator doesn't follow (1.3)"
    said = "the generator doesn't follow (1.7) alone: what has D_loss.backward() left in its gradients?"
    assert torch.allclose(got[0], first[0], atol=1e-6), said
    said = "from the second round on, gradients of an earlier loss are added: clear them right before each backward()"
    assert all(map(torch.allclose, weights(attempt, 2), second)), said


@exercise("1.2")
def _best_discriminator(attempt: Callable) -> None:
    p, q, share = torch.tensor([0.2, 3.0, 0.0]), torch.tensor([0.6, 1.0, 2.0]), 0.2
    mistakes = {
        "the other way round: D is the probability that x is data": 0.8 * q / (0.2 * p + 0.8 * q),
        "that is (1.4), which holds for a share of 1/2 only": p / (p + q),
        "the shares are swapped: share belongs to the data": 0.8 * p / (0.8 * p + 0.2 * q),
        "that ratio can be above 1, and D is a probability: divide by both terms together": p / (4 * q),
        "you need two weights that add up to 1: share for the data, 1 - share for the rest": 0.2 * p / (0.2 * p + q),
        "expected 1/2 where share * p = (1 - share) * q, and 0 where there are no data": ANYTHING,
    }
    first_mistake(attempt(p, q, share), 0.2 * p / (0.2 * p + 0.8 * q), mistakes)


@exercise("1.3")
def _cheat(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    data, held_out = toys.ring(3000, generator), toys.ring(3000, generator)
    worst = max(energy_distance(toys.ring(3000, generator), held_out) for _ in range(10))
    x = attempt(data.clone(), generator)
    assert x is not None, "it returns None: is the return missing?"
    shape = tuple(np.shape(x))
    assert shape == (3000, 2), f"the result has shape {shape}, expected as many points as there are data, (3000, 2)"
    far, distance = energy_distance(x, held_out) / worst, nearest_distance(x, data)
    share = (distance < nearest_distance(held_out, data).median()).float().mean().item()
    assert (distance > 0).all(), f"{(distance == 0).float().mean():.0%} of them are exact copies: move every point"
    said = "of the points are closer to a training point than usual, expected less than 55%: move them farther"
    assert share < 0.55, f"{share:.0%} {said}"
    said = "times the worst fresh draw, expected less than 2: stay closer to the training points"
    assert far < 2, f"the energy distance is {far:.1f} {said}"


@exercise("1.4")
def _growth(attempt: Callable) -> None:
    def measured(rate: float, rounds: int) -> float:
        theta, psi = 1.0, 0.0
        for _ in range(rounds):
            theta, psi = theta + rate * psi, psi - rate * theta
        return math.hypot(theta, psi)

    rate, rounds = 0.2, 40
    got = attempt(rate, rounds)
    mistakes = {
        "1 holds for infinitely small steps; each real step leaves the circle along its tangent": 1.0,
        "that is the squared distance: take the root": (1 + rate**2) ** rounds,
        "a step moves at right angles to the way to the solution, so its length adds as in Pythagoras": (
            (1 + rate) ** rounds
        ),
        "that is the growth of one step: there are `rounds` of them": (1 + rate**2) ** 0.5,
        f"measured with rate 0.2 and 40 rounds: {measured(rate, rounds):.3f}, got {got}": ANYTHING,
    }
    first_mistake(got, measured(rate, rounds), mistakes)


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
