"""Typical wrong answers to the exercises: number -> {a word that the checker has to say: the answer}."""

import inspect
import itertools
import math

import numpy as np
import torch

from t2v_helpers import shapes


def chain(x0, betas, generator, keep=lambda b: (1 - b).sqrt(), add=torch.sqrt, shape=None, once=False):
    x, eta = x0, None
    for beta in betas:
        if eta is None or not once:
            eta = torch.randn(shape or x0.shape, generator=generator)
        x = keep(beta) * x + add(beta) * eta
    return x


def needed(schedule, difference, share, at=-1, half=2, power=1, rounded=math.ceil):
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(share)).item()
    return rounded((half * z / difference) ** 2 / schedule.snr[at].item() ** power)


def mean_likelihood(each):
    return each.logsumexp(1) - math.log(each.shape[1])


def ratio(x, schedule, clips, shrink=torch.sqrt, spread=lambda ab: 1 - ab, log=torch.log, over=mean_likelihood):
    alpha_bar, x, clips = schedule.alpha_bars[-1], x.flatten(1), clips.flatten(1)
    variance = spread(alpha_bar)
    each = -(torch.cdist(x, shrink(alpha_bar) * clips) ** 2) / (2 * variance) - x.shape[1] / 2 * log(variance)
    return over(each) + x.square().sum(1) / 2


def mean_of(x, x0, beta, at):
    eps = (x - at.sqrt() * x0) / (1 - at).sqrt()
    return (x - beta / (1 - at).sqrt() * eps) / (1 - beta).sqrt()


def stepped(x, x0, beta, at, as_, z, power=0.5, noise=1):
    return mean_of(x, x0, beta, at) + noise * ((1 - as_) / (1 - at) * beta) ** power * z


def kth(points, k):
    return torch.cdist(points, points).kthvalue(k + 1).values


def by_chance(
    names=lambda seen: seen.shape,
    pairs=lambda n: itertools.permutations(range(n), 2),
    share=lambda agree: np.mean(agree),
):
    def attempt(prompts, clips):
        asked, seen = [names(shapes.parse(p)) for p in prompts], [names(shapes.judge(c)) for c in clips]
        return share([asked[i] == seen[j] for i, j in pairs(len(clips))])

    return attempt


def fitted(n, values, power):
    return np.polyfit(np.array(n, dtype=float) ** power, values, 1)


def added(n, m):
    return 1 / np.array(n) + 1 / np.array(m)


def two_slopes(n, values, m):
    return np.linalg.lstsq(np.stack([1 / np.array(n), 1 / np.array(m), np.ones(len(n))], 1), values, rcond=None)[0]


def flipped(a, b, generator, size=torch.abs, slack=-1e-12, extra=1, times=4000):
    signs = torch.randint(2, (times, len(a)), generator=generator) * 2 - 1
    as_far = size((signs * (a - b)).mean(1)) >= (a - b).mean().abs() + slack
    return (as_far.sum().item() + extra) / (times + extra)


def recentred(a, b, generator, times=4000):
    means = (a - b)[torch.randint(len(a), (times, len(a)), generator=generator)].mean(1)
    return (means.abs() >= (a - b).mean().abs()).double().mean().item()


def redealt(a, b, generator, times=4000):
    hands = torch.cat([a, b])[torch.rand(times, 2 * len(a), generator=generator).argsort(1)].unflatten(1, (2, -1))
    return (hands.mean(2).diff(dim=1).abs() >= (a - b).mean().abs()).double().mean().item()


def luck(a, b, size=abs, slack=-1e-9):
    """The share of deals of the pooled scores that differ at least as much; with other arguments, wrong ones."""
    scores = [*a, *b]
    hands = [np.array(hand) for hand in itertools.combinations(range(len(scores)), len(a))]
    gaps = [size(np.delete(scores, hand).mean() - np.take(scores, hand).mean()) for hand in hands]
    return float(np.mean([gap >= gaps[0] + slack for gap in gaps]))


def cut(x, heads):
    return x.unflatten(1, (heads, -1)).transpose(0, 1)


def cut_wrong(x, heads):
    return x.reshape(heads, len(x), -1)


def join_wrong(x):
    return x.reshape(x.shape[1], -1)


def attention(
    Q, K, V, heads, words, split=cut, join=lambda x: x.transpose(0, 1).flatten(1), scale=None, axis=-1, off=-torch.inf
):
    Q, K, V = (split(x, heads) for x in (Q, K, V))
    fits = Q @ K.mT / (scale or Q.shape[-1] ** 0.5)
    fits[..., words:] += off
    return join(fits.softmax(axis) @ V)


