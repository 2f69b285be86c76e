"""Checkers of notebook 09."""

from . import exercise, is_close


def _whole(got):
    """The answer, if it is a whole number."""
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    if isinstance(got, bool) or not isinstance(got, int):
        raise AssertionError(f"a whole number, please: got {got!r}")
    return got


@exercise("9.1")
def _first_step(attempt):
    got = _whole(attempt(25, 0.3))
    if got == 7:
        raise AssertionError("that is how many steps are made; asked for is how many are left out before them")
    if got == 17:
        raise AssertionError("7.5 steps are rounded down to 7 made, so 18 are left out: round before you subtract")
    for steps, strength, left in ((25, 0.3, 18), (20, 0.5, 10), (20, 0.0, 20), (20, 1.0, 0)):
        got = _whole(attempt(steps, strength))
        if got != left:
            raise AssertionError(f"of {steps} steps at strength {strength:g}, {left} are left out, got {got}")


@exercise("9.2")
def _allowed_frames(attempt):
    got = _whole(attempt(83, 4))
    if got == 80:
        raise AssertionError("the rule is about frames - 1: 80 is a multiple of 4, 81 is one more")
    if got == 85:
        raise AssertionError("that is more than wanted: round down")
    if got == 83:
        raise AssertionError("82 is no multiple of 4, so Wan cannot make 83 frames")
    for wanted, step, most in ((83, 4, 81), (81, 4, 81), (80, 4, 77), (50, 8, 49), (16, 1, 16), (1, 8, 1)):
        got = _whole(attempt(wanted, step))
        if got != most:
            raise AssertionError(f"{wanted} frames under the rule {step}N + 1: expected {most}, got {got}")


@exercise("9.3")
def _clip_seconds(attempt):
    step, once, rate = 10e12, 10e12, 20e12
    for guided, expected in ((True, 25 * step), (False, 25 * step / 2)):
        got = attempt(25, step, once, rate, guided)
        for mistake, value in {
            "once: text encoder and decoder are missing": expected / rate,
            "once: text encoder and decoder run once a clip, not at every step": (expected + 25 * once) / rate,
            "divide by the rate: that is the number of operations": expected + once,
            "without guidance a step costs half": (25 * step + once) / rate if not guided else None,
            "a guided step is counted as two already": (50 * step + once) / rate if guided else None,
        }.items():
            if got is not None and value is not None and is_close(got, value):
                raise AssertionError(mistake)
        if not is_close(got, (expected + once) / rate):
            raise AssertionError(f"25 steps, guided: {guided}: expected {(expected + once) / rate:g} s, got {got:g}")
