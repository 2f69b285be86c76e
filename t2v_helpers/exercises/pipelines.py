"""Checkers of notebooks 06 to 09: the parts of a text-to-video model, training them, using larger ones."""

import types
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
def _affordable(attempt: Callable) -> None:
    step, once, rate = 10e12, 12e12, 20e12
    for seconds, guided, most in ((30, True, 58), (30, False, 117), (0.5, True, 0)):
        got = _whole(attempt(seconds, rate, step, once, guided))
        mistakes = {
            "a step takes whole operations, and half a step is none: round down": most + 1,
            "text encoder and decoder have to be paid, too: take `once` off first": int(seconds * rate // step),
            "without guidance a step asks the UNet once, so it costs half of `step`": 58,
            "`step` is a guided step already: both calls of the UNet are in it": 29,
            "if there is no time for `once`, no step can be made: 0": int((seconds * rate - once) // step),
            f"{seconds} s, guided: {guided}: expected {most} steps, got {got}": ANYTHING,
        }
        first_mistake(got, most, mistakes)


@exercise("9.2")
def _allowed_frames(attempt: Callable) -> None:
    cases = ((5.2, 16, 4, 81), (5, 16, 4, 77), (6.2, 8, 8, 49), (6, 8, 8, 41), (2, 8, 1, 16), (0.125, 8, 8, 1))
    for seconds, fps, step, most in cases:
        got, frames = _whole(attempt(seconds, fps, step)), int(seconds * fps)
        mistakes = {
            "that many frames last longer than asked: round down": most + step,
            "the rule is about frames - 1: a multiple of frame_step, and one more": frames // step * step,
            "that fits the time and not the rule: frames - 1 has to be a multiple of frame_step": frames,
            f"{seconds} s at {fps} frames a second under {step}N + 1: expected {most}, got {got}": ANYTHING,
        }
        first_mistake(got, most, mistakes)


class _Config(dict):
    __getattr__ = dict.__getitem__


@exercise("9.3")
def _swapped(attempt: Callable) -> None:
    own = {"num_train_timesteps": 500, "beta_start": 0.002, "beta_end": 0.03, "beta_schedule": "scaled_linear"}
    own |= {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    own |= {"clip_sample": False, "steps_offset": 3, "set_alpha_to_one": False}
    pipe = types.SimpleNamespace(scheduler=types.SimpleNamespace(config=_Config(own)))
    got = attempt(pipe)
    assert got is not None, "it returns None: is the return missing?"
    assert got is pipe, "give back the pipeline that came in, with a new scheduler"
    kind = type(pipe.scheduler).__name__
    assert kind == "DDIMScheduler", f"the pipeline's scheduler is a {kind}, expected a DDIMScheduler"
    lost = [name for name, value in own.items() if pipe.scheduler.config[name] != value]
    assert "prediction_type" not in lost, "still lost: prediction_type. What does the scale model predict?"
    assert not lost, f"still lost: {', '.join(lost)}. Is there a way to hand over all settings at once?"


@exercise("9.4")
def _pace(attempt: Callable) -> None:
    centers = torch.tensor([[0.0, 0], [3, 4], [6, 8], [6, 8], [1, -4]])
    one_axis = "that is one axis alone: take the length of each move, both axes together"
    mistakes = {
        "5 frames make 4 moves: divide by one less than the number of frames": 23 / 5,
        "that is the length of the whole path: divide it by the number of moves": 23.0,
        "that goes from the first place straight to the last: a path with turns is longer": 17**0.5 / 4,
        one_axis: 2.75,
        f"{one_axis}, not y": 5.0,
        "moves there and back cancel: take the length of each move before you average": torch.tensor([0.25, -1.0]),
        "the moves are 5, 5, 0 and 13 pixels long: expected 5.75 on average": ANYTHING,
    }
    first_mistake(attempt(centers), 5.75, mistakes)
