"""Checkers of notebook 01."""

import math

import torch

from . import exercise, is_close


@exercise("1.1")
def _generator_loss(attempt):
    logits = torch.tensor([[0.5], [-2.0], [1.0]])
    D = logits.sigmoid()
    got = attempt(logits)
    if got is not None and torch.as_tensor(got).shape == ():
        if is_close(got, D.log().mean()):
            raise AssertionError("the sign: that falls when the generator gets worse, and a loss is made smaller")
        if is_close(got, (1 - D).log().mean()):
            raise AssertionError("that is the minimax loss (1.6), the one whose slope vanishes")
        if is_close(got, -(1 - D).log().mean()):
            raise AssertionError("that rewards the discriminator: take log D(G(z)), not log(1 - D(G(z)))")
        if is_close(got, -D.log().sum()):
            raise AssertionError("average over the samples, do not add them up")
        if math.isnan(got):
            raise AssertionError("logits are not probabilities and may be negative: D is the sigmoid of the logit")
    if not is_close(got, -D.log().mean()):
        raise AssertionError("expected minus the mean of log D, with D = sigmoid(logit)")
    if not math.isfinite(attempt(torch.tensor([-200.0]))):
        raise AssertionError("infinite for a logit of -200, where D rounds to 0: use softplus or logsigmoid")


@exercise("1.2")
def _best_discriminator(attempt):
    p_data, p_generator = torch.tensor([0.2, 3.0, 0.0]), torch.tensor([0.6, 1.0, 2.0])
    got = attempt(p_data, p_generator)
    if got is not None and torch.as_tensor(got).shape == (3,):
        if is_close(got, p_generator / (p_data + p_generator)):
            raise AssertionError("the other way round: D is the probability that x is data")
        if is_close(got, p_data / p_generator):
            raise AssertionError("that ratio can be above 1, and D is a probability: divide by both densities together")
        if is_close(got[:2], (p_data / p_generator).log()[:2]):
            raise AssertionError("that is the logit: D is its sigmoid")
    if not is_close(got, p_data / (p_data + p_generator)):
        raise AssertionError("expected 1/2 where both densities are equal, and 0 where there are no data")


@exercise("1.3")
def _modes_reached(attempt):
    centers = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = torch.tensor([[0.05, 0.0], [0.0, -0.05], [0.02, 0.02], [0.4, 0.4], [1.0, 1.05], [0.3, 0.8]])
    got = attempt(x, centers, 0.1)
    if got is None:
        raise AssertionError("it returns None: is the return missing?")
    if got == 4:
        raise AssertionError("4 are the samples near a mode (or the modes nearest to one, however far): count centres")
    if got == 3:
        raise AssertionError("a mode counts only with a sample within the radius, not for being the nearest to one")
    if got == 0.5:
        raise AssertionError("that is a share: give the number of centres")
    if got != 2:
        raise AssertionError(f"2 of these 4 centres have a sample within 0.1, got {got}")
