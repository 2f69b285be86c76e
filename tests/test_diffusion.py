"""The forward chain, conversions, the posterior, exact denoisers, the loss, guidance: by hand, by quadrature, beside
diffusers."""

import math

import diffusers
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import STEEP, ZERO, close, f64, noise, theirs
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from t2v_helpers.diffusion import (
    Prediction,
    convert,
    exact_denoiser,
    forward_step,
    guide,
    posterior,
    printed_step,
    q_sample,
    simple_loss,
)
from t2v_helpers.schedules import NoiseSchedule

# --- forward


def test_forward_step_by_hand():
    x = forward_step(f64([[10.0]]), 2, STEEP, f64([[3.0]]))
    close(x, f64([[0.8 * 10 + 0.6 * 3]]))  # Eq. 2.1, beta_2 = 0.36


def test_forward_steps_add_up_to_the_closed_form():
    """The chain is linear: send in x0 alone, then the noise of each step alone, and see what arrives at step T."""
    one, nothing = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    for T in range(1, 6):
        arrives = []
        for source in range(T + 1):  # 0: x0; k: the noise of step k
            x = one if source == 0 else nothing
            for t in range(1, T + 1):
                x = forward_step(x, t, STEEP, one if t == source else nothing)
            arrives.append(x.item())
        assert arrives[0] == pytest.approx(q_sample(one, T, STEEP, nothing).item())  # Eq. 2.2
        assert math.hypot(*arrives[1:]) == pytest.approx(q_sample(nothing, T, STEEP, one).item())


def test_q_sample_equals_diffusers():
    x0, eps, t = noise(5, 3, 2), noise(5, 3, 2, seed=1), torch.tensor([1, 2, 3, 4, 5])
    close(q_sample(x0, t, STEEP, eps), theirs(STEEP).add_noise(x0, eps, t - 1))
    for i in range(1, 6):
        close(q_sample(x0, i, STEEP, eps), q_sample(x0, torch.full((5,), i), STEEP, eps))
        close(q_sample(x0, i, STEEP, eps)[i - 1], q_sample(x0, t, STEEP, eps)[i - 1])
    assert torch.equal(q_sample(x0, 5, ZERO, eps), eps)


@pytest.mark.parametrize("step", [forward_step, q_sample, printed_step])
def test_float32_stays_float32_and_loses_no_more_than_that(step):
    schedule = NoiseSchedule.linear(100_000)  # 1 - beta_1 is 1 - 1e-6: in float32 a tenth of the noise would go missing
    x = step(torch.zeros(1, 1), 1, schedule, torch.ones(1, 1))
    assert x.dtype == torch.float32
    assert abs(x.item()) == pytest.approx(1e-3, rel=1e-6)


@given(st.integers(1, 5), st.floats(-3, 3), st.floats(-3, 3))
def test_printed_step_is_the_forward_step_with_the_sign_turned(t, x, eta):
    x, eta = f64([[x]]), f64([[eta]])
    close(printed_step(x, t, STEEP, eta), forward_step(x, t, STEEP, -eta))  # Eq. 3.1


# --- conversions


@given(st.integers(0, 4), st.integers(1, 5), st.floats(-3, 3), st.floats(-3, 3))
def test_convert_from_each_name_to_all(name, t, x0, eps):
    signal, sigma = math.sqrt(STEEP.alpha_bars[t - 1]), math.sqrt(1 - STEEP.alpha_bars[t - 1])
    values = x0, eps, signal * eps - sigma * x0, -eps / sigma, eps - x0
    truth = Prediction(*(f64([[value]]) for value in values))
    x_t = f64([[signal * x0 + sigma * eps]])
    field = Prediction._fields[name]
    for found, expected in zip(convert(x_t, t, STEEP, **{field: truth[name]}), truth, strict=True):
        close(found, expected, 1e-10)  # Eq. 3.5, 3.6, 10.5; test_samplers.py compares x0 with diffusers'


