"""Notebook 01: by scipy's distances between samples, by Bernoulli distributions, by differences, by hand."""

import math

import numpy as np
import scipy
import torch
from torch.distributions import Bernoulli, Normal
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from . import Line

x, y = np.array([0.0, 1.0, 3.0]), np.array([0.5, 2.0])
across, within_x, within_y = (np.abs(np.subtract.outer(a, b)).mean() for a, b in ((x, y), (x, x), (y, y)))

logits = torch.tensor([-3.0, 0.2, 1.5]).double()
taken_for_data, taken_for_generated = (Bernoulli(logits=logits).log_prob(torch.full((3,), v)) for v in (1.0, 0.0))
by_logits = {"logits": logits, "softplus": softplus}
two_losses = {"minimax": taken_for_generated, "non-saturating": -taken_for_data}
game = dict(D=lambda x: x, G=lambda z: 2 * z, x=logits + 1, z=logits, z_next=logits - 1, softplus=softplus)
ones, zeros = torch.ones(3).double(), torch.zeros(3).double()

p, q = Normal(0.3, 0.5), Normal(-0.4, 1.0)
here = torch.tensor(0.1).double()
p_here, q_here = (law.log_prob(here).exp().item() for law in (p, q))
best = scipy.optimize.brentq(lambda D: p_here / D - q_here / (1 - D), 1e-9, 1 - 1e-9, xtol=1e-14)

some_p, some_q = np.array([0.1, 0.2, 0.7]), np.array([0.5, 0.3, 0.2])
D_best = some_p / (some_p + some_q)


def slope(loss, h=1e-6):
    at = logits.numpy()
    return torch.from_numpy((loss(at + h) - loss(at - h)) / (2 * h))


log_D, log_not_D = scipy.special.log_expit, lambda logit: scipy.special.log_expit(-logit)
slopes = {"minimax": slope(log_not_D), "non-saturating": slope(lambda logit: -log_D(logit))}

slope_at = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 2.0]]).double()  # lengths 5, 1 and 2
dirac_step = {"psi": 0.5, "rate": 0.1, "theta": 2.0, "gamma": 3.0}

LINES = [
    Line("1.1", {"across": across, "within_x": within_x, "within_y": within_y}, scipy.stats.energy_distance(x, y) ** 2),
    Line(
        "1.2",
        {"D_data": logits.sigmoid(), "D_fake": logits.sigmoid()},
        taken_for_data.mean() + taken_for_generated.mean(),
    ),
    Line(
        "1.3",
        game,
        binary_cross_entropy_with_logits(logits + 1, ones) + binary_cross_entropy_with_logits(2 * logits, zeros),
    ),
    Line("1.4", {"log_p": p.log_prob, "log_q": q.log_prob, "x": here}, torch.tensor(best).double().logit()),
    Line(
        "1.5",
        {"jsd": scipy.spatial.distance.jensenshannon(some_p, some_q) ** 2, "math": math},
        (some_p * np.log(D_best) + some_q * np.log(1 - D_best)).sum(),
    ),
    Line("1.6", by_logits, two_losses),
    Line("1.7", by_logits, two_losses),
    Line("1.7", game, binary_cross_entropy_with_logits(2 * (logits - 1), ones)),
    Line("1.8", {"slopes": slopes, "D": logits.sigmoid(), "torch": torch}, None),
    Line(
        "1.9",
        {"x": torch.tensor([3.0, 0.0, 1.0]).double(), "y": torch.tensor([2.5, 4.0, -1.0]).double()},
        torch.tensor(scipy.stats.wasserstein_distance([3.0, 0.0, 1.0], [2.5, 4.0, -1.0])),
        wrong=("y.sort().values", "y"),
    ),
    Line("1.10", {"x": logits, "y": logits + 2.5}, torch.tensor(2.5).double()),
    Line("1.11", {"lam": 2.0, "slope": slope_at}, torch.tensor(2.0 * (16 + 0 + 1) / 3).double()),
    Line("1.12", dirac_step, 0.5 - 0.2 - 0.15),
    Line("1.13", {"gamma": 3.0, "slope": slope_at}, torch.tensor(1.5 * (25 + 1 + 4) / 3).double()),
]
