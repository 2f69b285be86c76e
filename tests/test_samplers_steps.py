"""Which steps a sampler makes, and what a wrong call of it gets."""

import math

import diffusers
import pytest
import torch
from reference import generator, network, noise, theirs

from t2v_helpers.diffusion import ddim_sample, ddim_step, ddpm_sample, ddpm_step, times
from t2v_helpers.schedules import NoiseSchedule

SCHEDULE = NoiseSchedule.linear(60)
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


@pytest.mark.parametrize(
    "steps, T, expected", [(None, 3, [3, 2, 1]), (1, 9, [9]), (3, 10, [10, 7, 3]), ([9, 4], 9, [9, 4])]
)
def test_times(steps, T, expected):
    assert times(steps, T) == expected


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
    "steps, says",
    [
        (0, "steps = 0, expected a number from 1 to T = 60"),
        (-1, "steps = -1"),
        (61, "steps = 61"),
        (2.0, "steps = 2.0, expected a whole number"),
        ("ten", "steps = 'ten', expected a whole number"),
        (True, "steps = True"),
        ([], "falling list"),
        ([1, 2], "falling list"),
        ([3, 3], "falling list"),
        ([61, 2], "falling list of steps within 60 ... 1"),
        ([3, 0], "falling list"),
        ([3.0, 1.0], "expected a whole number or a list of them"),
    ],
)
@pytest.mark.parametrize("sample", [ddpm_sample, ddim_sample])
def test_bad_steps(sample, steps, says):
    with pytest.raises(ValueError, match=says):  # when called, not when first asked for a step
        sample(network, noise(3, 2), SCHEDULE, generator(), steps)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"x_T": noise(3, 2) * math.nan}, "x_T has NaN"),
        ({"x_T": torch.ones(3, 2).long()}, "x_T is torch.int64, expected a tensor of floats"),
        ({"x_T": noise(0, 2)}, "x_T is empty"),
        ({"schedule": diffusers.DDPMScheduler()}, "DDPMScheduler, expected a NoiseSchedule"),
        ({"generator": 0}, "generator is a int, expected a torch.Generator"),
        ({"generator": None}, "generator is a NoneType, expected a torch.Generator"),
        ({"predicts": "noise"}, "predicts = 'noise', expected one of"),
        ({"eta": 1.5}, "eta = 1.5, expected a number from 0 to 1"),
        ({"eta": -0.1}, "eta = -0.1"),
        ({"eta": math.nan}, "eta = nan"),
    ],
)
def test_a_wrong_call_gets_one_clear_line(change, says):
    arguments = {"model": network, "x_T": noise(3, 2), "schedule": SCHEDULE, "generator": generator(), "eta": 1.0}
    with pytest.raises(ValueError, match=says) as error:
        ddim_sample(**arguments | change)
    assert "\n" not in str(error.value)
    if "eta" not in change:
        del arguments["eta"]
        with pytest.raises(ValueError, match=says):
            ddpm_sample(**arguments | change)


def test_a_wrong_step():
    x, z = noise(3, 2), noise(3, 1)
    with pytest.raises(ValueError, match=r"noise has shape \(3, 1\), x_t has \(3, 2\)"):
        ddpm_step(x, x, 2, 1, SCHEDULE, z)
    with pytest.raises(ValueError, match=r"noise has shape \(3, 1\), x_t has \(3, 2\)"):
        ddim_step(x, x, 2, 1, SCHEDULE, z, 0.5)
    with pytest.raises(ValueError, match="x_t is float64, expected a tensor of floats"):
        ddim_step(x.numpy(), x, 2, 1, SCHEDULE)
    with pytest.raises(ValueError, match="noise is NoneType"):
        ddim_step(x, x, 2, 1, SCHEDULE, eta=0.5)
    with pytest.raises(ValueError, match=r"eta = 2\.0"):
        ddim_step(x, x, 2, 1, SCHEDULE, x, 2.0)
    for step in (ddpm_step, ddim_step):
        with pytest.raises(ValueError, match="expected an earlier step"):
            step(x, x, 2, 2, SCHEDULE, x)


@pytest.mark.parametrize(
    "model, says",
    [(lambda x, t: x[:1], "the model returned"), (lambda x, t: x / 0, "NaN or infinite values at t = 60")],
)
def test_a_bad_model(model, says):
    with pytest.raises(ValueError, match=says):
        next(ddim_sample(model, noise(3, 2), SCHEDULE))
