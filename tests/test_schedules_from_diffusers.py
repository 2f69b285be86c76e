"""A schedule of each scheduler of diffusers, held to the noise that the scheduler itself makes."""

import math
from types import SimpleNamespace

import diffusers
import pytest
import torch

from t2v_helpers.schedules import NoiseSchedule

# what numpy says of torch's tensors in diffusers' calls of it
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


def measured_snr(scheduler, timesteps):
    """The SNR that a scheduler really makes: what its own noising leaves of data 1 and takes in of noise 1."""
    one, zero = torch.ones(len(timesteps), 1), torch.zeros(len(timesteps), 1)
    if hasattr(scheduler, "scale_noise"):
        signal, noise = scheduler.scale_noise(one, timesteps, zero), scheduler.scale_noise(zero, timesteps, one)
    else:
        signal, noise = scheduler.add_noise(one, zero, timesteps), scheduler.add_noise(zero, one, timesteps)
    return (signal / noise).flatten().double() ** 2


def assert_snr(schedule, expected):
    torch.testing.assert_close(schedule.snr, expected, rtol=3e-4, atol=1e-6)


BY_BETA = (
    "CogVideoXDDIM CogVideoXDPM DDIM DDIMParallel DDPM DDPMParallel EulerAncestralDiscrete EulerDiscrete HeunDiscrete "
    "KDPM2AncestralDiscrete KDPM2Discrete LCM LMSDiscrete PNDM TCD UnCLIP"
).split()
SOLVERS = ["DEISMultistep", "DPMSolverMultistep", "DPMSolverSinglestep", "UniPCMultistep", "SASolver"]
BY_SIGMA = (
    "CMStochasticIterative EDMDPMSolverMultistep EDMEuler FlowMapEulerDiscrete FlowMatchEulerDiscrete FlowMatchLCM"
).split()


@pytest.mark.parametrize("name", BY_BETA)
def test_from_scheduler_with_betas(name):
    scheduler = getattr(diffusers, f"{name}Scheduler")(num_train_timesteps=20)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    assert_snr(schedule, measured_snr(scheduler, torch.arange(20)))
    assert schedule.name.startswith(name)


