"""Tables that follow from betas, the named families, zero terminal SNR, and a schedule of each diffusers scheduler."""

import copy
import inspect
import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import diffusers
import numpy as np
import pytest
import torch
from diffusers.schedulers import scheduling_ddim
from hypothesis import given
from hypothesis import strategies as st

from t2v_helpers.schedules import NoiseSchedule

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


# --- the tables


@given(st.lists(st.floats(1e-6, 0.999), min_size=1, max_size=40))
def test_tables_follow_from_betas(betas):
    schedule = NoiseSchedule(betas)
    signal, noise = Fraction(1), Fraction(0)  # variances in x_t of data of variance 1 and of all noise, step by step
    for i, beta in enumerate(map(Fraction, betas)):
        signal, noise = (1 - beta) * signal, (1 - beta) * noise + beta
        assert schedule.betas[i].item() == betas[i]
        assert schedule.alphas[i].item() == pytest.approx(float(1 - beta), rel=1e-12)
        assert schedule.alpha_bars[i].item() == pytest.approx(float(signal), rel=1e-12)  # Eq. 2.3
        assert schedule.snr[i].item() == pytest.approx(float(signal / noise), rel=1e-8)  # Eq. 2.4
    assert len(schedule) == len(betas)


def test_tables_are_float64_and_a_copy():
    mine = torch.tensor([0.1, 0.2], dtype=torch.float64)
    for betas in (mine, mine.numpy(), [0.1, 0.2]):  # the list is not rounded to float32 on the way
        schedule = NoiseSchedule(betas)
        betas[0] = 0.5
        assert schedule.betas.tolist() == [0.1, 0.2]
        betas[0] = 0.1
    for table in (schedule.betas, schedule.alphas, schedule.alpha_bars, schedule.snr):
        assert table.dtype == torch.float64 and table.shape == (2,)


@pytest.mark.parametrize(
    "betas, says",
    [
        ([], "T = 0"),
        ([0.1, 0.0], "beta = 0 at step t = 2"),
        ([-0.1, 0.5], "beta = -0.1 at step t = 1"),
        ([0.1, 0.2, 1.5], "beta = 1.5 at step t = 3"),
        ([0.1, 1.0, 0.5], "beta = 1 at step t = 2"),
        ([0.1, math.nan], "nan"),
        ([1, 1], "int64"),
        (torch.rand(3, 1), "(3, 1)"),
        (0.5, "()"),
        (None, "NoneType"),
        ([[0.1], [0.1, 0.2]], "list"),
    ],
)
def test_bad_betas(betas, says):
    with pytest.raises(ValueError) as error:
        NoiseSchedule(betas)
    assert says in str(error.value) and "\n" not in str(error.value)


# --- the families

