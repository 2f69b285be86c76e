"""Checkers of notebook 05."""

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("5.1")
def _energy_distance(attempt):
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
def _recall(attempt):
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
