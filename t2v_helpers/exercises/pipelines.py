"""Checkers of notebooks 06 to 09: the parts of a text-to-video model, training them, using larger ones."""

import inspect
import warnings
from collections.abc import Callable

import torch

from .. import shapes
from . import ANYTHING, exercise, first_mistake


@exercise("6.1")
def _mended(attempt: Callable) -> None:
    Q, K, V = (torch.randn(n, 48, generator=torch.Generator().manual_seed(n)) for n in (5, 3, 4))
    V = V[:3]  # three tokens, and the last of them is padding

    def attention(
        split: Callable, join: Callable, scale: float = 8**0.5, axis: int = -1, padding: float = -torch.inf
    ) -> torch.Tensor:
        q, k, v = (split(x) for x in (Q, K, V))
        fits = q @ k.mT / scale
        fits[..., 2:] += padding
        return join(fits.softmax(axis) @ v)

    def too_late() -> torch.Tensor:
        q, k, v = (cut(x) for x in (Q, K, V))
        return join((q @ k.mT / 8**0.5).softmax(-1)[..., :2] @ v[:, :2])

    def erased() -> torch.Tensor:
        q, k, v = (cut(x) for x in (Q, K, V))
        return join(((q @ k.mT / 8**0.5) * torch.tensor([1.0, 1.0, 0.0])).softmax(-1) @ v)

    def cut(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (6, 8)).transpose(0, 1)

    def cut_wrong(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(6, len(x), 8)

    def join(x: torch.Tensor) -> torch.Tensor:
        return x.transpose(0, 1).flatten(1)

    def join_wrong(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(5, 48)

    still = "the bug is still there: does head 0 get the first features of every place?"
    mistakes = {
        still: attention(cut_wrong, join_wrong),
        f"{still} And the padding gets attention": attention(cut_wrong, join_wrong, padding=0.0),
        "the heads are mended, but the padding still gets attention": attention(cut, join, padding=0.0),
        "padding gets none, but rows sum to less than 1: the words have to share all of the attention": too_late(),
        "a fit of 0 still gets attention, since e^0 = 1: what fit makes the softmax give exactly 0?": erased(),
        "the heads are split as they should be; now look at how they are joined": attention(cut, join_wrong),
        "the heads are joined as they should be; now look at how they are split": attention(cut_wrong, join),
        "the scale was right: d is the number of features of one head": attention(cut, join, scale=48**0.5),
        "the softmax was right: each place divides its attention among the tokens": attention(cut, join, axis=-2),
        "expected what torch's scaled_dot_product_attention gives, head by head": ANYTHING,
    }
    first_mistake(attempt(Q.clone(), K.clone(), V.clone(), 6, 2), attention(cut, join), mistakes)


@exercise("6.2")
def _guided_gaussian(attempt: Callable) -> None:
    for m, s, w in ((2.0, 0.5, 3.0), (-1.0, 0.8, 1.0), (3.0, 0.7, 0.0), (1.0, 2.0, 1.2)):
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
    for w in (1.4, 3.0):
        said = f"for m = 1, s = 2, w = {w:.3g} the exponent of p_w has no maximum: there is no such distribution (None)"
        assert attempt(1.0, 2.0, w) is None, said


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
def _from_clip(attempt: Callable) -> None:
    from diffusers import DDIMScheduler

    x0, eps = torch.randn(2, 1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    settings = {"beta_start": 0.00085, "beta_end": 0.03, "beta_schedule": "scaled_linear", "clip_sample": False}
    settings |= {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    for steps, skipped, w in ((10, 5, 2.5), (12, 6, 3.0), (10, 0, 2.5)):
        scheduler = DDIMScheduler(**settings)
        scheduler.set_timesteps(steps)
        listed, alpha_bar, stride = scheduler.timesteps.tolist()[skipped:], scheduler.alphas_cumprod, 1000 // steps
        right = scheduler.add_noise(x0, eps, torch.tensor(listed[0]))
        for t in listed:  # what the pipeline does
            v_empty, v_text = _made_up(right, t)
            right = scheduler.step(v_empty + w * (v_text - v_empty), t, right).prev_sample

        def wrong(*mistake: str, a: torch.Tensor = alpha_bar, with_: tuple = (listed, stride, w)) -> torch.Tensor:
            return _from_clip_with({*mistake}, a, *with_, x0, eps)

        mistakes = {
            "that is the clip itself, denoised: mix it with eps first, by (7.1)": wrong("no noise"),
            "it starts from pure noise, as the loop of section 8 does, and the clip x0 is never used": wrong("no clip"),
            "the start has its roots swapped: the clip's part is the root of alpha_bar": wrong("start swapped"),
            "it starts at another time's noise level: it is that of times[0]": wrong("start late"),
            "guidance of w + 1: multiply the difference by w and add it to v_empty, not to v_text": wrong("w + 1"),
            "guidance of w - 1: (7.6) starts at v_empty, and w multiplies the whole difference": wrong("w - 1"),
            "no guidance: v_empty and v_text go into (7.6)": wrong("w = 1"),
            "v is read as if it were the noise (7.5): for v it takes (7.3) and (7.4)": wrong("as eps"),
            "the roots of (7.3) and (7.4) are swapped": wrong("read swapped"),
            "a plus where (7.3) has a minus": wrong("plus"),
            "the roots of (7.7) are swapped: x0_hat gets more and more weight, the noise less": wrong("swapped"),
            "no roots: alpha_bar is a share of the variance": wrong("no roots"),
            "`left` is alpha_bar at t, so x stays as noisy as it was: take it at s = t - stride": wrong("at t"),
            "alpha_bar[-1] is the last entry of the table, pure noise: beyond the table it is 1": wrong("wraps"),
            "the last step ends at alpha_bar[0]; `set_alpha_to_one` is on, so it is 1": wrong("first entry"),
            "that lands at the next time of the list; the library subtracts the stride from t": wrong("next"),
            "(7.7) mixes the guess with eps_hat, which is new in every step, not with eps": wrong("old noise"),
            f"{steps} steps without the first {skipped}: not what diffusers' DDIM makes of it": ANYTHING,
        }
        first_mistake(attempt(x0, eps, list(listed), stride, alpha_bar, _made_up, w), right, mistakes, atol=1e-4)


def _made_up(x: torch.Tensor, t: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What stands for a UNet: its answers for the empty prompt and for a prompt."""
    return (x + t / 300).sin(), (2 * x - t / 500).cos()


def _from_clip_with(
    mistake: set[str],
    alpha_bar: torch.Tensor,
    listed: list[int],
    stride: int,
    w: float,
    x0: torch.Tensor,
    eps: torch.Tensor,
) -> torch.Tensor:
    """Exercise 7.2's loop with a mistake in it."""

    def mixed(a: torch.Tensor, clean: torch.Tensor, noise: torch.Tensor, swapped: bool) -> torch.Tensor:
        parts = (a, 1 - a) if "no roots" in mistake else (a.sqrt(), (1 - a).sqrt())
        return sum(part * what for part, what in zip(parts[::-1] if swapped else parts, (clean, noise), strict=True))

    start = alpha_bar[max(listed[0] - stride, 0) if "start late" in mistake else listed[0]]
    x = x0 if "no noise" in mistake else mixed(start, x0, eps, "start swapped" in mistake)
    x = eps if "no clip" in mistake else x
    beyond = torch.tensor(1.0)
    if mistake & {"wraps", "first entry"}:
        beyond = alpha_bar[-1 if "wraps" in mistake else 0]
    for t, following in zip(listed, [*listed[1:], -1], strict=True):
        v_empty, v_text = _made_up(x, t)
        scale = w + 1 if "w + 1" in mistake else w - 1 if "w - 1" in mistake else 1 if "w = 1" in mistake else w
        v, a = v_empty + scale * (v_text - v_empty), alpha_bar[t]
        signal, sigma = (a, 1 - a) if "no roots" in mistake else (a.sqrt(), (1 - a).sqrt())
        if "read swapped" in mistake:
            signal, sigma = sigma, signal
        x0_hat, eps_hat = signal * x + (sigma if "plus" in mistake else -sigma) * v, signal * v + sigma * x
        if "as eps" in mistake:
            x0_hat, eps_hat = (x - sigma * v) / signal, v
        s = following if "next" in mistake else t if "at t" in mistake else t - stride
        x = mixed(
            alpha_bar[s] if s >= 0 else beyond, x0_hat, eps if "old noise" in mistake else eps_hat, "swapped" in mistake
        )
    return x


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


@exercise("9.3")
def _lost(attempt: Callable) -> None:
    import diffusers

    own = diffusers.DDIMScheduler(
        500, 0.002, 0.03, "scaled_linear", prediction_type="v_prediction", rescale_betas_zero_snr=True
    )
    same = diffusers.DDIMScheduler.from_config(own.config)
    bare = diffusers.DDIMScheduler(500, 0.002, 0.03, "scaled_linear", timestep_spacing="trailing")
    with warnings.catch_warnings(action="ignore"):  # it meets numpy 2
        heun = diffusers.HeunDiscreteScheduler.from_config(own.config)
    cases = {"the same scheduler twice": same, "DDIM from scratch": bare, "Heun by from_config": heun}
    for what, new in cases.items():
        got, settings = attempt(own, new), inspect.signature(type(own)).parameters
        assert got is not None, "it returns None: is the return missing?"
        assert isinstance(got, set | frozenset | list | tuple), f"expected a set of names, got {got!r}"
        known = inspect.signature(type(new)).parameters
        changed = {name for name in settings if name in new.config and new.config[name] != own.config[name]}
        unknown = {name for name in settings if name not in known}
        got, right = set(got), changed | unknown
        assert not any(str(name).startswith("_") for name in got), "names that begin with _ are diffusers' own notes"
        if got != right:
            hidden = "from_config keeps settings that the new class doesn't know: they are in its config, and unused"
            assert what != "Heun by from_config" or unknown <= got, f"{hidden}. Does Heun read rescale_betas_zero_snr?"
            assert changed <= got, f"{what}: {', '.join(sorted(changed - got))} changed, and isn't in your answer"
            more = ", ".join(sorted(map(str, got - right)))
            raise AssertionError(f"{what}: {more} didn't change, or isn't a setting of the old scheduler")


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
