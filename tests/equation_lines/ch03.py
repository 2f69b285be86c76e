"""Notebook 03: by quadrature, by autograd, by diffusers' schedulers, by torch's distributions, by a small table."""

import itertools

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import mse_loss

from t2v_helpers import NoiseSchedule, diffusion

from . import Line
from .ch02 import betas, eps, noised, x0

schedule = NoiseSchedule(betas)
ab = schedule.alpha_bars
signal, noise = ab[1].sqrt(), (1 - ab[1]).sqrt()
x_t = noised(x0, eps, 2)

u = np.linspace(-12, 12, 40_001)


def bell(x, mean, variance):
    return np.exp(-((x - mean) ** 2) / (2 * variance))


def posterior(x, start, t):
    """Mean and variance of x_{t-1}, given x_t = x and x_0 = start, on the grid."""
    s_bar, beta = ab[t - 2].item(), betas[t - 1].item()
    weight = bell(u, s_bar**0.5 * start, 1 - s_bar) * bell(x, (1 - beta) ** 0.5 * u, beta)
    mean = (u * weight).sum() / weight.sum()
    return mean, ((u - mean) ** 2 * weight).sum() / weight.sum()


mean, variance = posterior(x_t[0].item(), 1.5, 2)
step = {"schedule": schedule, "torch": torch}
both = torch.tensor([mean]).double(), torch.tensor(variance).double()

centres, std = torch.tensor([[-1.0], [2.0]]).double(), 0.4
law = sum(bell(u, c, std**2) for c in (-1.0, 2.0)) * bell(x_t.numpy(), signal.item() * u, noise.item() ** 2)
best = torch.from_numpy((u * law).sum(1) / law.sum(1))[:, None]

variable = x_t.clone().requires_grad_()
(score,) = torch.autograd.grad(Normal(signal * x0, noise).log_prob(variable).sum(), variable)
angle = torch.atan2(noise, signal)  # v is how x_t changes with the angle, where signal = cos, noise = sin
velocity = torch.autograd.functional.jacobian(lambda phi: phi.cos() * x0 + phi.sin() * eps, angle)

library = DDIMScheduler(3, trained_betas=betas.tolist(), clip_sample=False, prediction_type="sample")
library.alphas_cumprod = ab.clone()
library.set_timesteps(3)
z = torch.tensor([[0.7], [-0.2]]).double()
added = library._get_variance(1, 0) * 0.5**2
ddim = {"ab_s": ab[0], "ab_t": ab[1], "x0_hat": x0, "eps_hat": eps, "variance": added, "z": z}

y, sigmas = x_t / signal, ((1 - ab) / ab).sqrt()
x_s = noised(x0, eps, 1)  # along the noise it has

tau = torch.tensor(0.4).double()


def x_at(tau):
    """Where the flow is at tau, for data that are one point x0: with its noise, in the schedule from 0.1 to 20."""
    kept = torch.exp(-(0.1 * tau + 19.9 * tau**2 / 2))
    return kept.sqrt() * x0 + (1 - kept).sqrt() * eps


flow = torch.autograd.functional.jacobian(x_at, tau)
parts = torch.tensor([1.0, 2.5]).double()

table = [(e, x, p) for (e, x), p in zip(itertools.product((-1.0, 2.0), (0, 1)), (0.1, 0.4, 0.3, 0.2), strict=True)]
best_of = [sum(e * p for e, x, p in table if x == at) / sum(p for _, x, p in table if x == at) for at in (0, 1)]
said = [0.3, -0.8]  # by some network


def mean_square(f):
    return sum(p * f(e, x) ** 2 for e, x, p in table)


least, apart = mean_square(lambda e, x: best_of[x] - e), mean_square(lambda e, x: said[x] - best_of[x])

LINES = [
    Line(
        "3.1",
        {"keep": (1 - betas[0]).sqrt(), "add": betas[0].sqrt(), "printed": x0, "eta": eps},
        noised(x0, -eps, 1),
    ),
    Line(
        "3.1",
        {"keep": (1 - betas[0]).sqrt(), "add": betas[0].sqrt(), "known": x0, "etas": [eps, 2 * eps], "t": 1},
        noised(x0, -eps, 1),
    ),
    Line("3.2", step, both, call=(x_t[0], x0[0], 2)),
    Line("3.3", step, both, call=(x_t[0], x0[0], 2)),
    Line("3.4", {"STD": std, "centres": centres}, best, call=(x_t, ab[1])),
    Line("3.5", {"x_t": x_t, "noise": noise, "eps_hat": eps, "signal": signal, "x0_hat": x0, "torch": torch}, None),
    Line("3.6", {"signal": signal, "noise": noise, "eps_hat": eps, "x0_hat": x0}, velocity),
    Line("3.7", {"eps_hat": eps, "noise": noise}, score),
    Line("3.8", {"eps_hat": x0, "eps": eps}, mse_loss(x0, eps)),
    Line(
        "3.8",
        {"diffusion": diffusion, "nets": lambda x, t: x, "batch": x0, "t": 2, "schedule": schedule, "eps": eps},
        mse_loss(x_t, eps),
        wrong=("t, schedule", "t - 1, schedule"),
    ),
    Line("3.9", {"mean": x0, "variance": betas[2], "z": z}, Normal(x0, betas[2].sqrt()).icdf(Normal(0.0, 1.0).cdf(z))),
    Line("3.10", {"eta": 0.5, "ab_s": ab[0], "ab_t": ab[1]}, both[1] / 4),  # of the posterior's
    Line("3.11", ddim, library.step(x0, 1, x_t, eta=0.5, variance_noise=z).prev_sample),
    Line(
        "3.12",
        {"y": y, "sigma_t": sigmas[1], "sigma_s": sigmas[0], "expected_noise": lambda y, s: eps},
        x_s / ab[0].sqrt(),
    ),
    Line("3.13", {"torch": torch, "best_guess": lambda x, a: x0}, flow, rtol=1e-6, call=(x_at(tau), tau)),
    Line("3.14", {"least": [least], "apart": [apart]}, [mean_square(lambda e, x: said[x] - e)]),
    Line(
        "3.15",
        {"small": parts, "large": 2 * parts},
        [parts[0] + parts[1], 2 * parts[0] + 2 * parts[1]],
        wrong=("large", "small"),
    ),
    Line(
        "3.16",
        {},
        kl_divergence(Normal(x0, 0.3), Normal(eps, 0.7)).mean(),
        call=(x0, torch.tensor(0.09), eps, torch.tensor(0.49)),
    ),
]
