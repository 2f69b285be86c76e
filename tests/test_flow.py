"""Flow matching: beside diffusers, on data whose flow is known, and what a wrong call gets."""

import math

import diffusers
import numpy as np
import pytest
import torch
from reference import close, f64, network, noise

from t2v_helpers.diffusion import convert, ddim_sample
from t2v_helpers.flow import flow_loss, flow_sample, flow_times, straight_path
from t2v_helpers.schedules import NoiseSchedule


@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
@pytest.mark.parametrize("steps", [1, 4, 12])
@pytest.mark.parametrize("spacing", ["even", "their own"])
def test_flow_sample_equals_diffusers_step_by_step(spacing, steps, shift):
    x = x_1 = noise(5, 3)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(steps, sigmas=np.linspace(1, 1 / steps, steps) if spacing == "even" else None)
    if spacing == "their own":
        walk = flow_sample(network, x_1, scheduler.sigmas[:-1].tolist())
    else:
        walk = flow_sample(network, x_1, steps, shift)
    for time, sigma, (t, x_t, x0_hat) in zip(scheduler.timesteps, scheduler.sigmas, walk, strict=False):
        assert t == pytest.approx(sigma.item(), rel=1e-6)  # theirs are rounded to float32
        torch.testing.assert_close(x_t, x, rtol=1e-5, atol=1e-5)
        velocity = network(x, torch.full((5,), sigma.item()))
        torch.testing.assert_close(x0_hat, x - sigma.item() * velocity, rtol=1e-5, atol=1e-5)
        x = scheduler.step(velocity, time, x).prev_sample
    t, x0, again = next(walk)
    assert t == 0 and x0 is again and next(walk, None) is None
    torch.testing.assert_close(x0, x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("schedule", [NoiseSchedule.linear(60), NoiseSchedule.flow(60, 3.0)])
def test_ddim_is_euler_on_the_straight_path(schedule):
    """Eq. 10.15: the same steps, if the flow model asks the diffusion model at the place and time that it knows."""
    steps = [60, 41, 12, 5]
    scale = (schedule.alpha_bars.sqrt() + (1 - schedule.alpha_bars).sqrt())[torch.tensor(steps) - 1]
    calls = iter(zip(steps, scale, strict=True))

    def velocity(y, s):
        t, factor = next(calls)
        assert s[0].item() == pytest.approx(schedule.flow_times[t - 1].item())
        v = network(factor * y, torch.full((len(y),), t))
        return convert(factor * y, t, schedule, v=v).velocity

    x_T = noise(5, 3)
    diffusion = ddim_sample(network, x_T, schedule, steps=steps, predicts="v")
    flow = flow_sample(velocity, x_T / scale[0], schedule.flow_times[torch.tensor(steps) - 1].tolist())
    for factor, (_, x_t, x0_hat), (_, y, x0_there) in zip([*scale, f64(1.0)], diffusion, flow, strict=True):
        close(x_t, factor * y, 1e-11)
        close(x0_hat, x0_there, 1e-11)


@pytest.mark.parametrize("solver, order", [("euler", 1), ("heun", 2)])
def test_order_of_the_solvers(solver, order):
    """Data N(0, 1/4): a point keeps its number of standard deviations, so the end is half the start."""

    def velocity(x, t):
        t = t[:, None]
        return (t - (1 - t) / 4) / ((1 - t) ** 2 / 4 + t**2) * x

    ends = [list(flow_sample(velocity, f64([[1.0]]), n, solver=solver))[-1][1].item() for n in (200, 400)]
    errors = [abs(end - 0.5) for end in ends]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.05)


def test_path_and_loss_by_hand():
    x0, eps, t = noise(4, 3, 2), noise(4, 3, 2, seed=1), f64([0.0, 0.25, 0.5, 1.0])
    x_t = straight_path(x0, t, eps)
    close(x_t, torch.stack([torch.lerp(a, b, w) for a, b, w in zip(x0, eps, t, strict=True)]))  # Eq. 10.1
    close(straight_path(x0, 0.25, eps)[1], x_t[1])
    seen = []

    def model(x, time):
        seen.append((x, time))
        return 0.5 * x

    expected = np.mean((0.5 * x_t - (eps - x0)).numpy() ** 2)
    assert flow_loss(model, x0, t, eps).item() == pytest.approx(expected)  # Eq. 10.10
    close(seen[0][0], x_t)
    assert torch.equal(seen[0][1], t)
    assert straight_path(x0.float(), t, eps.float()).dtype == torch.float32


def test_times():
    assert flow_times(5) == [1.0, 0.8, 0.6, 0.4, 0.2]
    assert flow_times(4, shift=3.0) == [1.0, 0.9, 0.75, 0.5] and flow_times([0.7, 0.2]) == [0.7, 0.2]


def test_the_walk_needs_no_gradients_and_asks_heun_twice():
    calls = []

    def model(x, t):
        calls.append(t[0].item())
        assert not torch.is_grad_enabled()
        return -x

    list(flow_sample(model, noise(2, 2).requires_grad_(), 2, solver="heun"))
    assert calls == [1.0, 0.5, 0.5, 0.0]


X = noise(4, 3)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: straight_path(X, 1.5, X), "t = 1.5 ... 1.5, expected flow times from 0 to 1"),
        (lambda: straight_path(X, f64([0.1, 0.2]), X), r"t has shape \(2,\), expected a number or shape \(4,\)"),
        (lambda: straight_path(X, -0.1, X), "t = -0.1"),
        (lambda: straight_path(X, math.nan, X), "t = nan"),
        (lambda: straight_path(X, 0.5, X[:2]), r"eps has shape \(2, 3\)"),
        (lambda: flow_loss(lambda x, t: x[:, :2], X, 0.5, X), r"model returned .*\[4, 2\].*expected .*\[4, 3\]"),
        (lambda: next(flow_sample(lambda x, t: x / 0, X, 3)), "model returned NaN or infinite values at t = 1.0"),
        (lambda: flow_sample(network, X, 3, solver="rk4"), "solver = 'rk4', expected one of euler, heun"),
        (lambda: flow_sample(network, X.numpy(), 3), "x_1 is float64, expected a tensor of floats"),
        (lambda: flow_sample(network, X, 0), "T = 0, expected a whole number"),
        (lambda: flow_sample(network, X, 4, shift=0.0), "shift = 0.0"),
        *[
            (lambda steps=steps: flow_sample(network, X, steps), "steps = .*, expected a number of steps, or times")
            for steps in ([], None, "4", [0.5, 0.5], [1.2, 0.5], [0.5, 0.0], [0.2, 0.5], [math.nan])
        ],
    ],
)
def test_what_is_refused(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
