"""Checkers of notebooks 06 to 09: the parts of a text-to-video model, training them, using larger ones."""

from collections.abc import Callable

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("6.1")
def _attention(attempt: Callable) -> None:
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
def _share_inside(attempt: Callable) -> None:
    got = attempt(torch.tensor([[1.0, 3.0], [0.0, 4.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    mistakes = {
        "that is the mass inside; divide it by the mass of the whole map": 3.0,
        "that is the mask's share of the area: the map's values are not used": 0.25,
        "that is a mean: divide by the sum of the map, not by the number of its places": 0.75,
        "3 of a mass of 8 lie inside the mask: expected 0.375": ANYTHING,
    }
    first_mistake(got, torch.tensor(0.375), mistakes)


@exercise("6.3")
def _sharpened(attempt: Callable) -> None:
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


@exercise("7.1")
def _v_from_eps(attempt: Callable) -> None:
    x0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    for a in (torch.tensor(0.3), torch.tensor(0.9)):
        signal, noise = a.sqrt(), (1 - a).sqrt()
        x, v = signal * x0 + noise * eps, signal * eps - noise * x0
        mistakes = {
            "that is the clean latents (7.5), not v": x0,
            "the sign: the part of x_t is subtracted from the noise": (eps + noise * x) / signal,
            "what is left after the subtraction is the root of alpha_bar times v: divide by it": signal * v,
            "the roots: alpha_bar is a share of variance": (eps - (1 - a) * x) / a,
            "(7.4) run forward takes v and gives eps; here eps is given": signal * eps + noise * x,
            f"wrong at alpha_bar = {a:g}": ANYTHING,
        }
        first_mistake(attempt(x, eps, a), v, mistakes)


@exercise("7.2")
def _landings(attempt: Callable) -> None:
    trailing = [999, 916, 832, 749, 666, 582, 499, 416, 332, 249, 166, 82]
    for listed, T in ((trailing, 1000), ([901 - 100 * i for i in range(10)], 1000), ([99, 66, 32], 100)):
        stride = T // len(listed)
        right = [max(t - stride, -1) for t in listed]
        given = list(listed)
        got = attempt(given, T)
        assert got is not None, "it returns None: is the return missing?"
        assert given == listed, "the caller's list has changed: make a new one"
        got = [int(s) if float(s).is_integer() else s for s in got]
        mistakes = {
            "those are the next times in the list, the colleague's; subtract one stride": [*listed[1:], -1],
            "the stride is a whole number: T // steps": [max(t - T / len(listed), -1) for t in listed],
            "beyond the table, every landing is -1": [t - stride for t in listed],
            "-1 means beyond the table; 0 is a time of the table": [max(t - stride, 0) for t in listed],
            f"for {listed[:3]} ... with T = {T}: expected {right[:3]} ..., got {got[:3]} ...": ANYTHING,
        }
        first_mistake(got, right, mistakes)


@exercise("7.3")
def _hidden(attempt: Callable) -> None:
    for T, steps in ((1000, 7), (1000, 5), (90, 9)):
        table = torch.linspace(0.999, 0.005, T) ** 2
        stride = T // steps
        first = (steps - 1) * stride + 1
        right, further = (table[min(t, T - 1)].sqrt() for t in (first, first + stride))
        mistakes = {
            "that is the share of the variance: the amplitude is its root": right**2,
            "that is the table's end, where a trailing list begins": table[-1].sqrt(),
            "one stride too far: the list begins at 0, so its last entry is steps - 1 strides away": further,
            "the offset is missing: the list is moved up by 1": table[first - 1].sqrt(),
            "a share of the noise: the signal was asked for": (1 - table[first]).sqrt(),
            f"with {steps} steps of {T} the first time is {first}, where {right:.4f} is left": ANYTHING,
        }
        first_mistake(attempt(table, steps), right, mistakes)


@exercise("8.1")
def _velocity(attempt: Callable) -> None:
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
def _moving_average(attempt: Callable) -> None:
    for n, decay in ((0, 0.1), (90, 0.91), (10**6, 0.999)):
        mistakes = {
            "the shares are swapped: most is kept of the average": (1 - decay) * 2 + decay * 5,
            "at most 0.999 is kept: take the smaller of the two": (1 + n) / (10 + n) * 2 + 9 / (10 + n) * 5,
            f"wrong at step {n}: {decay:g} of the average is kept there": ANYTHING,
        }
        first_mistake(attempt(2.0, 5.0, n), decay * 2 + (1 - decay) * 5, mistakes)


@exercise("8.3")
def _forget(attempt: Callable) -> None:
    texts, u = ["red", "green", "blue", "cyan"], [0.05, 0.5, 0.1, 0.99]
    given = list(texts)
    got = attempt(given, u, 0.1)
    assert got is not None, "it returns None: is the return missing?"
    assert given == texts, "the caller's list has changed: make a new one"
    inverted = list(got) in (["red", "", "", ""], ["red", "", "blue", ""])
    assert not inverted, "it forgets nine of ten: a text goes where its number is below p"
    assert len(got) == 4, f"{len(got)} texts for 4 clips: put an empty text in the place of one that goes"
    assert list(got) == ["", "green", "blue", "cyan"], "numbers below p = 0.1, and only these, take their text away"


@exercise("8.4")
def _largest_batch(attempt: Callable) -> None:
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


def _whole(got: int | None) -> int | None:
    assert got is None or type(got) is int, f"a whole number, please: got {got!r}"
    return got


@exercise("9.1")
def _first_step(attempt: Callable) -> None:
    for steps, strength, left in ((25, 0.3, 18), (20, 0.5, 10), (20, 0.0, 20), (20, 1.0, 0)):
        got = _whole(attempt(steps, strength))
        mistakes = {
            "that is how many steps are made; asked for is how many are left out before them": 7,
            "7.5 steps are rounded down to 7 made, so 18 are left out: round before you subtract": 17,
            f"of {steps} steps at strength {strength:g}, {left} are left out, got {got}": ANYTHING,
        }
        first_mistake(got, left, mistakes)


@exercise("9.2")
def _allowed_frames(attempt: Callable) -> None:
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
def _clip_seconds(attempt: Callable) -> None:
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
