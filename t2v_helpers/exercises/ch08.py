"""Checkers of notebook 08."""

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("8.1")
def _velocity(attempt):
    x0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    for a in (torch.tensor(0.3), torch.tensor(0.0)):
        signal, noise = a.sqrt(), (1 - a).sqrt()
        mistakes = {
            "that is x_t (2.2), what the UNet is given, not what it is asked for": signal * x0 + noise * eps,
            "the sign: v is noise less data": noise * x0 - signal * eps,
            "the square roots are missing: alpha_bar is a share of variance": a * eps - (1 - a) * x0,
            f"wrong at alpha_bar = {a:g}, expected (8.2)": ANYTHING,
        }
        first_mistake(attempt(x0, eps, a), signal * eps - noise * x0, mistakes)


@exercise("8.2")
def _moving_average(attempt):
    for n, decay in ((0, 0.1), (90, 0.91), (10**6, 0.999)):
        mistakes = {
            "the shares are swapped: most is kept of the average": (1 - decay) * 2 + decay * 5,
            "at most 0.999 is kept: take the smaller of the two": (1 + n) / (10 + n) * 2 + 9 / (10 + n) * 5,
            f"wrong at step {n}: {decay:g} of the average is kept there": ANYTHING,
        }
        first_mistake(attempt(2.0, 5.0, n), decay * 2 + (1 - decay) * 5, mistakes)


@exercise("8.3")
def _forget(attempt):
    texts, u = ["red", "green", "blue", "cyan"], [0.05, 0.5, 0.1, 0.99]
    given = list(texts)
    got = attempt(given, u, 0.1)
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    if given != texts:
        raise AssertionError("the caller's list has changed: make a new one")
    if list(got) in (["red", "", "", ""], ["red", "", "blue", ""]):
        raise AssertionError("it forgets nine of ten: a text goes where its number is below p")
    if len(got) != len(texts):
        raise AssertionError(
            f"{len(got)} texts for {len(texts)} clips: put an empty text in the place of one that goes"
        )
    if list(got) != ["", "green", "blue", "cyan"]:
        raise AssertionError("numbers below p = 0.1, and only these, take their text away")


@exercise("8.4")
def _largest_batch(attempt):
    weights = "four bytes a weight are the weight alone: its gradient and AdamW's two averages take as much each"
    for memory, parameters, kept in ((80e9, 2e9, 10e9), (80e9, 1.4e9, 22e9), (24e9, 1e6, 50e6), (16e9, 1.4e9, 22e9)):
        got, clips = attempt(memory, parameters, kept), (memory - 16 * parameters) / kept
        right = max(0, int(clips // 1))
        mistakes = {
            weights: int((memory - 4 * parameters) // kept),
            "half a clip cannot be trained on: round down": clips,
            "a clip too many: what is left has to hold all that is kept, so round down": int(clips // 1) + 1,
            "less than none: where the weights alone do not fit, the answer is 0": int(clips // 1),
            f"of {memory:g} bytes, {parameters:g} weights and {kept:g} a clip: {right}, got {got}": ANYTHING,
        }
        first_mistake(got, right, mistakes)
