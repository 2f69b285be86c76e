"""Typical wrong answers to the exercises: number -> {a word that the checker has to say: the answer}."""

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


def mean_of(x, x0, beta, at):
    eps = (x - at.sqrt() * x0) / (1 - at).sqrt()
    return (x - beta / (1 - at).sqrt() * eps) / (1 - beta).sqrt()


def stepped(x, x0, beta, at, as_, z, power=0.5, noise=1):
    return mean_of(x, x0, beta, at) + noise * ((1 - as_) / (1 - at) * beta) ** power * z


def kth(points, k):
    return torch.cdist(points, points).kthvalue(k + 1).values


def luck(a, b, size=abs, slack=-1e-9):
    """The share of deals of the pooled scores that differ at least as much; with other arguments, wrong ones."""
    scores = [*a, *b]
    hands = [np.array(hand) for hand in itertools.combinations(range(len(scores)), len(a))]
    gaps = [size(np.delete(scores, hand).mean() - np.take(scores, hand).mean()) for hand in hands]
    return float(np.mean([gap >= gaps[0] + slack for gap in gaps]))


def difference(alpha_bars):
    return torch.cat([torch.ones(1), alpha_bars[:-1]]) - alpha_bars


def root(alpha_bars):
    return 1 - (alpha_bars / torch.cat([torch.ones(1), alpha_bars[:-1]])).sqrt()


def mean(x, y, power=1):
    return torch.cdist(x, y).pow(power).mean()


class LoRA(torch.nn.Module):
    def __init__(self, linear, rank, scale, first=1.0, last=0.0, frozen=True):
        super().__init__()
        self.linear, self.scale = linear.requires_grad_(not frozen), scale
        self.A = torch.nn.Parameter(first * torch.ones(rank, linear.in_features))
        self.B = torch.nn.Parameter(last * torch.ones(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + self.scale * (x @ self.A.T) @ self.B.T


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
        "axis 0": lambda f: f.mean(axis=(1, 2)),
        "three": lambda f: f.mean(),
        "axes 0, 1 and 2": lambda f: f.mean(axis=(0, 1)),
        "not the averages": lambda f: np.median(f, axis=(0, 1, 2)),
    },
    "0.2": {
        "divide by": lambda p, cs: sum(shapes.judge(c) == shapes.parse(p) for c in cs),
        "parse": lambda p, cs: sum(shapes.judge(c) == p for c in cs) / len(cs),
        "does not count": lambda p, cs: sum(shapes.judge(c).color == shapes.parse(p).color for c in cs) / len(cs),
        "says the same": lambda p, cs: sum(str(shapes.judge(c)) == p for c in cs) / len(cs),
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
        "that a step keeps": lambda T, bits, n: (1 - 2 ** (-2 * bits / n)) ** (1 / T),
        "after all steps": lambda T, bits, n: 1 - 2 ** (-2 * bits / n),
        "all at once": lambda T, bits, n: 2 ** (-2 * bits / n),
        "factors multiply": lambda T, bits, n: 2 ** (-2 * bits / n) / T,
        "not nats": lambda T, bits, n: 1 - (1 - math.exp(-2 * bits / n)) ** (1 / T),
        "factor 1/2": lambda T, bits, n: 1 - (1 - 2 ** (-bits / n)) ** (1 / T),
        "all numbers": lambda T, bits, n: 1 - (1 - 2 ** (-2 * bits)) ** (1 / T),
        "it is 0.0328": lambda T, bits, n: 0.011,
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
        "still recall": lambda y, x, k: (torch.cdist(y, x) < kth(x, k)).any(1).float().mean(),
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
        "square root of d": lambda Q, K, V: (Q @ K.T).softmax(1) @ V,
        "divided by d": lambda Q, K, V: (Q @ K.T / 4).softmax(1) @ V,
        "along the places": lambda Q, K, V: (Q @ K.T / 2).softmax(0) @ V,
        "expected softmax": lambda Q, K, V: (Q @ K.T / 2) @ V,
    },
    "6.2": {
        "whole map": lambda weights, mask: (weights * mask).sum(),
        "share of the area": lambda weights, mask: mask.mean(),
        "number of its places": lambda weights, mask: (weights * mask).mean(),
        "expected 0.375": lambda weights, mask: torch.tensor(0.5),
    },
    "6.3": {
        "sum to 1": lambda p, q, w: q * (p / q) ** w,
        "multiplied": lambda p, q, w: q + w * (p - q),
        "start from q": lambda p, q, w: p * (p / q) ** w / (p * (p / q) ** w).sum(),
        "wrong at w = 2": lambda p, q, w: p,
    },
    "7.1": {
        "swapped": lambda e, t, w: t + w * (e - t),
        "start from v_empty": lambda e, t, w: t + w * (t - e),
        "difference": lambda e, t, w: e + w * t,
        "None": lambda e, t, w: None,
        "shape": lambda e, t, w: (e + w * (t - e))[0],
    },
    "7.2": {
        "square roots": lambda x, v, a: a * x - (1 - a) * v,
        "sign": lambda x, v, a: a.sqrt() * x + (1 - a).sqrt() * v,
        "noise": lambda x, v, a: a.sqrt() * v + (1 - a).sqrt() * x,
        "wrong at alpha_bar = 0": lambda x, v, a: (x - (1 - a).sqrt() * (a.sqrt() * v + (1 - a).sqrt() * x)) / a.sqrt(),
    },
    "7.3": {
        "4 channels": lambda f, h, w: (3, f, h // 8, w // 8),
        "before frames": lambda f, h, w: (f, 4, h // 8, w // 8),
        "time": lambda f, h, w: (4, f // 8, h // 8, w // 8),
        "rows": lambda f, h, w: (4, f, w // 8, h // 8),
        "whole numbers": lambda f, h, w: (4, f, h / 8, w / 8),
    },
    "8.1": {
        "return missing": lambda linear, rank, alpha: None,
        "never learns": lambda linear, rank, alpha: LoRA(linear, rank, alpha / rank, first=0.0),
        "begin as": lambda linear, rank, alpha: LoRA(linear, rank, alpha / rank, last=1.0),
        "adds more terms": lambda linear, rank, alpha: LoRA(linear, rank, alpha),
        "upside down": lambda linear, rank, alpha: LoRA(linear, rank, rank / alpha),
        "frozen": lambda linear, rank, alpha: LoRA(linear, rank, alpha / rank, frozen=False),
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
        "are made": lambda n, s: int(s * n),
        "round before": lambda n, s: int(n - s * n),
        "whole number": lambda n, s: n - s * n,
        "None": lambda n, s: None,
        "are left out, got": lambda n, s: n - int(s * n) - (s == 1),
    },
    "9.2": {
        "multiple of 4, 81": lambda wanted, step: wanted // step * step,
        "round down": lambda wanted, step: -(-(wanted - 1) // step) * step + 1,
        "no multiple": lambda wanted, step: wanted,
        "whole number": lambda wanted, step: (wanted - 1) / step * step + 1,
        "under the rule": lambda wanted, step: wanted // step * step + 1,
    },
    "9.3": {
        "are missing": lambda n, step, once, rate, guided: n * step / (1 if guided else 2) / rate,
        "once a clip": lambda n, step, once, rate, guided: n * (step / (1 if guided else 2) + once) / rate,
        "divide by the rate": lambda n, step, once, rate, guided: n * step + once,
        "costs half": lambda n, step, once, rate, guided: (n * step + once) / rate,
        "counted as two": lambda n, step, once, rate, guided: (n * step * (2 if guided else 1) + once) / rate,
        "None": lambda n, step, once, rate, guided: None,
    },
}
