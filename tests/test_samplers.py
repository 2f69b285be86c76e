"""The samplers: step by step beside diffusers, in distribution, on data that are known, and which steps they make."""

import functools
import math

import diffusers
import pytest
import torch
from reference import generator, network, noise, theirs

from t2v_helpers.diffusion import ddim_sample, ddim_step, ddpm_sample, ddpm_step, exact_denoiser, posterior, times
from t2v_helpers.schedules import NoiseSchedule

SCHEDULE = NoiseSchedule.linear(60)
ZERO = SCHEDULE.zero_terminal_snr()
THEIRS = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


def assert_equals_diffusers(walk, scheduler, x_T, **step):
    x_t = x_T
    for index, (t, ours, x0_hat) in zip(scheduler.timesteps, walk, strict=False):
        assert t == index + 1
        torch.testing.assert_close(ours, x_t, rtol=1e-10, atol=1e-10)
        made = scheduler.step(network(x_t, torch.full((len(x_t),), t)), index, x_t, **step)
        torch.testing.assert_close(x0_hat, made.pred_original_sample, rtol=1e-10, atol=1e-10)
        x_t = made.prev_sample
    t, x0, again = next(walk)
    assert t == 0 and x0 is again and next(walk, None) is None
    torch.testing.assert_close(x0, x_t, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("predicts", THEIRS)
@pytest.mark.parametrize("steps", [60, 12, 1])
def test_ddpm_equals_diffusers_step_by_step(predicts, steps):
    x_T = noise(5, 3)
    walk = ddpm_sample(network, x_T, SCHEDULE, generator(), steps, predicts)
    scheduler = theirs(SCHEDULE, diffusers.DDPMScheduler, steps, THEIRS[predicts])
    assert_equals_diffusers(walk, scheduler, x_T, generator=generator())


@pytest.mark.parametrize("predicts", THEIRS)
@pytest.mark.parametrize("steps", [60, 12, 1])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_equals_diffusers_step_by_step(predicts, steps, eta):
    x_T = noise(5, 3)
    walk = ddim_sample(network, x_T, SCHEDULE, generator(), steps, predicts, eta)
    scheduler = theirs(SCHEDULE, diffusers.DDIMScheduler, steps, THEIRS[predicts])
    assert_equals_diffusers(walk, scheduler, x_T, eta=eta, generator=generator())


@pytest.mark.parametrize("t, s", [(60, 59), (2, 1), (1, 0), (40, 10)])
def test_what_a_step_adds(t, s):
    """What each step adds, by feeding it the noise alone: DDPM the posterior's variance (Eq. 3.9), DDIM eta^2 of it
    (Eq. 3.10); and what DDIM leaves in all, whatever eta is, is noise of variance 1 - alpha_bar_s (Eq. 3.11)."""
    ab_t = math.prod(SCHEDULE.alphas[:t].tolist())
    ab_s = math.prod(SCHEDULE.alphas[:s].tolist())
    none, one = torch.zeros(1, 1).double(), torch.ones(1, 1).double()
    _, variance = posterior(one, one, t, SCHEDULE, s)
    assert ddpm_step(none, none, t, s, SCHEDULE, one).item() == pytest.approx(variance.sqrt().item())
    for eta in (0.0, 0.3, 1.0):
        fresh = ddim_step(none, none, t, s, SCHEDULE, one, eta).item()
        assert fresh == pytest.approx(eta * variance.sqrt().item())
        x_t, x0 = math.sqrt(ab_t) * 0.7 * one + math.sqrt(1 - ab_t) * one, 0.7 * one  # eps is 1
        kept = (ddim_step(x_t, x0, t, s, SCHEDULE, none, eta) - math.sqrt(ab_s) * 0.7).item()
        assert math.hypot(fresh, kept) == pytest.approx(math.sqrt(1 - ab_s), abs=1e-12)
    x_t, x0, z = noise(4, 2), noise(4, 2, seed=1), noise(4, 2, seed=2)
    a, b = ddim_step(x_t, x0, t, s, SCHEDULE, z, 1.0), ddpm_step(x_t, x0, t, s, SCHEDULE, z)
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_walk_yields_what_it_says():
    calls = []

    def model(x_t, t):
        calls.append((x_t, t))
        return 0.5 * x_t

    x_T = noise(3, 2)
    seen = list(ddim_sample(model, x_T, SCHEDULE, steps=[50, 20, 3], predicts="x0"))
    assert [t for t, _, _ in seen] == [50, 20, 3, 0]
    assert torch.equal(seen[0][1], x_T)
    for (t, x_t, x0_hat), (called_x, called_t) in zip(seen, calls, strict=False):
        assert torch.equal(called_x, x_t) and torch.equal(x0_hat, 0.5 * x_t)  # at its own time, not the next
        assert torch.equal(called_t, torch.full((3,), t))
    assert len(calls) == 3


@pytest.mark.parametrize("sample", [ddpm_sample, ddim_sample])
def test_samples_of_an_exact_denoiser_are_the_data(sample):
    data = torch.tensor([[-2.0], [0.0], [1.0]]).double()
    schedule = NoiseSchedule.linear(100)
    denoise = exact_denoiser(data, schedule, weights=[1.0, 1.0, 2.0])
    *_, (_, x0, _) = sample(denoise, noise(2000, 1), schedule, generator(), predicts="x0")
    distance, nearest = (x0 - data.T).abs().min(1)
    assert distance.max() < 1e-6
    share = nearest.bincount(minlength=3) / 2000
    assert (share - torch.tensor([0.25, 0.25, 0.5])).abs().max() < 0.04  # 4 standard errors of 0.01


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_zero_terminal_snr(eta):
    for predicts in ("v", "x0"):
        for _, x_t, x0_hat in ddim_sample(network, noise(3, 2), ZERO, generator(), predicts=predicts, eta=eta):
            assert x_t.isfinite().all() and x0_hat.isfinite().all()
    with pytest.raises(ValueError, match="says nothing of x0"):
        next(ddim_sample(network, noise(3, 2), ZERO))


def test_sampling_seeds_nothing_and_keeps_no_graph():
    before = torch.random.get_rng_state()
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    for sample in (ddpm_sample, ddim_sample):
        ends = []
        for seed in (1, 1, 2):
            walk = sample(lambda x, t: weight * x, noise(2, 2), SCHEDULE, generator(seed), steps=4, predicts="x0")
            for _, x_t, x0_hat in walk:
                assert torch.is_grad_enabled() and not (x_t.requires_grad or x0_hat.requires_grad)
            ends.append(x_t)
        assert torch.equal(ends[0], ends[1])
        assert torch.equal(ends[0], ends[2]) == (sample is ddim_sample)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_first_step_in_float32_loses_nothing():
    one, zero, fine = torch.ones(1, 1), torch.zeros(1, 1), NoiseSchedule.linear(100_000)  # 1 - alpha_bar_1 is 1e-6
    expected = ddim_step(one.double(), zero.double(), 2, 1, fine).item()
    assert ddim_step(one, zero, 2, 1, fine).item() == pytest.approx(expected, rel=1e-6)


# --- which steps, and what a wrong call gets


def test_times():
    assert (times(None, 3), times(3, 10), times([9, 4], 9)) == ([3, 2, 1], [10, 7, 3], [9, 4])


@pytest.mark.parametrize("T", [7, 60, 1000])
def test_times_are_spread_evenly_and_begin_at_T(T):
    for n in range(1, min(T, 70) + 1):
        chosen = times(n, T)
        gaps = [a - b for a, b in zip(chosen, [*chosen[1:], 0], strict=True)]
        assert chosen[0] == T and len(chosen) == n and min(gaps) >= 1 and max(gaps) - min(gaps) <= 1
        if T % n == 0:
            scheduler = theirs(NoiseSchedule.cosine(T), diffusers.DDIMScheduler, n)
            assert chosen == [t + 1 for t in scheduler.timesteps.tolist()]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"x_T": noise(3, 2) * math.nan}, "x_T has NaN"),
        ({"generator": None}, "generator is a NoneType, expected a torch.Generator"),
        ({"predicts": "noise"}, "predicts = 'noise', expected one of"),
        ({"steps": 0}, "steps = 0, expected a number from 1 to T = 60"),
        ({"steps": 61}, "steps = 61"),
        ({"steps": 2.0}, "steps = 2.0, expected a whole number"),
        ({"steps": "ten"}, "steps = 'ten', expected a whole number"),
        ({"steps": True}, "steps = True"),
        ({"steps": []}, "falling list"),
        ({"steps": [3, 3]}, "falling list"),
        ({"steps": [61, 2]}, "falling list of steps within 60 ... 1"),
        ({"steps": [3, 0]}, "falling list"),
        ({"steps": [3.0, 1.0]}, "expected a whole number or a list of them"),
    ],
)
@pytest.mark.parametrize("sample", [ddpm_sample, functools.partial(ddim_sample, eta=1.0)])
def test_a_wrong_call_gets_one_clear_line(sample, change, says):
    arguments = {"model": network, "x_T": noise(3, 2), "schedule": SCHEDULE, "generator": generator()}
    with pytest.raises(ValueError, match=says):  # when called, not when first asked for a step
        sample(**arguments | change)


def test_a_wrong_step():
    x = noise(3, 2)
    for step in (ddpm_step, ddim_step):
        with pytest.raises(ValueError, match=r"noise has shape \(3, 1\), x_t has \(3, 2\)"):
            step(x, x, 2, 1, SCHEDULE, noise(3, 1))
        with pytest.raises(ValueError, match="expected an earlier step"):
            step(x, x, 2, 2, SCHEDULE, x)
    with pytest.raises(ValueError, match="noise is NoneType"):
        ddim_step(x, x, 2, 1, SCHEDULE, eta=0.5)
    with pytest.raises(ValueError, match=r"eta = 2\.0"):
        ddim_step(x, x, 2, 1, SCHEDULE, x, 2.0)
    with pytest.raises(ValueError, match=r"eta = 1\.5"):
        ddim_sample(network, x, SCHEDULE, generator(), eta=1.5)