def test_convert_where_nothing_of_the_data_is_left():
    x_t, v = noise(2, 3), noise(2, 3, seed=1)
    found = convert(x_t, 5, ZERO, v=v)
    close(found.x0, -v)
    close(found.eps, x_t)
    close(convert(x_t, 5, ZERO, x0=v).eps, x_t)
    found = convert(x_t, 5, ZERO, velocity=v)
    close(found.x0, x_t - v)
    close(found.eps, x_t)
    for name in ("eps", "score"):
        assert convert(x_t, 4, ZERO, **{name: v}).x0.isfinite().all()
        with pytest.raises(ValueError, match=f"alpha_bar = 0 at t = 5: {name} says nothing of x0"):
            convert(x_t, 5, ZERO, **{name: v})


@pytest.mark.parametrize("given, said", [((), "nothing"), (("x0", "v"), "x0, v"), (("noise",), "noise")])
def test_convert_needs_one_of_the_five(given, said):
    with pytest.raises(ValueError, match=f"convert got {said}, expected one of x0, eps, v, score, velocity"):
        convert(noise(2, 3), 1, STEEP, **dict.fromkeys(given, noise(2, 3)))


# --- the posterior


@pytest.mark.parametrize("t, s", [(2, None), (5, None), (4, 3), (4, 1), (5, 2)])
def test_posterior_by_quadrature(t, s):
    """Bayes on a grid: q(x_s | x_t, x0) is proportional to q(x_t | x_s) q(x_s | x0)."""
    x0, x_t = 0.7, -1.1
    earlier = t - 1 if s is None else s
    kept = math.prod(1 - b for b in STEEP.betas[earlier:t].tolist())  # of the variance, from s to t
    there = math.prod(1 - b for b in STEEP.betas[:earlier].tolist())  # from 0 to s
    x_s = np.linspace(-12, 12, 200_001)
    log_p = -((x_t - kept**0.5 * x_s) ** 2) / (2 * (1 - kept)) - (x_s - there**0.5 * x0) ** 2 / (2 * (1 - there))
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean, variance = posterior(f64([[x_t]]), f64([[x0]]), t, STEEP, s)
    assert mean.item() == pytest.approx((p * x_s).sum(), rel=1e-9)  # Eq. 3.2
    assert variance.item() == pytest.approx((p * x_s**2).sum() - (p * x_s).sum() ** 2, rel=1e-9)  # Eq. 3.3


def test_posterior_of_step_0_is_x0_itself():
    x_t, x0 = noise(2, 3), noise(2, 3, seed=1)
    for t, s in ((1, None), (4, 0)):
        mean, variance = posterior(x_t, x0, t, STEEP, s)
        close(mean, x0)
        assert variance.item() == 0


def test_posterior_with_a_step_for_each():
    x_t, x0, t = noise(3, 2, 2), noise(3, 2, 2, seed=1), torch.tensor([1, 5, 3])
    mean, variance = posterior(x_t, x0, t, STEEP)
    assert mean.shape == (3, 2, 2) and variance.shape == (3, 1, 1)
    for i in range(3):
        alone = posterior(x_t[i : i + 1], x0[i : i + 1], t[i].item(), STEEP)
        close(mean[i : i + 1], alone[0])
        close(variance[i].squeeze(), alone[1])
    scheduler = theirs(STEEP, diffusers.DDPMScheduler)
    close(variance[1].squeeze(), scheduler._get_variance(4))
    assert posterior(x_t.float(), x0.float(), t, STEEP)[1].dtype == torch.float32


# --- the exact denoiser