def padding_cut_late(Q, K, V, heads, words):
    Q, K, V = (cut(x, heads) for x in (Q, K, V))
    A = (Q @ K.mT / Q.shape[-1] ** 0.5).softmax(-1)
    A[..., words:] = 0
    return (A @ V).transpose(0, 1).flatten(1)


def padding_fits_zero(Q, K, V, heads, words):
    Q, K, V = (cut(x, heads) for x in (Q, K, V))
    fits = Q @ K.mT / Q.shape[-1] ** 0.5
    fits[..., words:] = 0
    return (fits.softmax(-1) @ V).transpose(0, 1).flatten(1)


def settle(switched, first, steps, enough):
    """For each attribute the smallest k at which `enough` of the clips show the first prompt's word."""
    kinds, shown = shapes.Attributes._fields, [switched(k) for k in range(steps + 1)]
    kept = [
        [[getattr(a, kind) == getattr(b, kind) for a, b in zip(s, first, strict=True)] for s in shown] for kind in kinds
    ]
    return {kind: next(k for k, row in enumerate(rows) if enough(row)) for kind, rows in zip(kinds, kept, strict=True)}


def tokens(num_frames, height, width, group=4, side=16):
    return (1 + (num_frames - 1) // group) * (height // side) * (width // side)


def work(n):
    return n * (n + 3 * 1536 + 8960)


def reordered(rows, within, order):
    cut = rows.unflatten(0, within)
    return cut.permute(*order, *range(3, cut.ndim)).flatten(0, 2)


def gated(table, rows, values, clone=True):
    table = table.clone() if clone else table
    table[:, rows] = values[:, rows]
    return table


def difference(alpha_bars):
    return torch.cat([torch.ones(1), alpha_bars[:-1]]) - alpha_bars


def root(alpha_bars):
    return 1 - (alpha_bars / torch.cat([torch.ones(1), alpha_bars[:-1]])).sqrt()


def mean(x, y, power=1):
    return torch.cdist(x, y).pow(power).mean()


def from_clip(guide=lambda e, c, w: e + w * (c - e), start=None, swap=False, level=None):
    """An answer to 7.2 that is right, but for what is given."""
    start = start or (lambda x0, eps, a: a**0.5 * x0 + (1 - a) ** 0.5 * eps)
    level = level or (lambda table, t, stride: table[t - stride] if t >= stride else torch.tensor(1.0))

    def attempt(x0, eps, times, stride, alpha_bar, predict, w):
        x = start(x0, eps, alpha_bar[times[0]])
        for t in times:
            v, a = guide(*predict(x, t), w), alpha_bar[t]
            x0_hat, eps_hat = a**0.5 * x - (1 - a) ** 0.5 * v, a**0.5 * v + (1 - a) ** 0.5 * x
            left = level(alpha_bar, t, stride)
            x = (
                (1 - left) ** 0.5 * x0_hat + left**0.5 * eps_hat
                if swap
                else left**0.5 * x0_hat + (1 - left) ** 0.5 * eps_hat
            )
        return x

    return attempt


def turned(x, v, a):
    return ((1 - a) ** 0.5 - a**0.5) * x + (a**0.5 + (1 - a) ** 0.5) * v


def placed(y, v, a):  # the same from y, where the flow is
    return turned((a**0.5 + (1 - a) ** 0.5) * y, v, a)


def later(t, shift):
    return shift * t / (1 + (shift - 1) * t)


def batch_at(x0, eps, t, shift, told=None, target=None):
    s = later(t, shift)
    told, target = s if told is None else told, eps - x0 if target is None else target
    return (1 - s) * x0 + s * eps, told, target


def bent(w, of_slope):
    t = (np.arange(20_000) + 0.5) / 20_000
    return of_slope((t - (1 - t) * w**2) / np.sqrt((1 - t) ** 2 * w**2 + t**2)).mean().item()


def merged(layer, scale=None, keep=1.0, bias=True):
    """One linear layer in place of a LoRA, with a mistake."""
    plain = torch.nn.Linear(layer.linear.in_features, layer.linear.out_features)
    with torch.no_grad():
        change = (layer.scale if scale is None else scale) * layer.B @ layer.A
        plain.weight.copy_(keep * layer.linear.weight + change)
        plain.bias.copy_(bias * layer.linear.bias)
    return plain


def multistep(guess, x, lams, remember, power=1):
    a, s, before = (2 * lams).sigmoid().sqrt(), (-2 * lams).sigmoid().sqrt(), None
    for i, h in enumerate(lams.diff()):
        D = x0_hat = guess(x, lams[i])
        if before is not None and remember:
            D = x0_hat + (h / (lams[i] - lams[i - 1])) ** power / 2 * (x0_hat - before)
        x = s[i + 1] / s[i] * x + a[i + 1] * (1 - (-h).exp()) * D
        before = remember and remember(D, x0_hat)
    return x


def one_round(clear_first=False, clear=True, detach=True, cut=False, sign=1):
    """A GAN's round of training with a bug: what is cleared when, what is detached, the sign of one term."""

    def play(G, D, optimizers, x, z, z_next):
        softplus = torch.nn.functional.softplus
        for optimizer in optimizers if clear_first else ():
            optimizer.zero_grad()
        fake = G(z).detach() if detach else G(z)
        if clear and not clear_first:
            optimizers[1].zero_grad()
        (softplus(-D(x)).mean() + sign * softplus(D(fake)).mean()).backward()
        optimizers[1].step()
        if clear and not clear_first:
            optimizers[0].zero_grad()
        fake = G(z_next).detach() if cut else G(z_next)
        softplus(-D(fake)).mean().backward()
        optimizers[0].step()

    return play


WRONG = {
    "0.1": {
        "divide by the number of pairs to": by_chance(share=lambda agree: sum(agree)),
        "by merit": by_chance(pairs=lambda n: itertools.product(range(n), repeat=2)),
        "a few pairs": by_chance(pairs=lambda n: [(i, (i + 1) % n) for i in range(n)]),
        "its own prompt only": by_chance(pairs=lambda n: [(i, i) for i in range(n)]),
        "compares the colours": by_chance(names=lambda seen: seen.color),
        "the shapes alone": by_chance(names=lambda seen: seen),
        "that you looked at": by_chance(share=lambda agree: sum(agree) / 25),
        "6 of these 20": by_chance(share=lambda agree: 1 - np.mean(agree)),
    },
    "0.2": {
        "backwards": lambda f: f[::-1],
        "on its head": lambda f: f[:, ::-1],
        "red with blue": lambda f: f[..., ::-1],
        "something else as well": lambda f: f[::-1, :, ::-1],
        "nothing has changed": lambda f: f,
        "not the mirrored": lambda f: np.roll(f, 1, axis=2),
    },
    "0.3": {
        "divide by": lambda edit, cs: sum(shapes.judge(edit(c)) == shapes.judge(c) for c in cs),
        "that changes": lambda edit, cs: sum(shapes.judge(edit(c)) != shapes.judge(c) for c in cs) / len(cs),
        "all survive": lambda edit, cs: sum(shapes.judge(edit(c)) is not None for c in cs) / len(cs),
        "not the pixels": lambda edit, cs: sum(np.array_equal(edit(c), c) for c in cs) / len(cs),
        "changes nothing": lambda edit, cs: 0.75,
    },
    "1.1": {
        "left in its gradients": one_round(clear_first=True, detach=False),
        "detach G(z) in the discriminator's loss only": one_round(cut=True),
        "an earlier loss": one_round(clear=False),
        "doesn't follow (1.3)": one_round(sign=-1),
        "its loss needs": lambda G, D, optimizers, x, z, z_next: None,
    },
    "1.2": {
        "other way round": lambda p, q, s: (1 - s) * q / (s * p + (1 - s) * q),
        "1/2 only": lambda p, q, s: p / (p + q),
        "swapped": lambda p, q, s: (1 - s) * p / ((1 - s) * p + s * q),
        "above 1": lambda p, q, s: s * p / ((1 - s) * q),
        "add up to 1": lambda p, q, s: s * p / (s * p + q),
        "no data": lambda p, q, s: (p > q).float(),
    },
    "1.3": {
        "exact copies": lambda data, generator: data,
        "closer to a training point": lambda data, g: data + 0.002 * torch.randn(data.shape, generator=g),
        "stay closer": lambda data, g: data + 0.3 * torch.randn(data.shape, generator=g),
        "shape": lambda data, g: data[:10] + 0.02,
        "None": lambda data, g: None,
    },
    "1.4": {
        "infinitely small": lambda rate, rounds: 1.0,
        "root": lambda rate, rounds: (1 + rate**2) ** rounds,
        "Pythagoras": lambda rate, rounds: (1 + rate) ** rounds,
        "one step": lambda rate, rounds: (1 + rate**2) ** 0.5,
        "measured": lambda rate, rounds: rate * rounds,
    },
    "2.1": {
        "inside the loop": lambda x0, betas, g: chain(x0, betas, g, once=True),
        "shrink": lambda x0, betas, g: chain(x0, betas, g, keep=lambda b: 1),
        "square root": lambda x0, betas, g: chain(x0, betas, g, add=lambda b: b),
        "shape of x0": lambda x0, betas, g: chain(x0, betas, g, shape=(1, 2)),
        "generator": lambda x0, betas, g: chain(x0, betas, None),
        "0.568": lambda x0, betas, g: chain(x0, betas[:2], g),
        "the mean": lambda x0, betas, g: chain(0 * x0, betas, g),
        "expected that of x0": lambda x0, betas, g: chain(x0[:5], betas, g),
        "None": lambda x0, betas, g: None,
    },
    "2.2": {
        "round up: with": lambda s, d, p: needed(s, d, p, rounded=int),
        "whole numbers": lambda s, d, p: needed(s, d, p, rounded=float),
        "square of": lambda s, d, p: math.ceil(needed(s, d, p, rounded=float) ** 0.5),
        "half of": lambda s, d, p: needed(s, d, p, half=1),
        "SNR itself": lambda s, d, p: needed(s, d, p, power=2),
        "last step": lambda s, d, p: needed(s, d, p, at=0),
        "icdf": lambda s, d, p: math.ceil((2 * p / d) ** 2 / s.snr[-1].item()),
        "it is 79": lambda s, d, p: 100,
    },
    "2.3": {
        "not the sum": lambda x, s, clips: ratio(x, s, clips) + math.log(len(clips)),
        "mean of the logs": lambda x, s, clips: ratio(x, s, clips, over=lambda each: each.mean(1)),
        "nearest clip": lambda x, s, clips: ratio(x, s, clips, over=lambda each: each.amax(1)),
        "N / 2 times": lambda x, s, clips: ratio(x, s, clips, log=lambda v: 0 * v),
        "only pure noise": lambda x, s, clips: ratio(x, s, clips, spread=lambda ab: 0 * ab + 1),
        "shrunk: by the root": lambda x, s, clips: ratio(x, s, clips, shrink=lambda ab: 1),
        "not by alpha_bar": lambda x, s, clips: ratio(x, s, clips, shrink=lambda ab: ab),
        "other way round": lambda x, s, clips: -ratio(x, s, clips),
        "under N(0, I)": lambda x, s, clips: ratio(x, s, clips) - x.flatten(1).square().sum(1) / 2,
        "term by term": lambda x, s, clips: 2 * ratio(x, s, clips),
        "shape (4, 1)": lambda x, s, clips: ratio(x, s, clips)[:, None],
        "None": lambda x, s, clips: None,
    },
    "3.1": {
        "still there": lambda *given: stepped(*given, power=1),
        "tighter still": lambda *given: stepped(*given, noise=0),
        "variance beta_t": lambda x, x0, beta, at, as_, z: mean_of(x, x0, beta, at) + beta.sqrt() * z,
        "subtracting": lambda *given: stepped(*given, noise=-1),
        "printed": lambda x, x0, beta, at, as_, z: (1 - beta).sqrt() * x - beta.sqrt() * z,
        "mean was right": lambda x, x0, beta, at, as_, z: stepped(x, x0, beta, as_, as_, z),
        "None": lambda *given: None,
    },
    "3.2": {
        "exactly (0, 0)": lambda sample, eta: sample(torch.randn(400, 2).double(), eta).std().item(),
        "pass eta on": lambda sample, eta: sample(torch.zeros(400, 2).double(), 1.0).std().item(),
        "hardly any": lambda sample, eta: (sample(torch.zeros(400, 2).double(), eta) * 0).std().item(),
        "only 1 points": lambda sample, eta: sample(torch.zeros(1, 2).double(), eta).std().item(),
        "call sample": lambda sample, eta: eta,
        "about 1": lambda sample, eta: 2 * sample(torch.zeros(400, 2).double(), eta).std().item(),
    },
    "3.3": {
        "only shrinks": lambda x, mu, s, a: a**0.5 * x,
        "where did x0 go": lambda x, mu, s, a: a**0.5 * mu + 0 * x,
        "shrinks too": lambda x, mu, s, a: mu + (a * s**2 + 1 - a) ** 0.5 * (x - mu) / s,
        "take roots": lambda x, mu, s, a: a**0.5 * mu + (a * s**2 + 1 - a) * (x - mu) / s**2,
        "divide by s": lambda x, mu, s, a: a**0.5 * mu + (a * s**2 + 1 - a) ** 0.5 * (x - mu),
        "shrunken width": lambda x, mu, s, a: a**0.5 * mu + (1 - a) ** 0.5 * (x - mu) / s,
        "from x_t to x0": lambda x, mu, s, a: mu + s * (x - a**0.5 * mu) / (a * s**2 + 1 - a) ** 0.5,
        "its own mean": lambda x, mu, s, a: a**0.5 * x + (1 - a) ** 0.5,
        "nothing has moved": lambda x, mu, s, a: 0.3**0.5 * mu + (0.3 * s**2 + 0.7) ** 0.5 * (x - mu) / s,
        "shape": lambda x, mu, s, a: (a**0.5 * mu + (a * s**2 + 1 - a) ** 0.5 * (x - mu) / s)[0],
    },
    "4.1": {
        "shortcut": lambda h: h / 2 * (1 - (-h).exp()),
        "missing under": lambda h: h**2 / 2,
        "constant x0_hat": lambda h: 1 - (-h).exp(),
        "pulled out": lambda h: (h - 1) * h.exp() + 1,
        "sign": lambda h: h + 1 - h.exp(),
        "compare your k": lambda h: h**2,
    },
    "4.2": {
        "planted bug": lambda guess, x, lams: multistep(guess, x, lams, lambda D, x0_hat: D),
        "DDIM": lambda guess, x, lams: multistep(guess, x, lams, None),
        "upside down": lambda guess, x, lams: multistep(guess, x, lams, lambda D, x0_hat: x0_hat, -1),
        "one line only": lambda guess, x, lams: guess(x, lams[-1]),
    },
    "4.3": {
        "even times": lambda schedule: list(range(1000, 0, -125)),
        "clean data": lambda schedule: list(range(875, -1, -125)),
        "eight times": lambda schedule: [1000, 500],
        "fall": lambda schedule: list(range(125, 1001, 125)),
        "has to be T": lambda schedule: [900, 703, 576, 425, 259, 127, 55, 22],
        "aim for 2.5 %": lambda schedule: [1000, 703, 576, 425, 259, 127, 55, 22],
        "on any schedule": lambda schedule: [1000, 503, 392, 275, 173, 100, 55, 29],
    },
    "5.1": {
        "is recall": lambda y, x, k: (torch.cdist(y, x) < kth(x, k)).any(1).float().mean(),
        "share of samples": lambda y, x, k: (torch.cdist(y, x) < kth(y, k)[:, None]).any(0).float().mean(),
        "that is density": lambda y, x, k: (torch.cdist(y, x) < kth(y, k)[:, None]).float().sum(0).mean() / k,
        "point itself": lambda y, x, k: (torch.cdist(y, x) < kth(y, k - 1)[:, None]).any(1).float().mean(),
        "None": lambda y, x, k: None,
    },
    "5.2": {
        "sign": lambda train_a, a, train_b, b: (train_b - train_a) / (b - a),
        "what A saves": lambda train_a, a, train_b, b: (train_a - train_b) / a,
        "not by B's price": lambda train_a, a, train_b, b: (train_a - train_b) / b,
        "trained for free": lambda train_a, a, train_b, b: train_a / (b - a),
        "from sample 0 on": lambda train_a, a, train_b, b: (train_a - train_b) / (b - a),
    },
    "5.3": {
        "other way round": lambda a, b: luck(a, b, size=lambda gap: gap),
        "divide by": lambda a, b: round(luck(a, b) * 20),
        "at least as much": lambda a, b: luck(a, b, slack=1e-9),
        "hands of 2 and 3": lambda a, b: 0.1,
    },
    "6.1": {
        "still there": lambda *given: attention(*given, split=cut_wrong, join=join_wrong),
        "And the padding": lambda *given: attention(*given, split=cut_wrong, join=join_wrong, off=0),
        "padding still gets": lambda *given: attention(*given, off=0),
        "sum to less than 1": padding_cut_late,
        "e^0 = 1": padding_fits_zero,
        "how they are joined": lambda *given: attention(*given, join=join_wrong),
        "how they are split": lambda *given: attention(*given, split=cut_wrong),
        "features of one head": lambda Q, *given: attention(Q, *given, scale=Q.shape[1] ** 0.5),
        "among the tokens": lambda *given: attention(*given, axis=-2),
        "head by head": lambda Q, K, V, heads, words: attention(Q, K, V, 1, words),
    },
    "6.2": {
        "not its root": lambda m, s, w: (w * m / (s**2 * (1 - w) + w), (1 - w + w / s**2) ** -0.5),
        "power w": lambda m, s, w: (m, s**2 / w),
        "moved apart": lambda m, s, w: (w * m, 1 + w * (s**2 - 1)),
        "deviation": lambda m, s, w: (w * m / s / (1 - w + w / s), 1 / (1 - w + w / s)),
        "wrong at m = 2": lambda m, s, w: (m, s**2),
        "no maximum": lambda m, s, w: (w * m / s**2 / p, 1 / p) if (p := 1 - w + w / s**2) else None,
    },
    "6.3": {
        "first clip": lambda switched, first, steps: settle(switched, first, steps, lambda kept: any(kept)),
        "all clips": lambda switched, first, steps: settle(switched, first, steps, all),
        "two are enough": lambda switched, first, steps: settle(switched, first, steps, lambda kept: sum(kept) > 2),
        "second prompt's word": lambda switched, first, steps: settle(
            switched, first, steps, lambda kept: sum(kept) < 3
        ),
        "left to": lambda switched, first, steps: {
            kind: steps - k for kind, k in settle(switched, first, steps, lambda kept: sum(kept) > 1).items()
        },
        "expected 5, 4 and 2": lambda switched, first, steps: {"color": 1, "shape": 2, "motion": 3},
        "keys": lambda switched, first, steps: [5, 4, 2],
    },
    "7.1": {
        "clean latents": lambda x, e, a: (x - (1 - a).sqrt() * e) / a.sqrt(),
        "the sign": lambda x, e, a: (e + (1 - a).sqrt() * x) / a.sqrt(),
        "divide": lambda x, e, a: e - (1 - a).sqrt() * x,
        "the roots": lambda x, e, a: (e - (1 - a) * x) / a,
        "run forward": lambda x, e, a: a.sqrt() * e + (1 - a).sqrt() * x,
        "wrong at": lambda x, e, a: e - x,
    },
    "7.2": {
        "None": lambda *args: None,
        "never used": from_clip(start=lambda x0, eps, a: eps),
        "mix it with eps first": from_clip(start=lambda x0, eps, a: x0),
        "the start has its roots swapped": from_clip(start=lambda x0, eps, a: (1 - a) ** 0.5 * x0 + a**0.5 * eps),
        "guidance of w - 1": from_clip(guide=lambda e, c, w: e + (w - 1) * (c - e)),
        "not to v_text": from_clip(guide=lambda e, c, w: c + w * (c - e)),
        "no guidance": from_clip(guide=lambda e, c, w: c),
        "roots of (7.7) are swapped": from_clip(swap=True),
        "stays as noisy": from_clip(level=lambda table, t, stride: table[t]),
        "pure noise": from_clip(level=lambda table, t, stride: table[t - stride]),
        "`set_alpha_to_one` is on": from_clip(level=lambda table, t, stride: table[max(t - stride, 0)]),
        "what diffusers' DDIM makes": lambda x0, eps, times, stride, alpha_bar, predict, w: x0 + eps,
    },
    "7.3": {
        "root": lambda table, n: table[(n - 1) * (len(table) // n) + 1],
        "trailing": lambda table, n: table[-1].sqrt(),
        "too far": lambda table, n: table[n * (len(table) // n) + 1].sqrt(),
        "offset": lambda table, n: table[(n - 1) * (len(table) // n)].sqrt(),
        "the signal": lambda table, n: (1 - table[(n - 1) * (len(table) // n) + 1]).sqrt(),
        "the first time is": lambda table, n: table[n].sqrt() / 2,
    },
    "8.1": {
        "return missing": lambda layer: None,
        "expected a plain": lambda layer: layer,
        "handed back": lambda layer: layer.linear,
        "own weights": lambda layer: merged(layer, keep=0.0),
        "bias": lambda layer: merged(layer, bias=False),
        "scale is missing": lambda layer: merged(layer, scale=1.0),
        "change is missing": lambda layer: merged(layer, scale=0.0),
        "doesn't compute": lambda layer: merged(layer, scale=-layer.scale),
    },
    "8.2": {
        "None": lambda words: None,
        "more frequent": lambda words: 1 / len(set(words)),
        "all different": lambda words: 1 / len(words),
        "most frequent": lambda words: max(map(words.count, words)) / len(words),
        "for itself": lambda words: sum(words.count(w) - 1 for w in words) / len(words) / (len(words) - 1),
    },
    "8.3": {
        "None": lambda m, f, t, k: None,
        "four bytes": lambda m, f, t, k: max(0, int((m - 2 * f - 4 * t) // k)),
        "no gradient": lambda m, f, t, k: max(0, int((m - 16 * (f + t)) // k)),
        "half a clip": lambda m, f, t, k: max(0, (m - 2 * f - 16 * t) / k),
        "too many": lambda m, f, t, k: max(0, math.ceil((m - 2 * f - 16 * t) / k)),
        "less than none": lambda m, f, t, k: int((m - 2 * f - 16 * t) // k),
    },
    "9.1": {
        "round down": lambda s, rate, step, once, guided: max(
            0, math.ceil((s * rate - once) / step * (1 + (not guided)))
        ),
        "have to be paid": lambda s, rate, step, once, guided: int(s * rate // step),
        "costs half": lambda s, rate, step, once, guided: max(0, int((s * rate - once) // step)),
        "both calls": lambda s, rate, step, once, guided: max(0, int((s * rate - once) // (2 * step))),
        "can be made: 0": lambda s, rate, step, once, guided: int((s * rate - once) // (step if guided else step / 2)),
        "whole number": lambda s, rate, step, once, guided: (s * rate - once) / step,
        "None": lambda s, rate, step, once, guided: None,
    },
    "9.2": {
        "last longer": lambda s, fps, step: -(-(int(s * fps) - 1) // step) * step + 1,
        "and one more": lambda s, fps, step: int(s * fps) // step * step,
        "not the rule": lambda s, fps, step: int(s * fps),
        "expected 81": lambda s, fps, step: int(s * fps) // step * step + 2,
        "whole number": lambda s, fps, step: (s * fps - 1) / step * step + 1,
        "one frame fits: 0": lambda s, fps, step: (int(s * fps + 1e-6) - 1) // step * step + 1,
        "add a little": lambda s, fps, step: (int(s * fps) - 1) // step * step + 1 if s * fps >= 1 else 0,
    },
    "9.3": {
        "Does Heun read": lambda old, new: {k for k, v in old.config.items() if k[0] != "_" and new.config.get(k) != v},
        "changed, and": lambda old, new: (
            set(old.config) - set(inspect.signature(type(new)).parameters) - {"_use_default_values"}
        ),
        "didn't change": lambda old, new: {k for k in old.config if k[0] != "_"},
        "diffusers' own": lambda old, new: set(old.config),
        "a set of names": lambda old, new: len(old.config),
        "None": lambda old, new: None,
    },
    "9.4": {
        "5 frames": lambda c: c.diff(dim=0).norm(dim=1).sum().item() / len(c),
        "whole path": lambda c: c.diff(dim=0).norm(dim=1).sum().item(),
        "straight": lambda c: (c[-1] - c[0]).norm().item() / (len(c) - 1),
        "one axis": lambda c: c.diff(dim=0)[:, 0].abs().mean().item(),
        "one axis alone": lambda c: c.diff(dim=0)[:, 1].abs().mean().item(),
        "cancel": lambda c: c.diff(dim=0).mean(0),
        "pixels long": lambda c: 2.5,
    },
    "10.1": {
        "from data to noise": lambda y, v, a: -placed(y, v, a),
        "eps alone": lambda y, v, a: (1 - a) ** 0.5 * (a**0.5 + (1 - a) ** 0.5) * y + a**0.5 * v,
        "x0 alone": lambda y, v, a: a**0.5 * (a**0.5 + (1 - a) ** 0.5) * y - (1 - a) ** 0.5 * v,
        "you are given y": turned,
        "multiply to get x_t back": lambda y, v, a: turned(y / (a**0.5 + (1 - a) ** 0.5), v, a),
        "without a division": lambda y, v, a: placed(y, v, a) / (a**0.5 + (1 - a) ** 0.5),
        "only v": lambda y, v, a: (a**0.5 + (1 - a) ** 0.5) * v,
        "sign of y's term": lambda y, v, a: (2 * a - 1) * y + (a**0.5 + (1 - a) ** 0.5) * v,
        "its roots": lambda y, v, a: (1 - a - a) * y + (a + 1 - a) * v,
        "turned back": lambda y, v, a: v,
        "at alpha_bar = 0": lambda y, v, a: placed(y, v, a) + (a == 0),
        "shape": lambda y, v, a: placed(y, v, a)[0],
        "None": lambda y, v, a: None,
    },
    "10.2": {
        "None": lambda x0, eps, t, shift: None,
        "three things": lambda x0, eps, t, shift: (x0, t),
        "uniform times again": lambda x0, eps, t, shift: ((1 - t) * x0 + t * eps, t, eps - x0),
        "not on the line": lambda x0, eps, t, shift: (x0, t, eps - x0),
        "still the planted bug": lambda x0, eps, t, shift: batch_at(x0, eps, t, shift, told=t),
        "shifted twice": lambda x0, eps, t, shift: batch_at(x0, eps, t, shift, told=later(later(t, shift), shift)),
        "at which x_t lies": lambda x0, eps, t, shift: batch_at(x0, eps, t, shift, told=shift * t),
        "per unit of the unshifted": lambda x0, eps, t, shift: batch_at(
            x0, eps, t, shift, target=(eps - x0) * shift / (1 + (shift - 1) * t) ** 2
        ),
        "one velocity": lambda x0, eps, t, shift: batch_at(x0, eps, t, shift, target=x0 - eps),
    },
    "10.3": {
        "subtract the chord": lambda w: bent(w, lambda slope: slope**2),
        "always 0": lambda w: bent(w, lambda slope: slope - (1 - w)),
        "absolute": lambda w: bent(w, lambda slope: abs(slope - (1 - w))),
        "a root too many": lambda w: bent(w, lambda slope: (slope - (1 - w)) ** 2) ** 0.5,
        "numerator alone": lambda w: bent(w, lambda slope: (slope - (1 - w)) ** 2) / ((1 - w) ** 2 or 1),
        "noise minus data": lambda w: bent(w, lambda slope: (slope + 1 - w) ** 2),
        "it is 0.429": lambda w: 0.0 * w + 2.0,
        "straight": lambda w: bent(w, lambda slope: (slope - (1 - w)) ** 2) + (w == 0),
        "None": lambda w: None,
    },
    "11.1": {
        "their square": lambda f, h, w: tokens(f, h, w) / 32_760,
        "attention alone": lambda f, h, w: (tokens(f, h, w) / 32_760) ** 2,
        "share": lambda f, h, w: tokens(f, h, w) / (tokens(f, h, w) + 13_568),
        "group of four": lambda f, h, w: work(tokens(f, h, w, 1)) / work(tokens(81, 480, 832, 1)),
        "2 x 2 latent places": lambda f, h, w: work(tokens(f, h, w, 4, 8)) / work(tokens(81, 480, 832, 4, 8)),
        "not yet divided": lambda f, h, w: work(tokens(f, h, w)),
        "upside down": lambda f, h, w: work(32_760) / work(tokens(f, h, w)),
        "it is 3.27": lambda f, h, w: 1.0,
        "None": lambda f, h, w: None,
    },
    "11.2": {
        "nothing has moved": lambda rows: rows.clone(),
        "way back": lambda rows: reordered(rows, (-1, 2, 2), (1, 2, 0)),
        "changed places": lambda rows: reordered(rows, (2, 2, -1), (2, 1, 0)),
        "other way round": lambda rows: rows.flip(0),
        "4 c + 2 p + q": lambda rows: rows.roll(1, 0),
        "shape": lambda rows: rows.unflatten(0, (2, 2, -1)),
        "None": lambda rows: None,
    },
    "11.3": {
        "adds its own": lambda table, time: gated(table, [2, 5], 0 * time),
        "doubles": lambda table, time: gated(table, [2, 5], time),
        "only attention's": lambda table, time: gated(table, [2], -time),
        "only the MLP's": lambda table, time: gated(table, [5], -time),
        "stops the scales": lambda table, time: gated(table, [1, 4], -time),
        "the shifts": lambda table, time: gated(table, [0, 3], -time),
        "should stay": lambda table, time: -time,
        "clone it first": lambda table, time: gated(table, [2, 5], -time, clone=False),
        "nothing else": lambda table, time: table.clone(),
        "None": lambda table, time: None,
    },
    "12.1": {
        "still in it": lambda n, v, m: fitted(n, v, -1.0)[1],
        "the references differ": lambda n, v, m: fitted(n, v, -1.0) @ [-np.mean(1 / np.array(m)), 1],
        "the biases add up": lambda n, v, m: fitted(np.add(n, m), v, -1.0)[1],
        "one slope": lambda n, v, m: two_slopes(n, v, m)[2],
        "the slope": lambda n, v, m: fitted(added(n, m), v, 1.0)[0],
        "fitted against n": lambda n, v, m: fitted(n, v, 1.0)[1],
        "roots": lambda n, v, m: fitted(np.sqrt(1 / np.array(n)) + np.sqrt(1 / np.array(m)), v, 1.0)[1],
        "one score": lambda n, v, m: v[-1] - fitted(added(n, m), v, 1.0)[0] * added(n, m)[-1],
        "for these sets it is": lambda n, v, m: 0.0,
        "None": lambda n, v, m: None,
    },
    "12.2": {
        "None": lambda a, b, g: None,
        "one side": lambda a, b, g: flipped(a, b, g, size=lambda mean: mean),
        "keep the pairs": redealt,
        "bootstrap": lambda a, b, g: recentred(a, b, g),
        "nearer to 0": lambda a, b, g: 1 - flipped(a, b, g),
        "exactly as far": lambda a, b, g: flipped(a, b, g, slack=1e-9),
        "one more draw": lambda a, b, g: flipped(a, b, g, extra=0),
        "hardly any draw": lambda a, b, g: max(0.02, flipped(a, b, g)),
        "it is about": lambda a, b, g: 0.4,
    },
    "12.3": {
        "not squared": lambda d, m: math.ceil(1.96 * d.std() / m),
        "the variance": lambda d, m: math.ceil((1.96 * d.var() / m) ** 2),
        "without the 1.96": lambda d, m: math.ceil((d.std() / m) ** 2),
        "twice 1.96": lambda d, m: math.ceil((2 * 1.96 * d.std() / m) ** 2),
        "whole length": lambda d, m: math.ceil((1.96 * d.std() / m / 2) ** 2),
        "round up": lambda d, m: math.floor((1.96 * d.std() / m) ** 2),
        "whole number": lambda d, m: ((1.96 * d.std() / m) ** 2).item(),
        "pairs": lambda d, m: 0,
        "None": lambda d, m: None,
    },
}
