"""Checkers of notebook 00."""

import numpy as np

from .. import shapes
from . import exercise, is_close


@exercise("0.1")
def _mean_color(attempt):
    frames = np.random.default_rng(0).random((3, 4, 5, 3))
    got = attempt(frames)
    if np.shape(got) == ():
        raise AssertionError("it is one number, expected three: do not average over the last axis, the colours")
    if np.shape(got) == (3, 3):
        raise AssertionError("it has a colour for each frame: average over the frames as well, axis 0")
    if np.shape(got) != (3,):
        raise AssertionError(f"it has shape {np.shape(got)}, expected (3,): average over axes 0, 1 and 2")
    if not is_close(got, frames.mean((0, 1, 2))):
        raise AssertionError("three numbers, but not the averages over frames, rows and columns")


@exercise("0.2")
def _obedience(attempt):
    prompt = "a red circle moving left"
    right = shapes.render(prompt, 1)
    color, motion = (shapes.render(f"a {c} circle moving {m}", 2) for c, m in (("blue", "left"), ("red", "right")))
    got = attempt(prompt, [right, color, motion, shapes.render(prompt, 3)])
    if isinstance(got, (int, np.integer)) and got == 2:
        raise AssertionError("that is how many obey; divide by the number of clips to get a share")
    if got == 0.75:
        raise AssertionError("a clip that only gets the colour, or only the motion, right does not count")
    if got == 0.0:
        raise AssertionError("no clip obeys: compare judge(clip) with parse(prompt), not with the sentence")
    if got != 0.5:
        raise AssertionError(f"2 of these 4 clips obey, expected 0.5, got {got}")
    reworded = attempt("the red disc is going left", [right])
    if reworded != 1:
        raise AssertionError('"the red disc is going left" says the same: compare with parse(prompt)')
