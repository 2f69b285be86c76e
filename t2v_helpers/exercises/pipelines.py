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
def _guide(attempt: Callable) -> None:
    empty, text = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    mistakes = {
        "it leans away from the prompt: v_empty and v_text are swapped": text + 4 * (empty - text),
        "that is w + 1 in this course's convention: start from v_empty, not from v_text": text + 4 * (text - empty),
        "the prompt's part is the difference v_text - v_empty": empty + 4 * text,
        "w = 0 has to give v_empty and w = 1 to give v_text": ANYTHING,
    }
    first_mistake(attempt(empty, text, 4.0), empty + 4 * (text - empty), mistakes)


@exercise("7.2")
def _x0_from_v(attempt: Callable) -> None:
    x0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    for a in (torch.tensor(0.3), torch.tensor(0.0)):
        x, v = a.sqrt() * x0 + (1 - a).sqrt() * eps, a.sqrt() * eps - (1 - a).sqrt() * x0
        mistakes = {
            "the square roots are missing: alpha_bar is a share of variance": a * x - (1 - a) * v,
            "the sign: v is subtracted": a.sqrt() * x + (1 - a).sqrt() * v,
            "that is the noise (7.5), not the clean latents (7.3)": eps,
            f"wrong at alpha_bar = {a:g}": ANYTHING,
        }
        first_mistake(attempt(x, v, a), x0, mistakes)


@exercise("7.3")
def _latent_shape(attempt: Callable) -> None:
    got = attempt(16, 64, 48)
    mistakes = {
        "latents have 4 channels, frames have 3": (3, 16, 8, 6),
        "channels come before frames in the UNet": (16, 4, 8, 6),
        "time is not made shorter: as many latent frames as frames": (4, 2, 8, 6),
        "rows (height) come before columns (width)": (4, 16, 6, 8),
        f"16 frames of 64 rows and 48 columns give (4, 16, 8, 6), got {got}": ANYTHING,
    }
    first_mistake(got, (4, 16, 8, 6), mistakes)
    assert all(isinstance(number, int) for number in got), "whole numbers, please: // divides without a rest"


@exercise("8.1")
def _lora(attempt: Callable) -> None:
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    for rank, alpha in ((2, 4.0), (4, 4.0)):
        frozen = torch.nn.Linear(6, 5)
        layer = attempt(frozen, rank, alpha)
        assert callable(layer), f"expected a layer, got {layer!r}: is the return missing?"
        learned = {tuple(w.shape): w for w in layer.parameters() if w.requires_grad}
        A, B = learned.pop((rank, 6), None), learned.pop((5, rank), None)
        assert A is not None and B is not None, "A of shape (rank, in) and B of shape (out, rank) have to be learned"
        assert not learned, "the old weights learn as well: they have to be frozen"
        start = torch.allclose(layer(x), frozen(x), atol=1e-6)
        assert start, "it has to begin as the frozen layer was: let B begin at 0"
        layer(x).square().sum().backward()
        stuck = all(w.grad is None or not w.grad.any() for w in (A, B))
        assert not stuck, "it never learns: A and B are both 0, and the gradient of each contains the other"
        with torch.no_grad():
            B.normal_(generator=torch.Generator().manual_seed(rank))
            got, change = layer(x) - frozen(x), (x @ A.T) @ B.T
        mistakes = {
            "the scale: a larger rank adds more terms, so alpha is divided by the rank": alpha * change,
            "the scale is upside down: alpha divided by the rank": rank / alpha * change,
            "alpha is not used": change,
            f"wrong at rank {rank} and alpha {alpha:g}, expected (8.8)": ANYTHING,
        }
        first_mistake(got, alpha / rank * change, mistakes, atol=1e-4)


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