@pytest.mark.parametrize("name", SOLVERS)
def test_from_scheduler_with_steps_set_is_still_the_training_table(name):
    scheduler = getattr(diffusers, f"{name}Scheduler")(num_train_timesteps=100)
    fresh = NoiseSchedule.from_scheduler(scheduler)
    scheduler.set_timesteps(10)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    assert len(schedule) == 100 and torch.equal(schedule.betas, fresh.betas)
    steps = scheduler.timesteps.long()
    torch.testing.assert_close(schedule.snr[steps], measured_snr(scheduler, steps), rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", ["DDPM", "DDIM"])
@pytest.mark.parametrize("family", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_from_scheduler_keeps_the_betas_to_the_last_digit(name, family):
    scheduler = getattr(diffusers, f"{name}Scheduler")(beta_schedule=family)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    assert torch.equal(schedule.betas, scheduler.betas.double())
    torch.testing.assert_close(schedule.alpha_bars, scheduler.alphas_cumprod.double(), rtol=1e-4, atol=0)
    assert family in schedule.name


@pytest.mark.parametrize("name", ["DDPM", "DDIM", "EulerDiscrete", "UniPCMultistep"])
def test_from_scheduler_with_zero_terminal_snr(name):
    scheduler = getattr(diffusers, f"{name}Scheduler")(rescale_betas_zero_snr=True)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    torch.testing.assert_close(schedule.alpha_bars, scheduler.alphas_cumprod.double(), rtol=1e-3, atol=1e-7)
    assert schedule.alpha_bars[-1] == 0  # where the solvers hold 2^-24


@pytest.mark.parametrize("name", BY_SIGMA)
@pytest.mark.parametrize("steps", [None, 8])
def test_from_scheduler_with_sigmas_only(name, steps):
    scheduler = getattr(diffusers, f"{name}Scheduler")(num_train_timesteps=20)
    if steps:
        scheduler.set_timesteps(steps)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    timesteps = scheduler.timesteps
    if name == "CMStochasticIterative":
        expected = 1 / scheduler.sigmas[scheduler.sigmas > 0].double().unique() ** 2
    else:
        expected = measured_snr(scheduler, timesteps).flip(0)
    assert_snr(schedule, expected)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching_in_closed_form(shift):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=10, shift=shift)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    for t in range(1, 11):  # Eq. 4.5: x_t = (1 - sigma) x0 + sigma eps
        sigma = shift * t / 10 / (1 + (shift - 1) * t / 10)
        assert schedule.snr[t - 1].item() == pytest.approx(((1 - sigma) / sigma) ** 2, rel=1e-5, abs=1e-12)
    assert schedule.betas[-1] == 1


@pytest.mark.parametrize("name", ["DPMSolverMultistep", "UniPCMultistep", "DEISMultistep"])
def test_solvers_for_flow_models(name):
    make = getattr(diffusers, f"{name}Scheduler")
    scheduler = make(num_train_timesteps=50, use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction")
    trained = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=50, shift=3.0)
    assert_snr(NoiseSchedule.from_scheduler(scheduler), NoiseSchedule.from_scheduler(trained).snr)
    scheduler.set_timesteps(10)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    sigmas = scheduler.sigmas[scheduler.sigmas > 0].double().unique()  # DEIS holds its last one twice
    assert len(schedule) == 10
    assert_snr(schedule, ((1 - sigmas) / sigmas) ** 2)


def test_edm_with_small_sigmas_is_not_taken_for_flow_matching():
    schedule = NoiseSchedule.from_scheduler(diffusers.EDMEulerScheduler(sigma_max=0.9, num_train_timesteps=10))
    assert schedule.snr[-1].item() == pytest.approx(1 / 0.81, rel=1e-5)


def test_heun_for_flow_models_and_score_sde():
    heun = diffusers.FlowMatchHeunDiscreteScheduler(num_train_timesteps=100)
    heun.set_timesteps(5)  # holds each sigma twice
    schedule = NoiseSchedule.from_scheduler(heun)
    assert len(schedule) == 5
    assert schedule.snr[-1] == 0 and (schedule.snr.diff() < 0).all()
    sde = diffusers.ScoreSdeVeScheduler(num_train_timesteps=30)
    assert_snr(NoiseSchedule.from_scheduler(sde), 1 / sde.sigmas.double().flip(0) ** 2)


def test_ipndm_holds_amplitudes_under_the_name_of_betas():
    scheduler = diffusers.IPNDMScheduler(num_train_timesteps=12)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    signal, noise = scheduler.alphas[:-1].double().flip(0), scheduler.betas[:-1].double().flip(0)
    assert_snr(schedule, (signal / noise) ** 2)


def test_from_scheduler_names_what_a_legend_should_say():
    betas = [0.1, 0.2, 0.3]
    own = NoiseSchedule.from_scheduler(diffusers.DDIMScheduler(trained_betas=betas, num_train_timesteps=3))
    assert own.name == "DDIM (own betas)" and own.betas.tolist() == pytest.approx(betas)
    flow = diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction")
    assert NoiseSchedule.from_scheduler(flow).name == "UniPCMultistep"
    assert NoiseSchedule.from_scheduler(diffusers.DDPMScheduler()).name == "DDPM (linear)"


def test_from_scheduler_by_duck_typing():
    table = torch.tensor([0.9, 0.5, 0.1])
    schedule = NoiseSchedule.from_scheduler(SimpleNamespace(alphas_cumprod=table))
    torch.testing.assert_close(schedule.alpha_bars, table.double())
    assert schedule.name == "SimpleNamespace"


@pytest.mark.parametrize(
    "scheduler, says",
    [
        (diffusers.schedulers.SCMScheduler(), "SCMScheduler holds no alphas_cumprod and no sigmas"),
        (diffusers.DDPMWuerstchenScheduler(), "DDPMWuerstchenScheduler holds"),
        ("linear", "str holds"),
        (SimpleNamespace(betas=torch.tensor([0.1]), alphas=torch.tensor([0.9])), "amplitudes"),
        (SimpleNamespace(alphas_cumprod=torch.tensor([0.5, 0.9])), "step t = 2"),
        (SimpleNamespace(sigmas=torch.tensor([0.5, math.nan])), "SimpleNamespace.sigmas must be finite"),
        (SimpleNamespace(sigmas=torch.zeros(3)), "no sigma above 0"),
    ],
)
def test_from_scheduler_where_there_is_no_snr(scheduler, says):
    with pytest.raises(ValueError, match=says) as error:
        NoiseSchedule.from_scheduler(scheduler)
    assert "\n" not in str(error.value)
