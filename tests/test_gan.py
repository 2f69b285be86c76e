"""The losses against logarithms of probabilities, the step against one worked out by hand."""

import math

import numpy as np
import pytest
import torch

from t2v_helpers import gan

REAL, FAKE = [0.3, -1.2, 2.0], [1.5, -0.4]


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, dtype=float)))


def column(values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_discriminator_loss_is_the_value_of_the_game_negated():
    value = np.log(sigmoid(REAL)).mean() + np.log(1 - sigmoid(FAKE)).mean()  # Goodfellow et al. 2014, Eq. 1
    assert gan.discriminator_loss(column(REAL), column(FAKE)).item() == pytest.approx(-value, abs=1e-12)


def test_generator_losses():
    assert gan.generator_loss(column(FAKE)).item() == pytest.approx(-np.log(sigmoid(FAKE)).mean(), abs=1e-12)
    minimax = np.log(1 - sigmoid(FAKE)).mean()
    assert gan.generator_loss(column(FAKE), "minimax").item() == pytest.approx(minimax, abs=1e-12)


def test_a_critic_and_its_generator_pull_the_mean_score_of_fakes_apart():
    critic = gan.discriminator_loss(column(REAL), column(FAKE), "wasserstein").item()
    assert critic == pytest.approx(np.mean(FAKE) - np.mean(REAL), abs=1e-12)
    assert gan.generator_loss(column(FAKE), "wasserstein").item() == pytest.approx(-np.mean(FAKE), abs=1e-12)


def test_penalties_of_a_quadratic_and_that_they_train_it():
    matrix = torch.tensor([[2.0, 1.0], [0.0, -1.0]], dtype=torch.float64, requires_grad=True)
    x, fake = torch.tensor([[1.0, -2.0], [0.5, 3.0]]).double(), torch.tensor([[0.0, 1.0], [2.0, 2.0]]).double()

    def network(x):
        return ((x @ matrix) * x).sum(1, keepdim=True)

    def slopes(x):  # the gradient of x' M x, by hand
        return x @ (matrix + matrix.T)

    r1 = gan.r1_penalty(network, x)
    assert r1.item() == pytest.approx((slopes(x) ** 2).sum(1).mean().item() / 2, abs=1e-12)
    share = torch.rand(2, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    between = share * x + (1 - share) * fake
    penalty = gan.gradient_penalty(network, x, fake, torch.Generator().manual_seed(3), slope=2)
    assert penalty.item() == pytest.approx(((slopes(between).norm(dim=1) - 2) ** 2).mean().item(), abs=1e-12)
    for value, direct in ((r1, (slopes(x) ** 2).sum(1).mean() / 2), (penalty, None)):
        got = torch.autograd.grad(value, matrix)[0]
        direct = direct if direct is not None else ((slopes(between).norm(dim=1) - 2) ** 2).mean()
        assert torch.allclose(got, torch.autograd.grad(direct, matrix)[0], atol=1e-12)


def test_the_penalty_is_added_for_the_discriminator_only():
    G, D = scalar_networks(1.0, 0.0, 2.0, 0.0)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (G, D)]
    one = torch.ones(2, 1, dtype=torch.float64)
    seen = []

    def penalty(network, x, fake):
        seen.append(fake)
        return 5 * gan.r1_penalty(network, x)  # 5 w^2 / 2, so w moves by 0.1 * 5 w beside the game's part

    d_loss, _ = gan.alternating_step(G, D, optimizers, one, 3 * one, one, "wasserstein", penalty)
    assert d_loss == pytest.approx(6 - 2) and seen[0].tolist() == [[3.0], [3.0]]
    w = 2 - 0.1 * (3 - 1) - 0.1 * 5 * 2  # the critic's loss is w 3 - w 1
    assert D.weight.item() == pytest.approx(w) and G.weight.item() == pytest.approx(1 + 0.1 * w)


def test_losses_stay_finite_where_a_probability_would_round_to_0():
    sure = torch.full((2, 1), 200.0)
    assert gan.discriminator_loss(sure, -sure).item() == 0
    assert gan.discriminator_loss(-sure, sure).item() == 400
    assert gan.generator_loss(-sure).item() == 200 and gan.generator_loss(sure, "minimax").item() == -200


def scalar_networks(a, c, w, b):
    """G(z) = a z + c, and D's logit w x + b."""
    G, D = torch.nn.Linear(1, 1).double(), torch.nn.Linear(1, 1).double()
    for network, values in ((G, (a, c)), (D, (w, b))):
        for parameter, value in zip(network.parameters(), values, strict=True):
            torch.nn.init.constant_(parameter, value)
    return G, D


def by_hand(a, c, w, b, x, z, z_next, rate_g, rate_d, kind):
    """One step of gradient descent for each, with the derivatives written out: (losses, new a, c, w, b)."""
    x, z, z_next = np.array(x), np.array(z), np.array(z_next)
    fake = a * z + c
    on_real, on_fake = sigmoid(w * x + b), sigmoid(w * fake + b)
    d_loss = -np.log(on_real).mean() - np.log(1 - on_fake).mean()
    if kind == "wasserstein":
        d_loss = (w * fake + b).mean() - (w * x + b).mean()
        on_real, on_fake = np.zeros_like(x), np.ones_like(fake)  # the slopes are -1 and 1, wherever the logits are
    w -= rate_d * (((on_real - 1) * x).mean() + (on_fake * fake).mean())
    b -= rate_d * ((on_real - 1).mean() + on_fake.mean())
    logits = w * (a * z_next + c) + b
    judged = sigmoid(logits)
    g_loss, slope = {
        "minimax": (np.log(1 - judged), -judged),
        "non-saturating": (-np.log(judged), judged - 1),
        "wasserstein": (-logits, np.array(-1.0)),
    }[kind]
    a, c = a - rate_g * (slope * w * z_next).mean(), c - rate_g * (slope * w).mean()
    return (d_loss, g_loss.mean()), (a, c, w, b)


@pytest.mark.parametrize("kind", gan.KINDS)
def test_two_steps_by_hand(kind):
    state, rates = (0.7, -0.2, 1.1, 0.4), (0.3, 0.5)
    G, D = scalar_networks(*state)
    optimizers = [torch.optim.SGD(net.parameters(), lr=rate) for net, rate in zip((G, D), rates, strict=True)]
    draws = np.random.default_rng(0).normal(size=(2, 3, 4)) + np.array([2.0, 0.0, 0.0])[:, None]
    for x, z, z_next in draws:  # the second step shows gradients left over from the first
        got = gan.alternating_step(G, D, optimizers, column(x), column(z), column(z_next), kind)
        losses, state = by_hand(*state, x, z, z_next, *rates, kind)
        assert got == pytest.approx(losses, abs=1e-12)
        now = [parameter.item() for net in (G, D) for parameter in net.parameters()]
        assert now == pytest.approx(state, abs=1e-12)


def test_wrong_kind_and_wrong_data_change_nothing():
    with pytest.raises(ValueError, match="kind = 'hinge', expected one of non-saturating, minimax, wasserstein"):
        gan.generator_loss(torch.zeros(2), "hinge")
    for call in (gan.generator_loss, lambda fake: gan.discriminator_loss(torch.zeros(2), fake)):
        with pytest.raises(ValueError, match="fake has NaN or infinite values"):
            call(torch.tensor([math.nan]))
    G, D = scalar_networks(1.0, 0.0, 1.0, 0.0)
    optimizers = [torch.optim.SGD(net.parameters(), lr=1.0) for net in (G, D)]
    one = torch.ones(2, 1, dtype=torch.float64)
    for name, arguments in (("x", (one * math.nan, one, one)), ("z_next", (one, one, one[:0]))):
        with pytest.raises(ValueError, match=f"^{name} "):
            gan.alternating_step(G, D, optimizers, *arguments)
    with pytest.raises(ValueError, match=r"^kind = "):
        gan.alternating_step(G, D, optimizers, one, one, one, kind="hinge")
    assert [p.item() for net in (G, D) for p in net.parameters()] == [1, 0, 1, 0]
