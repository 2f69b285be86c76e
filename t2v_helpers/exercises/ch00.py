"""Checkers of notebook 00."""

import numpy as np

from .. import shapes
from . import ANYTHING, exercise, first_mistake


@exercise("0.1")
def _mean_color(attempt):
    frames = np.random.default_rng(0).random((3, 4, 5, 3))
    got = attempt(frames)
    by_shape = {
        (): "it is one number, expected three: do not average over the last axis, the colours",
        (3, 3): "it has a colour for each frame: average over the frames as well, axis 0",
    }
    if got is not None and (shape := tuple(np.shape(got))) != (3,):
        raise AssertionError(by_shape.get(shape, f"it has shape {shape}, expected (3,): average over axes 0, 1 and 2"))
    mistakes = {"three numbers, but not the averages over frames, rows and columns": ANYTHING}
    first_mistake(got, frames.mean((0, 1, 2)), mistakes)


@exercise("0.2")
def _obedience(attempt):
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
    if attempt("the red disc is going left", [right]) != 1:
        raise AssertionError('"the red disc is going left" says the same: compare with parse(prompt)')