@pytest.mark.parametrize("t", range(1, 6))
def test_denoiser_of_a_mixture_by_quadrature(t):
    mus, std, weights = [-2.0, 0.5, 1.0], 0.3, [1.0, 3.0, 2.0]
    x0 = np.linspace(-8, 8, 400_001)
    p0 = sum(w * np.exp(-((x0 - m) ** 2) / (2 * std**2)) for m, w in zip(mus, weights, strict=True))
    ab = math.prod(1 - b for b in STEEP.betas[:t].tolist())
    points = torch.tensor(mus, dtype=torch.float64)[:, None]
    denoise = exact_denoiser(points, STEEP, std, weights=torch.tensor(weights))
    for x_t in (-3.0, -0.4, 0.0, 1.3):
        p = p0 * np.exp(-((x_t - ab**0.5 * x0) ** 2) / (2 * (1 - ab)))
        expected = (p * x0).sum() / p.sum()
        assert denoise(f64([[x_t]]), t).item() == pytest.approx(expected, rel=1e-7)  # Eq. 3.4


@pytest.mark.parametrize("std", [0.0, 0.4])
def test_denoiser_agrees_with_the_score_by_autograd(std):
    points, weights, x_t = noise(3, 2), f64([0.2, 0.5, 0.3]), noise(6, 2, seed=1)
    denoise = exact_denoiser(points.reshape(3, 2, 1), STEEP, std, weights)
    for t in range(1, 6):
        ab = STEEP.alpha_bars[t - 1]
        spread = (ab * std**2 + 1 - ab).sqrt().expand(3, 2)
        density = MixtureSameFamily(Categorical(weights), Independent(Normal(ab.sqrt() * points, spread), 1))
        x = x_t.clone().requires_grad_()
        (score,) = torch.autograd.grad(density.log_prob(x).sum(), x)
        x0_hat = denoise(x_t.reshape(6, 2, 1), torch.full((6,), t)).reshape(6, 2)
        close(convert(x_t, t, STEEP, x0=x0_hat).score, score, 1e-9)  # Eq. 3.7


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
    data, schedule = noise(50, 64, dtype=torch.float32), NoiseSchedule.linear()
    for t in (1, 200):
        x_t = q_sample(data[:8], t, schedule, noise(8, 64, seed=1, dtype=torch.float32))
        double = exact_denoiser(data.double(), schedule)(x_t.double(), t)
        close(exact_denoiser(data, schedule)(x_t, t).double(), double, 1e-6)


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
        "velocity": eps - x0,
    }[predicts]
    expected = np.mean((0.5 * x_t - target).numpy() ** 2)
    assert simple_loss(model, x0, t, STEEP, eps, predicts).item() == pytest.approx(expected)  # Eq. 3.8
    close(seen[0][0], x_t)
    assert torch.equal(seen[0][1], index + 1)


def test_simple_loss_is_of_eps_and_trains():
    weight, eps = torch.zeros((), requires_grad=True, dtype=torch.float64), noise(4, 3, seed=1)
    simple_loss(lambda x_t, t: weight * x_t, noise(4, 3), 5, ZERO, eps).backward()
    assert weight.grad.item() == pytest.approx(-2 * (eps**2).mean().item())  # x_t is eps there


@given(st.floats(-2, 20), st.floats(-3, 3), st.floats(-3, 3))
def test_guide(w, cond, uncond):
    found = guide(f64([cond]), f64([uncond]), w).item()  # Eq. 6.7: (1 + w') c - w' u in the paper, w' = w - 1
    assert found == pytest.approx(w * cond - (w - 1) * uncond, abs=1e-9)


# --- what a wrong call gets

ONE = noise(4, 3)


