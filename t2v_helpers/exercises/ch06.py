"""Checkers of notebook 06."""

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("6.1")
def _attention(attempt):
    generator = torch.Generator().manual_seed(0)
    Q, K, V = (torch.randn(n, 4, generator=generator) for n in (5, 3, 3))
    scores = Q @ K.T
    unscaled = "the scores are to be divided by the square root of d, here 2, before the softmax"
    places = "the softmax runs along the places: each place divides its attention among the tokens"
    mistakes = {
        unscaled: scores.softmax(1) @ V,
        "divided by d: it is the square root of d": (scores / 4).softmax(1) @ V,
        places: (scores / 2).softmax(0) @ V,
        "expected softmax(Q K^T / sqrt(d)) V, with the softmax along the tokens": ANYTHING,
    }
    first_mistake(attempt(Q, K, V), (scores / 2).softmax(1) @ V, mistakes)


@exercise("6.2")
def _share_inside(attempt):
    got = attempt(torch.tensor([[1.0, 3.0], [0.0, 4.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    mistakes = {
        "that is the mass inside; divide it by the mass of the whole map": 3.0,
        "that is the mask's share of the area: the map's values are not used": 0.25,
        "that is a mean: divide by the sum of the map, not by the number of its places": 0.75,
        "3 of a mass of 8 lie inside the mask: expected 0.375": ANYTHING,
    }
    first_mistake(got, torch.tensor(0.375), mistakes)


@exercise("6.3")
def _sharpened(attempt):
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.4, 0.4])
    for w in (2.0, 0.0, 1.0):
        right, more = q * (p / q) ** w, p * (p / q) ** w
        mistakes = {
            "it does not sum to 1: divide by the sum": right,
            "guidance moves scores, which are logarithms' slopes; laws are multiplied": q + w * (p - q),
            "that is w + 1 in this course's convention: start from q, not from p": more / more.sum(),
            f"wrong at w = {w:g}: expected q (p / q)^w, divided by its sum": ANYTHING,
        }
        first_mistake(attempt(p, q, w), right / right.sum(), mistakes)
