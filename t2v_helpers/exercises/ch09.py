"""Checkers of notebook 09."""

from . import ANYTHING, exercise, first_mistake


def _whole(got):
    """The answer, if it is a whole number."""
    if got is not None and (isinstance(got, bool) or not isinstance(got, int)):
        raise AssertionError(f"a whole number, please: got {got!r}")
    return got


@exercise("9.1")
def _first_step(attempt):
    for steps, strength, left in ((25, 0.3, 18), (20, 0.5, 10), (20, 0.0, 20), (20, 1.0, 0)):
        got = _whole(attempt(steps, strength))
        mistakes = {
            "that is how many steps are made; asked for is how many are left out before them": 7,
            "7.5 steps are rounded down to 7 made, so 18 are left out: round before you subtract": 17,
            f"of {steps} steps at strength {strength:g}, {left} are left out, got {got}": ANYTHING,
        }
        first_mistake(got, left, mistakes)


@exercise("9.2")
def _allowed_frames(attempt):
    for wanted, step, most in ((83, 4, 81), (81, 4, 81), (80, 4, 77), (50, 8, 49), (16, 1, 16), (1, 8, 1)):
        got = _whole(attempt(wanted, step))
        mistakes = {
            "the rule is about frames - 1: 80 is a multiple of 4, 81 is one more": 80,
            "that is more than wanted: round down": 85,
            "82 is no multiple of 4, so Wan cannot make 83 frames": 83,
            f"{wanted} frames under the rule {step}N + 1: expected {most}, got {got}": ANYTHING,
        }
        first_mistake(got, most, mistakes)


@exercise("9.3")
def _clip_seconds(attempt):
    step, once, rate = 10e12, 10e12, 20e12
    for guided, flops in ((True, 25 * step), (False, 25 * step / 2)):
        got = attempt(25, step, once, rate, guided)
        mistakes = {
            "once: text encoder and decoder are missing": flops / rate,
            "once: text encoder and decoder run once a clip, not at every step": (flops + 25 * once) / rate,
            "divide by the rate: that is the number of operations": flops + once,
            "without guidance a step costs half": (25 * step + once) / rate,
            "a guided step is counted as two already": (50 * step + once) / rate,
            f"25 steps, guided: {guided}: expected {(flops + once) / rate:g} s, got {got}": ANYTHING,
        }
        first_mistake(got, (flops + once) / rate, mistakes)
