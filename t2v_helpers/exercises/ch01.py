"""Checkers of notebook 01."""

import math

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("1.1")
def _generator_loss(attempt):
    logits = torch.tensor([[0.5], [-2.0], [1.0]])
    D = logits.sigmoid()
    mistakes = {
        "the sign: that falls when the generator gets worse, and a loss is made smaller": D.log().mean(),
        "that is the minimax loss (1.6), the one whose slope vanishes": (1 - D).log().mean(),
        "that rewards the discriminator: take log D(G(z)), not log(1 - D(G(z)))": -(1 - D).log().mean(),
        "average over the samples, do not add them up": -D.log().sum(),
        "logits are not probabilities and may be negative: D is the sigmoid of the logit": math.nan,
        "expected minus the mean of log D, with D = sigmoid(logit)": ANYTHING,
    }
    first_mistake(attempt(logits), -D.log().mean(), mistakes)
    if not math.isfinite(attempt(torch.tensor([-200.0]))):
        raise AssertionError("infinite for a logit of -200, where D rounds to 0: use softplus or logsigmoid")


@exercise("1.2")
def _best_discriminator(attempt):
    p, q = torch.tensor([0.2, 3.0, 0.0]), torch.tensor([0.6, 1.0, 2.0])
    mistakes = {
        "the other way round: D is the probability that x is data": q / (p + q),
        "that ratio can be above 1, and D is a probability: divide by both densities together": p / q,
        "that is the logit: D is its sigmoid": (p / q).log(),
        "expected 1/2 where both densities are equal, and 0 where there are no data": ANYTHING,
    }
    first_mistake(attempt(p, q), p / (p + q), mistakes)


@exercise("1.3")
def _modes_reached(attempt):
    centers = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = torch.tensor([[0.05, 0.0], [0.0, -0.05], [0.02, 0.02], [0.4, 0.4], [1.0, 1.05], [0.3, 0.8]])
    got = attempt(x, centers, 0.1)
    mistakes = {
        "4 are the samples near a mode (or the modes nearest to one, however far): count centres": 4,
        "a mode counts only with a sample within the radius, not for being the nearest to one": 3,
        "that is a share: give the number of centres": 0.5,
        f"2 of these 4 centres have a sample within 0.1, got {got}": ANYTHING,
    }
    first_mistake(got, 2, mistakes)
