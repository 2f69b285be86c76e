"""Checkers of notebooks 06 to 09: the parts of a text-to-video model, training them, using larger ones."""

import types
from collections.abc import Callable

import torch

from .. import shapes
from . import ANYTHING, exercise, first_mistake


@exercise("6.1")
def _mended(attempt: Callable) -> None:
    Q, K, V = (torch.randn(n, 48, generator=torch.Generator().manual_seed(n)) for n in (5, 3, 4))
    V = V[:3]

    def attention(split: Callable, join: Callable, scale: float = 8**0.5, axis: int = -1) -> torch.Tensor:
        q, k, v = (split(x) for x in (Q, K, V))
        return join((q @ k.mT / scale).softmax(axis) @ v)

    def cut(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (6, 8)).transpose(0, 1)

    def cut_wrong(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(6, len(x), 8)

    def join(x: torch.Tensor) -> torch.Tensor:
        return x.transpose(0, 1).flatten(1)

    def join_wrong(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(5, 48)

    mistakes = {
        "the bug is still there: does head 0 get the first features of every place?": attention(cut_wrong, join_wrong),
        "the heads are split as they should be; now look at how they are joined": attention(cut, join_wrong),
        "the heads are joined as they should be; now look at how they are split": attention(cut_wrong, join),
        "the scale was right: d is the number of features of one head": attention(cut, join, scale=48**0.5),
        "the softmax was right: each place divides its attention among the tokens": attention(cut, join, axis=-2),
        "expected what torch's scaled_dot_product_attention gives, head by head": ANYTHING,
    }
    first_mistake(attempt(Q, K, V, 6), attention(cut, join), mistakes)


@exercise("6.2")
def _guided_gaussian(attempt: Callable) -> None:
    for m, s, w in ((2.0, 0.5, 3.0), (-1.0, 0.8, 1.0), (3.0, 0.7, 0.0)):
        precision = 1 - w + w / s**2
        right = w * m / s**2 / precision, 1 / precision
        mistakes = {
            "the second number is the variance, not its root": (right[0], right[1] ** 0.5),
            "that is p(x | c) to the power w: p(x)^(1 - w) counts as well": (m, s**2 / w if w else None),
            "guidance moves scores; the means of p and p(x | c) are not moved apart": (w * m, 1 + w * (s**2 - 1)),
            "s is a deviation: its square belongs in the exponent": (w * m / s / (1 - w + w / s), 1 / (1 - w + w / s)),
            f"wrong at m = {m:g}, s = {s:g}, w = {w:g}: collect the terms with x^2 and with x": ANYTHING,
        }
        first_mistake(attempt(m, s, w), right, mistakes)


@exercise("6.3")
def _settled(attempt: Callable) -> None:
    first = [shapes.Attributes("red", "circle", "left")] * 4
    last = [shapes.Attributes("blue", "square", "up")] * 4
    when = {"color": (5, 6, 4, 6), "shape": (3, 4, 5, 6), "motion": (1, 3, 3, 2)}  # clip by clip

    def switched(k: int) -> list[shapes.Attributes]:
        names = zip(first, last, zip(*when.values(), strict=True), strict=True)
        return [shapes.Attributes(*(a[i] if k >= at[i] else b[i] for i in range(3))) for a, b, at in names]

    got = attempt(switched, first, 6)
    assert got is not None, "it returns None: is the return missing?"
    kinds = tuple(when)
    shown = isinstance(got, dict) and set(got) == set(kinds)
    assert shown, f"expected a dict with the keys {', '.join(kinds)}"
    mistakes = {
        "that is the first clip to keep it; asked for is half of them": (4, 3, 1),
        "that is all clips; asked for is at least half": (6, 6, 3),
        "half of four clips is two, and two are enough": (6, 5, 3),
        "that counts clips that show the second prompt's word": (0, 0, 0),
        "that is how many steps are left to the second prompt; asked for is k": (1, 2, 4),
        f"expected 5, 4 and 2 for {', '.join(kinds)} of clips that settle at {list(when.values())}": ANYTHING,
    }
    first_mistake([got[kind] for kind in kinds], (5, 4, 2), mistakes)


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
def _merge(attempt: Callable) -> None:
    x, generator = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    for rank, scale in ((2, 2.0), (4, 0.5)):
        layer = torch.nn.Module()
        layer.linear, layer.scale = torch.nn.Linear(6, 5).requires_grad_(False), scale
        layer.A = torch.nn.Parameter(torch.randn(rank, 6, generator=generator))
        layer.B = torch.nn.Parameter(torch.randn(5, rank, generator=generator))
        old, bias = layer.linear.weight.clone(), layer.linear.bias.clone()
        merged = attempt(layer)
        assert merged is not None, "it returns None: is the return missing?"
        assert type(merged) is torch.nn.Linear, f"expected a plain nn.Linear, got {type(merged).__name__}"
        kept = torch.equal(layer.linear.weight, old) and merged.weight is not layer.linear.weight
        assert kept, "the frozen layer was changed or handed back: the merged weights belong in a new layer"
        with torch.no_grad():
            got, before, change = merged(x), x @ old.T + bias, (x @ layer.A.T) @ layer.B.T
        mistakes = {
            "the frozen layer's own weights are missing": scale * change + bias,
            "the bias is missing": before - bias + scale * change,
            "the scale is missing: B A counts layer.scale times": before + change,
            "the change is missing: this is the frozen layer": before,
            "it doesn't compute what the layer computes": ANYTHING,
        }
        first_mistake(got, before + scale * change, mistakes, atol=1e-4)


@exercise("8.2")
def _by_chance(attempt: Callable) -> None:
    for words, right in ((["left", "left", "left", "right", "up"], 0.44), (["red", "green", "blue"], 1 / 3)):
        counts = [words.count(word) / len(words) for word in set(words)]
        others = sum(words.count(word) - 1 for word in words) / len(words) / (len(words) - 1)
        mistakes = {
            "words that are more frequent meet more often: 1 / (different words) holds for even lists only": 1
            / len(counts),
            "that is for captions that are all different": 1 / len(words),
            "that is how often the most frequent word is drawn": max(counts),
            "here a caption may be drawn for itself": others,
            f"of {words}: expected {right:.3f}, the sum of the squared shares": ANYTHING,
        }
        first_mistake(attempt(words), right, mistakes)


@exercise("8.3")
def _largest_batch(attempt: Callable) -> None:
    for memory, frozen, trained, kept in ((80e9, 1e9, 2e9, 10e9), (24e9, 1.4e9, 3e6, 4e9), (16e9, 0, 1.4e9, 11e9)):
        got, clips = attempt(memory, frozen, trained, kept), (memory - 2 * frozen - 16 * trained) / kept
        right = max(0, int(clips // 1))
        mistakes = {
            "four bytes are a trained weight alone: gradient and averages make it 16": max(
                0, int((memory - 2 * frozen - 4 * trained) // kept)
            ),
            "frozen weights need no gradient and no averages: 2 bytes each": max(
                0, int((memory - 16 * (frozen + trained)) // kept)
            ),
            "the frozen weights are in memory as well": max(0, int((memory - 16 * trained) // kept)),
            "half a clip cannot be trained on: round down": clips,
            "a clip too many: what is left has to hold all that is kept, so round down": int(clips // 1) + 1,
            "less than none: where the weights alone do not fit, the answer is 0": int(clips // 1),
            f"of {memory:g} bytes, {frozen:g} and {trained:g} weights, {kept:g} a clip: {right}, got {got}": ANYTHING,
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
    for seconds, fps, step, most in (*cases, (0.05, 16, 4, 0), (0.29, 100, 1, 29)):
        got, frames = _whole(attempt(seconds, fps, step)), int(seconds * fps + 1e-6)
        mistakes = {
            "that many frames last longer than asked: round down": most + step if frames else 1,
            "the rule is about frames - 1: a multiple of frame_step, and one more": frames // step * step,
            "that fits the time and not the rule: frames - 1 has to be a multiple of frame_step": frames,
            "not even one frame fits: 0": 1 - step,
            f"{seconds} * {fps} is {seconds * fps!r} here: add a little before you round down": int(seconds * fps),
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
