"""Denoisers: the exact one by quadrature and autograd, the loss that trains one, and guidance."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import STEEP, ZERO, close, f64, noise, theirs
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from t2v_helpers.diffusion import Prediction, convert, exact_denoiser, guide, q_sample, simple_loss
from t2v_helpers.schedules import NoiseSchedule

# --- the exact denoiser


@pytest.mark.parametrize("t", range(1, 6))
def test_denoiser_of_a_mixture_by_quadrature(t):
    mus, stds, weights = [-2.0, 0.5, 1.0], [0.3, 0.8, 0.05], [1.0, 3.0, 2.0]
    x0 = np.linspace(-8, 8, 400_001)
    p0 = sum(w / s * np.exp(-((x0 - m) ** 2) / (2 * s**2)) for m, s, w in zip(mus, stds, weights, strict=True))
    ab = math.prod(1 - b for b in STEEP.betas[:t].tolist())
    points = torch.tensor(mus, dtype=torch.float64)[:, None]
    denoise = exact_denoiser(points, STEEP, std=stds, weights=torch.tensor(weights))
    for x_t in (-3.0, -0.4, 0.0, 1.3):
        p = p0 * np.exp(-((x_t - ab**0.5 * x0) ** 2) / (2 * (1 - ab)))
        expected = (p * x0).sum() / p.sum()
        assert denoise(f64([[x_t]]), t).item() == pytest.approx(expected, rel=1e-7)  # Eq. 3.4


def test_denoiser_of_a_finite_data_set_one_by_one():
    data, x_t, t = noise(7, 2, 3), noise(4, 2, 3, seed=1), torch.tensor([1, 2, 4, 5])
    found = exact_denoiser(data, STEEP)(x_t, t)
    for i in range(4):
        ab = math.prod(1 - b for b in STEEP.betas[: t[i]].tolist())
        likely = [math.exp(-sum((x_t[i] - ab**0.5 * x).flatten() ** 2) / (2 * (1 - ab))) for x in data]
        close(found[i], sum(w * x for w, x in zip(likely, data, strict=True)) / sum(likely), 1e-9)


@pytest.mark.parametrize("std", [0.0, 0.4, [0.1, 0.5, 0.9]])
def test_denoiser_agrees_with_the_score_by_autograd(std):
    points, weights, x_t = noise(3, 2), f64([0.2, 0.5, 0.3]), noise(6, 2, seed=1)
    denoise = exact_denoiser(points, STEEP, std, weights)
    for t in range(1, 6):
        ab = STEEP.alpha_bars[t - 1]
        spread = (ab * f64(std) ** 2 + 1 - ab).sqrt().expand(3)[:, None].expand(3, 2)
        density = MixtureSameFamily(Categorical(weights), Independent(Normal(ab.sqrt() * points, spread), 1))
        x = x_t.clone().requires_grad_()
        (score,) = torch.autograd.grad(density.log_prob(x).sum(), x)
        close(convert(x_t, t, STEEP, x0=denoise(x_t, t)).score, score, 1e-9)  # Eq. 3.7


def test_denoiser_at_both_ends():
    data = f64([[-1.0, 0.0], [1.0, 0.5], [0.0, 3.0]])
    weights = torch.tensor([1.0, 2.0, 5.0])
    close(exact_denoiser(data, ZERO, weights=weights)(noise(4, 2), 5), (weights.double() @ data / 8).expand(4, 2))
    gentle = NoiseSchedule([1e-6])
    close(exact_denoiser(data, gentle)(data + 1e-3, 1), data)
    assert exact_denoiser(data.float(), STEEP)(noise(4, 2, dtype=torch.float32), 3).dtype == torch.float32
    without = exact_denoiser(data, STEEP, weights=[1.0, 0.0, 1.0])(noise(4, 2), 3)
    close(without, exact_denoiser(data[::2], STEEP)(noise(4, 2), 3))


def test_denoiser_is_exact_for_float32_data_too():
    data, x_t = noise(50, 64, dtype=torch.float32), noise(8, 64, seed=1, dtype=torch.float32)
    schedule = NoiseSchedule.linear()
    for t in (1, 200):
        single = exact_denoiser(data, schedule)(q_sample(data[:8], t, schedule, x_t), t)
        double = exact_denoiser(data.double(), schedule)(q_sample(data[:8], t, schedule, x_t).double(), t)
        close(single.double(), double, 1e-6)


@pytest.mark.parametrize(
    "kwargs, says",
    [
        ({"std": -0.1}, "std = -0.1"),
        ({"std": math.nan}, "std = nan"),
        ({"std": [0.1, 0.2]}, "3 of them"),
        ({"weights": [1.0, 1.0]}, r"weights of shape \(2,\), expected 3 floats"),
        ({"weights": [1.0, -1.0, 1.0]}, "weights"),
        ({"weights": [0.0, 0.0, 0.0]}, "not all 0"),
        ({"weights": [1.0, math.nan, 1.0]}, "weights"),
    ],
)
def test_denoiser_of_a_bad_distribution(kwargs, says):
    with pytest.raises(ValueError, match=says):
        exact_denoiser(noise(3, 2), STEEP, **kwargs)


def test_denoiser_of_other_shapes():
    with pytest.raises(ValueError, match=r"x_t has shape \(4, 3\), expected \(b, ...\) for points \(3, 2\)"):
        exact_denoiser(noise(3, 2), STEEP)(noise(4, 3), 1)


# --- the loss and guidance


@pytest.mark.parametrize("t", [2, torch.tensor([1, 5, 3, 2])])
@pytest.mark.parametrize("predicts", Prediction._fields)
def test_simple_loss(predicts, t):
    x0, eps, seen = noise(4, 3), noise(4, 3, seed=1), []

    def model(x_t, t):
        seen.append((x_t, t))
        return 0.5 * x_t

    index = torch.as_tensor(t).expand(4) - 1
    scheduler = theirs(STEEP)
    x_t = scheduler.add_noise(x0, eps, index)
    target = {
        "x0": x0,
        "eps": eps,
        "v": scheduler.get_velocity(x0, eps, index),
        "score": -(x_t - STEEP.alpha_bars[index].sqrt()[:, None] * x0) / (1 - STEEP.alpha_bars[index])[:, None],
    }[predicts]
    expected = np.mean((0.5 * x_t - target).numpy() ** 2)
    assert simple_loss(model, x0, t, STEEP, eps, predicts).item() == pytest.approx(expected)  # Eq. 3.8
    close(seen[0][0], x_t)
    assert torch.equal(seen[0][1], index + 1)


def test_simple_loss_is_of_eps_and_trains():
    weight = torch.zeros((), requires_grad=True, dtype=torch.float64)
    x0, eps = noise(4, 3), noise(4, 3, seed=1)
    loss = simple_loss(lambda x_t, t: weight * x_t, x0, 5, ZERO, eps)
    loss.backward()
    assert loss.item() == pytest.approx((eps**2).mean().item())
    assert weight.grad.item() == pytest.approx(-2 * (eps**2).mean().item())  # x_t is eps there


@pytest.mark.parametrize(
    "model, says",
    [
        (lambda x, t: x[:, :2], r"the model returned .*\[4, 2\].*expected .*\[4, 3\]"),
        (lambda x, t: None, "the model returned NoneType"),
        (lambda x, t: x * math.nan, "the model returned NaN or infinite values at t = 2"),
    ],
)
def test_a_bad_model(model, says):
    with pytest.raises(ValueError, match=says):
        simple_loss(model, noise(4, 3), 2, STEEP, noise(4, 3))


def test_simple_loss_of_an_unknown_target():
    with pytest.raises(ValueError, match="predicts = 'noise', expected one of x0, eps, v, score"):
        simple_loss(lambda x, t: x, noise(4, 3), 2, STEEP, noise(4, 3), "noise")


@given(st.floats(-2, 20), st.floats(-3, 3), st.floats(-3, 3))
def test_guide(w, cond, uncond):
    found = guide(f64([cond]), f64([uncond]), w)
    assert found.item() == pytest.approx(
        w * cond - (w - 1) * uncond, abs=1e-9
    )  # Eq. 6.7; (1 + w') c - w' u, w' = w - 1


def test_guide_with_bad_input():
    with pytest.raises(ValueError, match=r"cond has shape \(2, 3\), uncond has \(1, 3\)"):
        guide(noise(2, 3), noise(1, 3), 2.0)
    with pytest.raises(ValueError, match="w = nan"):
        guide(noise(2, 3), noise(2, 3), math.nan)
