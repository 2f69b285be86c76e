"""Checkers of notebook 05."""

import torch

from . import exercise, is_close


@exercise("5.1")
def _energy_distance(attempt):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 2, generator=generator), torch.randn(4, 2, generator=generator) + 1
    across, within_x, within_y = (torch.cdist(a, b).mean() for a, b in ((x, y), (x, x), (y, y)))
    got = attempt(x, y)
    if got is not None and torch.as_tensor(got).shape == ():
        if is_close(got, across) or is_close(got, 2 * across):
            raise AssertionError("that is not 0 for a set and itself: subtract the distances within x and within y")
        if is_close(got, across - within_x - within_y):
            raise AssertionError("the distance across counts twice, once for each of the two that are subtracted")
        if is_close(got, within_x + within_y - 2 * across):
            raise AssertionError("the sign: across is what makes two sets far apart")
        squares = [torch.cdist(a, b).square().mean() for a, b in ((x, y), (x, x), (y, y))]
        if is_close(got, 2 * squares[0] - squares[1] - squares[2]):
            raise AssertionError("distances, not their squares: squares only see the means")
    if not is_close(got, 2 * across - within_x - within_y):
        raise AssertionError("expected 2 E|X - Y| - E|X - X'| - E|Y - Y'|, the means over all pairs")


@exercise("5.2")
def _recall(attempt):
    real = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    fake = torch.tensor([[0.05, 0.0], [0.0, 0.05], [5.0, 5.0], [6.0, 5.0], [0.02, 0.02]])
    got = attempt(real, fake, 0.1)
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    if abs(got - 0.6) < 1e-6:
        raise AssertionError("that is precision, the share of fake samples near a real one")
    if got == 1:
        raise AssertionError("that is how many: divide by the number of real samples")
    if abs(got - 0.15) < 1e-6:
        raise AssertionError("that is the share of pairs: one fake sample near is enough for a real one to count")
    if abs(got - 0.25) > 1e-6:
        raise AssertionError(f"1 of these 4 real samples has a fake one within 0.1, expected 0.25, got {got}")