@pytest.mark.parametrize(
    "call, says",
    [
        (
            lambda: simple_loss(lambda x, t: x[:, :2], ONE, 2, STEEP, ONE),
            r"model returned .*\[4, 2\].*expected .*\[4, 3\]",
        ),
        (lambda: simple_loss(lambda x, t: None, ONE, 2, STEEP, ONE), "the model returned NoneType"),
        (lambda: simple_loss(lambda x, t: x / 0, ONE, 2, STEEP, ONE), "model returned NaN or infinite values at t = 2"),
        (
            lambda: simple_loss(lambda x, t: x, ONE, 2, STEEP, ONE, "noise"),
            "predicts = 'noise', expected one of x0, eps",
        ),
        (lambda: guide(ONE, ONE[:1], 2.0), r"cond has shape \(4, 3\), uncond has \(1, 3\)"),
        (lambda: guide(ONE, ONE, math.nan), "w = nan"),
        (lambda: exact_denoiser(ONE[:, :2], STEEP)(ONE, 1), r"x_t has shape \(4, 3\), .* for points \(4, 2\)"),
        (lambda: exact_denoiser(ONE, STEEP, std=-0.1), "std = -0.1"),
        (lambda: exact_denoiser(ONE, STEEP, std=math.nan), "std = nan"),
        (lambda: exact_denoiser(ONE, STEEP, weights=[1.0]), r"weights of shape \(1,\), expected 4 floats"),
        (lambda: exact_denoiser(ONE, STEEP, weights=[1.0, -1.0, 1.0, 1.0]), "weights"),
        (lambda: exact_denoiser(ONE, STEEP, weights=[0.0] * 4), "not all 0"),
        (lambda: exact_denoiser(ONE, STEEP, weights=[1.0, math.nan, 1.0, 1.0]), "weights"),
        (lambda: posterior(ONE, ONE, 2, STEEP, 2), "expected an earlier step"),
        (lambda: posterior(ONE, ONE, torch.tensor([3, 1, 5, 5]), STEEP, torch.tensor([2, 1, 1, 1])), "earlier step"),
    ],
)
def test_what_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


CALLS = {
    "forward_step": lambda x, y, t, schedule: forward_step(x, t, schedule, y),
    "q_sample": lambda x, y, t, schedule: q_sample(x, t, schedule, y),
    "printed_step": lambda x, y, t, schedule: printed_step(x, t, schedule, y),
    "convert": lambda x, y, t, schedule: convert(x, t, schedule, eps=y),
    "posterior": lambda x, y, t, schedule: posterior(x, y, t, schedule),
    "simple_loss": lambda x, y, t, schedule: simple_loss(lambda x_t, t: x_t, x, t, schedule, y),
    "exact_denoiser": lambda x, y, t, schedule: exact_denoiser(y, schedule)(x, t),
}
WRONG = {
    "t = 0": (ONE, ONE, 0, STEEP, "t = 0, expected a step from 1 to 5"),
    "t > T": (ONE, ONE, 6, STEEP, "t = 6, expected a step from 1 to 5"),
    "t < 0": (ONE, ONE, torch.tensor([1, 2, -1, 3]), STEEP, "t = -1, expected a step from 1 to 5"),
    "float t": (ONE, ONE, 1.0, STEEP, "t is 1.0, expected an int"),
    "float tensor": (ONE, ONE, torch.ones(4), STEEP, "t is torch.float32, expected an int"),
    "bool t": (ONE, ONE, True, STEEP, "t is True, expected an int"),
    "text t": (ONE, ONE, "1", STEEP, "t is '1', expected an int"),
    "too few t": (ONE, ONE, torch.tensor([1, 2]), STEEP, r"t has shape \(2,\).*shape \(4,\)"),
    "t of 2 axes": (ONE, ONE, torch.ones(4, 1).long(), STEEP, r"t has shape \(4, 1\)"),
    "shapes": (ONE[:, :2], ONE, 1, STEEP, r"shape \(4, [23]\)"),
    "NaN": (ONE * math.nan, ONE, 1, STEEP, "NaN or infinite"),
    "an array": (ONE.numpy(), ONE, 1, STEEP, "is .*, expected a tensor of floats"),
    "a scheduler": (ONE, ONE, 1, diffusers.DDPMScheduler(), "DDPMScheduler, expected a NoiseSchedule"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call_gets_one_clear_line(call, what):
    x, y, t, schedule, says = WRONG[what]
    with pytest.raises(ValueError, match=says) as error:
        CALLS[call](x, y, t, schedule)
    assert "\n" not in str(error.value)