FAMILIES = {
    "linear": ({"beta_start": 1e-4, "beta_end": 0.02}, NoiseSchedule.linear),  # Eq. 4.1
    "scaled_linear": ({"beta_start": 0.00085, "beta_end": 0.012}, NoiseSchedule.scaled_linear),  # Eq. 4.2
    "squaredcos_cap_v2": ({}, NoiseSchedule.cosine),  # Eq. 4.3
    "sigmoid": ({"beta_start": 1e-4, "beta_end": 0.02}, NoiseSchedule.sigmoid),  # Eq. 4.4
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("T", [1, 30, 1000])
def test_families_equal_those_of_diffusers(family, T):
    ends, make = FAMILIES[family]
    theirs = diffusers.DDPMScheduler(num_train_timesteps=T, beta_schedule=family, **ends)
    ours = make(T, ends["beta_start"], ends["beta_end"]) if ends else make(T)
    torch.testing.assert_close(ours.betas, theirs.betas.double(), rtol=2e-4 if family == "sigmoid" else 1e-5, atol=1e-9)
    if T == 1000:
        assert make().betas.tolist() == pytest.approx(ours.betas.tolist(), rel=1e-12)  # the defaults are the papers'


@pytest.mark.parametrize(
    "make, lowest, left", [("linear", 20, 5e-5), ("scaled_linear", 12, 5e-3), ("sigmoid", 20, 5e-5)]
)
def test_default_ends_leave_little_for_any_T(make, lowest, left):
    make = getattr(NoiseSchedule, make)
    assert NoiseSchedule.linear(100, 1e-4, 0.02).alpha_bars[-1].sqrt() > 0.59  # what the paper's ends leave
    for T in (lowest, 50, 100, 1000, 4000):
        assert make(T).alpha_bars[-1] < left
    with pytest.raises(ValueError, match=f"T = {lowest - 1} would end at beta = .*expected T >= {lowest}"):
        make(lowest - 1)
    assert len(make(5, end=0.9)) == 5


def test_the_largest_ends_and_the_precision_of_every_family():
    assert NoiseSchedule.linear(2, start=0.5, end=1).alpha_bars[-1] == 0  # an end of 1 is allowed
    with pytest.raises(ValueError, match="beta = 0 at step t = 1"):  # a start of 0 is an end, but not a beta
        NoiseSchedule.linear(2, start=0, end=0.5)
    for make in (NoiseSchedule.linear, NoiseSchedule.scaled_linear, NoiseSchedule.sigmoid):
        ends = make(1001, start=0.1, end=0.3).betas[500].item()  # the middle, where float32 would show
        assert ends == pytest.approx(
            0.2 if make.__name__ != "scaled_linear" else (0.1**0.5 / 2 + 0.3**0.5 / 2) ** 2, 1e-14
        )
    assert NoiseSchedule([0.1, 0.5]).zero_terminal_snr().alpha_bars[-1] == 0  # two steps are enough


def test_bad_ends_and_number_of_steps():
    for family, bad in itertools.product(("linear", "scaled_linear", "sigmoid"), (-0.1, 1.5, math.nan, "1")):
        for end in ("start", "end"):
            with pytest.raises(ValueError, match=rf"{family}: {end} = .*, expected a beta from 0 to 1$"):
                getattr(NoiseSchedule, family)(20, **{end: bad})
    for family in ("linear", "scaled_linear", "cosine", "sigmoid"):
        with pytest.raises(ValueError, match=r"T = 10\.0, expected a whole number, at least 1"):
            getattr(NoiseSchedule, family)(10.0)
    assert len(NoiseSchedule.linear(np.int64(30))) == 30


# --- zero terminal SNR


@pytest.mark.parametrize("schedule", [NoiseSchedule.linear(), NoiseSchedule.scaled_linear(), NoiseSchedule.cosine(40)])
def test_zero_terminal_snr(schedule):
    zero = schedule.zero_terminal_snr()
    theirs = scheduling_ddim.rescale_zero_terminal_snr(schedule.betas.clone())
    torch.testing.assert_close(zero.betas, theirs, rtol=1e-9, atol=1e-12)
    assert zero.betas[-1] == 1 and zero.alpha_bars[-1] == 0 and zero.snr[-1] == 0
    # Eq. 2.6: sqrt(alpha_bar) goes through one straight line, which keeps the first value and sends the last to 0
    root, moved = schedule.alpha_bars.sqrt().numpy(), zero.alpha_bars.sqrt().numpy()
    np.testing.assert_allclose(moved, np.interp(root, [root[-1], root[0]], [0, root[0]]), atol=1e-12)
    torch.testing.assert_close(zero.zero_terminal_snr().betas, zero.betas)
    assert zero.name == f"{schedule.name}, zero terminal SNR"
    with pytest.raises(ValueError, match="T = 1"):
        NoiseSchedule([0.5]).zero_terminal_snr()


# --- from a scheduler of diffusers, held to the noise that it makes itself


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
        expected = 1 / scheduler.sigmas[: len(timesteps)].double().unique() ** 2  # behind them: what the end leaves
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
        for made in (schedule, NoiseSchedule.flow(10, shift)):  # Eq. 10.17, Eq. 10.14
            assert made.flow_times[t - 1].item() == pytest.approx(sigma, rel=1e-6)
    assert schedule.betas[-1] == 1
    torch.testing.assert_close(NoiseSchedule.flow(10, shift).alpha_bars, schedule.alpha_bars, rtol=1e-5, atol=1e-12)


def test_flow_times_of_a_diffusion_schedule_and_names():
    for alpha_bar, time in zip((0.9, 0.5, 0.2), NoiseSchedule.from_alpha_bars([0.9, 0.5, 0.2]).flow_times, strict=True):
        assert 1 / time.item() == pytest.approx(1 + math.sqrt(alpha_bar / (1 - alpha_bar)))  # Eq. 10.14
    assert [NoiseSchedule.flow(5).name, NoiseSchedule.flow(5, 3).name] == ["flow", "flow, shift 3"]
    for shift in (0, -1.0, math.inf, "3"):
        with pytest.raises(ValueError, match=f"shift = {shift!r}, expected a finite number above 0"):
            NoiseSchedule.flow(10, shift)


@pytest.mark.parametrize("name", ["DPMSolverMultistep", "UniPCMultistep", "DEISMultistep"])
def test_solvers_for_flow_models(name):
    make = getattr(diffusers, f"{name}Scheduler")
    scheduler = make(num_train_timesteps=50, use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction")
    with pytest.raises(ValueError, match=r"its sigmas \(use_flow_sigmas\) only after set_timesteps"):
        NoiseSchedule.from_scheduler(scheduler)
    scheduler.set_timesteps(10)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    sigmas = scheduler.sigmas[scheduler.sigmas > 0].double().unique()  # DEIS holds its last one twice
    assert len(schedule) == 10
    assert_snr(schedule, ((1 - sigmas) / sigmas) ** 2)


def test_schedulers_with_their_own_ways():
    edm = NoiseSchedule.from_scheduler(diffusers.EDMEulerScheduler(sigma_max=0.9, num_train_timesteps=10))
    assert edm.snr[-1].item() == pytest.approx(1 / 0.81, rel=1e-5)  # small sigmas, and yet not flow matching
    heun = diffusers.FlowMatchHeunDiscreteScheduler(num_train_timesteps=100)
    heun.set_timesteps(5)  # holds each sigma twice
    schedule = NoiseSchedule.from_scheduler(heun)
    assert len(schedule) == 5 and schedule.snr[-1] == 0 and (schedule.snr.diff() < 0).all()
    ipndm = diffusers.IPNDMScheduler(num_train_timesteps=12)  # holds amplitudes under the name of betas
    signal, noise = ipndm.alphas[:-1].double().flip(0), ipndm.betas[:-1].double().flip(0)
    assert_snr(NoiseSchedule.from_scheduler(ipndm), (signal / noise) ** 2)


def test_from_scheduler_names_what_a_legend_should_say():
    own = NoiseSchedule.from_scheduler(diffusers.DDIMScheduler(trained_betas=[0.1, 0.2], num_train_timesteps=2))
    assert own.name == "DDIM (own betas)" and own.betas.tolist() == pytest.approx([0.1, 0.2])
    flow = diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction")
    flow.set_timesteps(4)
    assert NoiseSchedule.from_scheduler(flow).name == "UniPCMultistep"
    duck = NoiseSchedule.from_scheduler(SimpleNamespace(alphas_cumprod=torch.tensor([0.9, 0.5, 0.1])))
    assert duck.name == "SimpleNamespace" and duck.alpha_bars.tolist() == pytest.approx([0.9, 0.5, 0.1])


@pytest.mark.parametrize(
    "scheduler, says",
    [
        (diffusers.schedulers.SCMScheduler(), "SCMScheduler holds no alphas_cumprod and no sigmas"),
        ("linear", "str holds"),
        (diffusers.DDIMScheduler, r"^got the class DDIMScheduler, expected one of its schedulers: DDIMScheduler\(\)$"),
        (SimpleNamespace(betas=torch.tensor([0.1]), alphas=torch.tensor([0.9])), "amplitudes"),
        (SimpleNamespace(alphas_cumprod=torch.tensor([0.5, 0.9])), "step t = 2"),
        (SimpleNamespace(sigmas=torch.tensor([0.5, math.nan])), "SimpleNamespace.sigmas must be finite"),
    ],
)
def test_from_scheduler_where_there_is_no_snr(scheduler, says):
    with pytest.raises(ValueError, match=says) as error:
        NoiseSchedule.from_scheduler(scheduler)
    assert "\n" not in str(error.value)


# --- the whole family with its options: what is read is what the scheduler's own noising and steps make

OPTIONS = {  # one at a time ...
    "beta_schedule": ["scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace", "exp"],
    "trained_betas": [torch.linspace(0.01, 0.3, 50).tolist()],
    "prediction_type": ["v_prediction", "sample"],
    "timestep_spacing": ["leading", "trailing", "linspace"],
    "algorithm_type": ["dpmsolver"],
    "sigma_schedule": ["exponential"],
    "timestep_type": ["continuous"],
    "interpolation_type": ["log_linear"],
    "final_sigmas_type": ["sigma_min"],
    "lambda_min_clipped": [-3.0],
    "snr_shift_scale": [1.0],
    "shift": [3.0],
    "shift_terminal": [0.1],
    "steps_offset": [1],
    "solver_order": [1, 3],
    "rho": [5.0],
    "sigma_min": [0.05],
    "sigma_max": [60.0],
    "set_alpha_to_one": [False, True],
}
SWITCHES = (
    "use_karras_sigmas use_exponential_sigmas use_beta_sigmas use_lu_lambdas rescale_betas_zero_snr use_flow_sigmas "
    "use_dynamic_shifting skip_prk_steps euler_at_final invert_sigmas"
).split()
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
TOGETHER = [  # ... and several that act on one another
    {"use_karras_sigmas": True, "sigma_min": 0.05, "sigma_max": 60.0},
    {"use_karras_sigmas": True, "timestep_type": "continuous", "prediction_type": "v_prediction", "sigma_max": 700.0},
    FLOW | {"flow_shift": 3.0},
    FLOW | {"use_dynamic_shifting": True},
    FLOW | {"use_karras_sigmas": True},
    FLOW | {"shift_terminal": 0.1},
    {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
    {"use_dynamic_shifting": True, "shift_terminal": 0.1},
]
FAMILY = [name for name in dir(diffusers) if name.endswith("Scheduler")]
FAMILY = [name for name in FAMILY if type(getattr(diffusers, name)).__name__ != "DummyObject"]
# These know no signal and noise of a number (tokens, proteins), or run in stages of different resolution.
NEVER = (
    "Amused BlockRefinement DiscreteDDIM EntropyBound VQDiffusion RFD4Proteina SCM KarrasVe DDPMWuerstchen Helios "
    "HeliosDMD"
).split()
THEIR_STEPS_ADD_NOISE = "DDPM Ancestral LCM TCD CogVideoXDPM UnCLIP RePaint Sde CMStochastic Inverse RF".split()


def variants(name):
    """Each scheduler of a class that can be made, fresh and with five steps set."""
    make = getattr(diffusers, name)
    taken = inspect.signature(make.__init__).parameters
    single = [{option: value} for option, values in OPTIONS.items() for value in values]
    single += [{option: True} for option in SWITCHES]
    for options in [{}, *single, *TOGETHER]:
        if not options.keys() <= taken.keys():
            continue
        for steps in (None, 5):
            try:
                scheduler = make(**({"num_train_timesteps": 50} if "num_train_timesteps" in taken else {}), **options)
                if steps:
                    scheduler.set_timesteps(steps, **({"mu": 0.8} if options.get("use_dynamic_shifting") else {}))
            except (ValueError, NotImplementedError, TypeError, KeyError, AssertionError):
                continue  # diffusers knows no such variant
            yield options, steps, scheduler


def noised(scheduler, t):
    """Data and noise in x_t, by the scheduler's own noising."""
    one, zero = torch.ones(1), torch.zeros(1)
    t = t[None].long() if t == t.round() else t[None]
    if hasattr(scheduler, "scale_noise"):
        scheduler = copy.deepcopy(scheduler)  # some keep count
        return torch.cat([scheduler.scale_noise(one, t, zero), scheduler.scale_noise(zero, t, one)])
    return torch.cat([scheduler.add_noise(one, zero, t), scheduler.add_noise(zero, one, t)])


def stepped(scheduler):
    """Data and noise in x at each timestep, where a network that knows both is asked at each step."""
    x0, eps, kind = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), type(scheduler).__name__
    x = noised(scheduler, scheduler.timesteps[0])[None]
    for t in scheduler.timesteps:
        yield t, x[0]
        signal, noise = x[0] / x.norm()
        said = {"epsilon": eps, "sample": x0, "v_prediction": signal * eps - noise * x0, "flow_prediction": eps - x0}
        said = said[scheduler.config.get("prediction_type", "flow_prediction")]
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(x, t)
        if kind.startswith("EDM"):
            sigma, data = noise / signal, scheduler.config.sigma_data
            said = (x0 - data**2 / (sigma**2 + data**2) * x) * (sigma**2 + data**2).sqrt() / (sigma * data)
            said = -said if scheduler.config.prediction_type == "v_prediction" else said
        x = scheduler.step(-said if kind == "MiniMaxH3Scheduler" else said, t, x).prev_sample


def misses(schedule, scheduler, t, x):
    """Whether signal and noise in x are not what the schedule holds for timestep t, give or take one step."""
    alpha_bar = (x[0] ** 2 / x.square().sum()).item()
    if len(schedule) != 50 or not hasattr(scheduler, "alphas_cumprod") or scheduler.config.get("use_flow_sigmas"):
        return (schedule.alpha_bars - alpha_bar).abs().min() > 1e-3  # it holds the steps of inference
    low, high = math.floor(t), math.ceil(t)
    if scheduler.config.get("timestep_type") == "continuous":
        low, high = 0, 49
    table = torch.cat([torch.ones(1), schedule.alpha_bars, schedule.alpha_bars[-1:]])
    return not table[high + 2 if high < 49 else 50] - 1e-4 <= alpha_bar <= table[low] + 1e-4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAMILY)
def test_what_is_read_is_what_the_scheduler_makes(name):
    kind, read = name.removesuffix("Scheduler"), 0
    for options, steps, scheduler in variants(name):
        try:
            schedule = NoiseSchedule.from_scheduler(scheduler)
        except ValueError as error:
            assert str(error).startswith(kind) and "\n" not in str(error)
            continue
        read += 1
        where = f"{name}({options}), {steps} steps"
        timesteps = scheduler.timesteps if scheduler.timesteps is not None else torch.arange(50)
        if steps or kind not in SOLVERS:  # fresh, these pair rising sigmas with falling timesteps in add_noise
            # between two timesteps KDPM2's steps interpolate, and its add_noise does not
            for t in timesteps[:: 2 if hasattr(scheduler, "sigmas_interpol") else 1]:
                try:
                    x = noised(scheduler, t)
                except (AttributeError, NotImplementedError, TypeError, IndexError):
                    break  # no noising, or one of another kind
                assert not misses(schedule, scheduler, t, x), f"{where}: add_noise at t = {t}"
        spacing = options.get("timestep_spacing")
        if steps and not any(word in kind for word in THEIR_STEPS_ADD_NOISE) and spacing != "linspace":
            try:
                for t, x in stepped(scheduler):
                    assert not misses(schedule, scheduler, t, x), f"{where}: step before t = {t}"
            except (NotImplementedError, ValueError, AttributeError, IndexError) as error:
                assert "assert" not in str(error)  # diffusers does not run this variant
    assert bool(read) == (kind not in NEVER), f"{read} variants of {name} were read"


def test_sigmas_of_ones_own():
    own = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "sigma_min": 0.002}
    own |= {"timestep_type": "continuous", "prediction_type": "v_prediction", "sigma_max": 700.0}
    scheduler = diffusers.EulerDiscreteScheduler(use_karras_sigmas=True, **own)
    with pytest.raises(ValueError, match=r"^EulerDiscreteScheduler has its sigmas \(sigma_min\) only after set_times"):
        NoiseSchedule.from_scheduler(scheduler)
    scheduler.set_timesteps(25)
    schedule = NoiseSchedule.from_scheduler(scheduler)
    assert len(schedule) == 25 and schedule.name == "EulerDiscrete"
    assert schedule.snr[-1].item() == pytest.approx(1 / 700**2, rel=1e-4)  # 2.04e-6
    assert schedule.snr[0].item() == pytest.approx(1 / 0.002**2, rel=1e-3)
    scheduler = diffusers.FlowMatchHeunDiscreteScheduler()
    NoiseSchedule.from_scheduler(scheduler)
    assert scheduler.step_index is None, "asking the scheduler leaves it as it was"


def test_a_schedule_from_the_shares_of_signal_that_it_leaves():
    schedule = NoiseSchedule.from_alpha_bars(np.array([0.9, 0.72, 0.0]), name="short")
    assert schedule.name == "short"
    torch.testing.assert_close(schedule.betas, torch.tensor([0.1, 0.2, 1.0]).double(), rtol=1e-7, atol=1e-9)
    for wrong, says in (([0.5, 0.6], "beta = -0.2 at step t = 2"), ([], "alpha_bars are empty")):
        with pytest.raises(ValueError, match=says):
            NoiseSchedule.from_alpha_bars(wrong)
