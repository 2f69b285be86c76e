"""Notebook 10: by autograd, by closed forms of Gaussians, by quadrature, by diffusers' scheduler."""

import itertools

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from scipy.integrate import quad
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.nn.functional import mse_loss

from t2v_helpers.flow import flow_sample

from . import Line, named
from .ch02 import eps, x0

t = torch.tensor(0.3).double()
x_t = torch.lerp(x0, eps, t)

# E[eps - x0 | x] on a grid, where x0 is a Gaussian and eps a straight line in it.
grid = torch.linspace(-4, 4, 4001).double()
likely = Normal(0.3, 0.2).log_prob(grid).exp()

centres, std, x = (
    torch.tensor([[-1.0, 0.5], [2.0, 0.0]]).double(),
    0.4,
    torch.tensor([[0.3, -0.2], [1.0, 1.1]]).double(),
)
moved = x.clone().requires_grad_()
each = Independent(Normal((1 - t) * centres, ((1 - t) ** 2 * std**2 + t**2).sqrt()), 1)
(score,) = torch.autograd.grad(MixtureSameFamily(Categorical(torch.ones(2)), each).log_prob(moved).sum(), moved)

# A density that drifts to the right with velocity 2, in a field that says so: differences are exact for a plane.
drifting = {"torch": torch, "log_density": lambda x, t: (9 + x[:, 0] - 2 * t).log()}
still = torch.zeros(5, 5).double()

z, fixed = torch.tensor([0.7, -1.2, 0.1]).double(), named(sigmoid=torch.sigmoid)
fixed.randn = lambda n, generator: z[:n]


def squeeze(x, t):
    """The flow from N(0, 1) to N(0, 1/4)."""
    t = t[:, None]
    return (t - (1 - t) / 4) / ((1 - t) ** 2 / 4 + t**2) * x


def off(t):  # its slope, for a point that began at 1, less its chord
    return ((t - (1 - t) / 4) / np.sqrt((1 - t) ** 2 / 4 + t**2) - 0.5) ** 2


bend = torch.tensor([quad(off, 0, 1)[0] / 0.25]).double()

signal, noise = torch.tensor([0.6, 0.96]).double(), torch.tensor([0.8, 0.28]).double()
s = torch.tensor([0.9, 0.4]).double()
theirs = FlowMatchEulerDiscreteScheduler(10, shift=3.0).sigmas.double()

LINES = [
    Line("10.1", {"s": t, "x0": x0, "eps": eps}, x_t),
    Line("10.2", {"x0": x0, "eps": eps}, (torch.lerp(x0, eps, 1.0) - torch.lerp(x0, eps, 0.5)) / 0.5),
    Line(
        "10.3",
        {"torch": torch, "eps": 2 - 3 * grid, "x0": grid, "weight": 7 * likely},
        torch.tensor(2 - 4 * 0.3).double(),
    ),
    Line("10.4", {"torch": torch, "centres": centres, "STD": std}, -(x + t * score) / (1 - t), call=(x, t)),
    Line("10.5", {"x_t": x_t, "s": t, "u": eps - x0}, (x0, eps)),
    Line(
        "10.6",
        {"torch": torch, "log_density": lambda x, t: Normal((1 - t) * x0, t).log_prob(x).sum(1)},
        (x_t - x0) / t,  # a single data point: x moves on its line
        call=(x_t, t),
    ),
    Line(
        "10.7",
        drifting,
        (still, still - 2, still + 2),
        call=(lambda x, t: torch.tensor([2.0, 0.0]).double().expand(len(x), 2), 5),
    ),
    Line("10.8", {"itertools": itertools, "velocity": lambda x, t: x}, x / 4, call=(x, [1.0, 0.5])),
    Line("10.9", {"itertools": itertools, "velocity": lambda x, t: x}, x * 0.625**2, call=(x, [1.0, 0.5])),
    Line(
        "10.10",
        {},
        mse_loss(x_t / 2, eps - x0),
        call=(lambda x, t: x / 2, x0, t.expand(len(x0)), eps),
    ),
    Line("10.11", {"conditional": torch.tensor(3.0), "marginal": 1.0, "constant": 2.0}, None),
    Line("10.12", {"torch": fixed, "generator": None}, 1 / (1 + torch.exp(-0.5 - z)), call=(0.5, 3)),
    Line("10.13", {"torch": torch, "flow_sample": flow_sample}, bend, rtol=1e-3, call=(squeeze, x, 1, 400)),
    Line("10.14", {"signal": signal, "noise_share": noise}, 1 / (1 + signal / noise)),
    Line(
        "10.15",
        {"y": torch.lerp(x0, eps, s[0]), "s": s, "i": 0, "found": named(eps=eps, x0=x0)},
        torch.lerp(x0, eps, s[1]),
        rtol=1e-6,
    ),
    Line("10.16", {"s": s}, -2 * torch.logit(s)),
    Line("10.17", {}, theirs, rtol=1e-6, call=(torch.arange(10, 0, -1).double() / 10, 3.0)),
]
