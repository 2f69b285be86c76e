"""Checkers of notebook 08."""

import numpy as np
import torch

from . import exercise, is_close


@exercise("8.1")
def _velocity(attempt):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 3, 4, generator=generator)
    for alpha_bar in (torch.tensor(0.3), torch.tensor(0.0)):
        signal, noise = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        got = attempt(x0, eps, alpha_bar)
        if got is not None and np.shape(got) == (3, 4) and alpha_bar > 0:
            if is_close(got, signal * x0 + noise * eps):
                raise AssertionError("that is x_t (2.2), what the UNet is given, not what it is asked for")
            if is_close(got, noise * x0 - signal * eps):
                raise AssertionError("the sign: v is noise less data")
            if is_close(got, alpha_bar * eps - (1 - alpha_bar) * x0):
                raise AssertionError("the square roots are missing: alpha_bar is a share of variance")
        if not is_close(got, signal * eps - noise * x0):
            raise AssertionError(f"wrong at alpha_bar = {alpha_bar:g}, expected (8.2)")


@exercise("8.2")
def _moving_average(attempt):
    for n, decay in ((0, 0.1), (90, 0.91), (10**6, 0.999)):
        got = attempt(2.0, 5.0, n)
        if got is not None and np.shape(got) == ():
            if is_close(got, (1 - decay) * 2 + decay * 5):
                raise AssertionError("the shares are swapped: most is kept of the average")
            if n > 90 and is_close(got, (1 + n) / (10 + n) * 2 + 9 / (10 + n) * 5):
                raise AssertionError("at most 0.999 is kept: take the smaller of the two")
        if not is_close(got, decay * 2 + (1 - decay) * 5):
            raise AssertionError(f"wrong at step {n}: {decay:g} of the average is kept there")


@exercise("8.3")
def _forget(attempt):
    texts, u = ["red", "green", "blue", "cyan"], [0.05, 0.5, 0.1, 0.99]
    given = list(texts)
    got = attempt(given, u, 0.1)
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    if given != texts:
        raise AssertionError("the caller's list has changed: make a new one")
    if list(got) == ["red", "", "", ""] or list(got) == ["red", "", "blue", ""]:
        raise AssertionError("it forgets nine of ten: a text goes where its number is below p")
    if len(got) != len(texts):
        raise AssertionError(
            f"{len(got)} texts for {len(texts)} clips: put an empty text in the place of one that goes"
        )
    if list(got) != ["", "green", "blue", "cyan"]:
        raise AssertionError("numbers below p = 0.1, and only these, take their text away")


@exercise("8.4")
def _largest_batch(attempt):
    for memory, parameters, kept in ((80e9, 2e9, 10e9), (80e9, 1.4e9, 22e9), (24e9, 1e6, 50e6), (16e9, 1.4e9, 22e9)):
        room = memory - 16 * parameters
        right = max(0, int(room // kept))
        got = attempt(memory, parameters, kept)
        if got is None:
            raise AssertionError("it returns None: is the return missing?")
        if got == right:
            continue
        for mistake, value in {
            "four bytes a weight are the weight alone: its gradient and AdamW's two averages take as much each": (
                int((memory - 4 * parameters) // kept)
            ),
            "half a clip cannot be trained on: round down": room / kept,
            "a clip too many: what is left has to hold all that is kept, so round down": int(room // kept) + 1,
            "less than none: where the weights alone do not fit, the answer is 0": int(room // kept),
        }.items():
            if is_close(got, value):
                raise AssertionError(mistake)
        raise AssertionError(f"of {memory:g} bytes, {parameters:g} weights and {kept:g} a clip: {right}, got {got}")
