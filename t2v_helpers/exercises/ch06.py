"""Checkers of notebook 06."""

import numpy as np
import torch

from . import exercise, is_close


@exercise("6.1")
def _attention(attempt):
    generator = torch.Generator().manual_seed(0)
    Q, K, V = (torch.randn(n, 4, generator=generator) for n in (5, 3, 3))
    scores = Q @ K.T
    if (got := attempt(Q, K, V)) is not None and np.shape(got) == (5, 4):
        if is_close(got, scores.softmax(1) @ V):
            raise AssertionError("the scores are to be divided by the square root of d, here 2, before the softmax")
        if is_close(got, (scores / 4).softmax(1) @ V):
            raise AssertionError("divided by d: it is the square root of d")
        if is_close(got, (scores / 2).softmax(0) @ V):
            raise AssertionError("the softmax runs along the places: each place divides its attention among the tokens")
    if not is_close(got, (scores / 2).softmax(1) @ V):
        raise AssertionError("expected softmax(Q K^T / sqrt(d)) V, with the softmax along the tokens")


@exercise("6.2")
def _share_inside(attempt):
    weights = torch.tensor([[1.0, 3.0], [0.0, 4.0]])
    mask = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    got = attempt(weights, mask)
    if got is not None and np.shape(got) == ():
        if is_close(got, torch.tensor(3.0)):
            raise AssertionError("that is the mass inside; divide it by the mass of the whole map")
        if is_close(got, torch.tensor(0.25)):
            raise AssertionError("that is the mask's share of the area: the map's values are not used")
        if is_close(got, torch.tensor(0.75)):
            raise AssertionError("that is a mean: divide by the sum of the map, not by the number of its places")
    if not is_close(got, torch.tensor(0.375)):
        raise AssertionError("3 of a mass of 8 lie inside the mask: expected 0.375")


@exercise("6.3")
def _sharpened(attempt):
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.4, 0.4])
    for w in (2.0, 0.0, 1.0):
        right = q * (p / q) ** w
        got = attempt(p, q, w)
        if got is not None and np.shape(got) == (3,):
            if w == 2 and is_close(got, right):
                raise AssertionError("it does not sum to 1: divide by the sum")
            if w == 2 and is_close(got, q + w * (p - q)):
                raise AssertionError("guidance moves scores, which are logarithms' slopes; laws are multiplied")
            if w == 2 and is_close(got, p * (p / q) ** w / (p * (p / q) ** w).sum()):
                raise AssertionError("that is w + 1 in this course's convention: start from q, not from p")
        if not is_close(got, right / right.sum()):
            raise AssertionError(f"wrong at w = {w:g}: expected q (p / q)^w, divided by its sum")
