"""Tables that follow from betas, the named families, zero terminal SNR."""

import itertools
import math
from fractions import Fraction

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
    betas = torch.tensor([0.1, 0.2])
    schedule = NoiseSchedule(betas)
    betas[0] = 0.5
    assert schedule.betas.tolist() == pytest.approx([0.1, 0.2])
    for table in (schedule.betas, schedule.alphas, schedule.alpha_bars, schedule.snr):
        assert table.dtype == torch.float64 and table.shape == (2,)
    mine = torch.tensor([0.1, 0.2], dtype=torch.float64)
    schedule = NoiseSchedule(mine)
    mine[0] = 0.5
    assert schedule.betas[0] == 0.1
    assert NoiseSchedule([0.1]).betas.item() == 0.1  # not 0.1 rounded to float32
    assert NoiseSchedule(np.array([0.1])).betas.item() == 0.1


def test_repr_is_short():
    assert repr(NoiseSchedule([0.1, 0.5], "mine")) == "NoiseSchedule('mine', T=2, beta=0.1..0.5, alpha_bar_T=0.45)"
    assert "custom" in repr(NoiseSchedule([0.1]))


@pytest.mark.parametrize(
    "betas, says",
    [
        ([], "T = 0"),
        (torch.zeros(0), "T = 0"),
        ([0.1, 0.0], "beta = 0 at step t = 2"),
        ([-0.1, 0.5], "beta = -0.1 at step t = 1"),
        ([0.1, 0.2, 1.5], "beta = 1.5 at step t = 3"),
        ([0.1, 1.0, 0.5], "beta = 1 at step t = 2"),
        ([0.1, math.nan], "nan"),
        ([0.1, math.inf], "inf"),
        (torch.tensor([1]), "int64"),
        ([1, 1], "int64"),
        ([True], "bool"),
        (torch.rand(3, 1), "(3, 1)"),
        (0.5, "()"),
        ("linear", "str"),
        (None, "NoneType"),
        ([[0.1], [0.1, 0.2]], "list"),
    ],
)
def test_bad_betas(betas, says):
    with pytest.raises(ValueError) as error:
        NoiseSchedule(betas)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_beta_1_at_the_last_step():
    schedule = NoiseSchedule([0.5, 1.0])
    assert schedule.alpha_bars.tolist() == [0.5, 0.0] and schedule.snr.tolist() == [1.0, 0.0]


def test_more_noise_at_every_step():
    for a, b in itertools.pairwise((1e-3, 1e-2, 1e-1)):
        assert (NoiseSchedule([a] * 5).alpha_bars > NoiseSchedule([b] * 5).alpha_bars).all()


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


def test_families_in_closed_form():
    T = 7
    ends = {"start": 0.01, "end": 0.25}
    for t in range(1, T + 1):
        u = (t - 1) / (T - 1)
        assert NoiseSchedule.linear(T, **ends).betas[t - 1].item() == pytest.approx(0.01 + 0.24 * u)
        assert NoiseSchedule.scaled_linear(T, **ends).betas[t - 1].item() == pytest.approx((0.1 + 0.4 * u) ** 2)
        climb = 1 / (1 + math.exp(6 - 12 * u))
        assert NoiseSchedule.sigmoid(T, **ends).betas[t - 1].item() == pytest.approx(0.01 + 0.24 * climb)
        angle = (t / T + 0.008) / 1.008 * math.pi / 2
        if t < T:  # the last is cut off
            expected = math.cos(angle) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
            assert NoiseSchedule.cosine(T).alpha_bars[t - 1].item() == pytest.approx(expected)
    assert NoiseSchedule.cosine(T).betas[-1].item() == 0.999
    assert NoiseSchedule.cosine(T, max_beta=0.5).betas.max() == 0.5


@pytest.mark.parametrize(
    "make, lowest, left", [("linear", 20, 5e-5), ("scaled_linear", 12, 5e-3), ("sigmoid", 20, 5e-5)]
)
def test_default_ends_leave_little_for_any_T(make, lowest, left):
    make = getattr(NoiseSchedule, make)
    for T in (lowest, 50, 100, 1000, 4000):
        assert make(T).alpha_bars[-1] < left
    with pytest.raises(ValueError, match=f"T = {lowest - 1} would end at beta = .*expected T >= {lowest}"):
        make(lowest - 1)
    assert len(make(5, end=0.9)) == 5


def test_the_papers_ends_do_not_do_for_a_small_T():
    assert NoiseSchedule.linear(100, 1e-4, 0.02).alpha_bars[-1].sqrt().item() == pytest.approx(0.6, abs=0.01)
    assert NoiseSchedule.linear(1000, 1e-4, 0.02).alpha_bars[-1].sqrt() < 0.01


def test_bad_ends_and_number_of_steps():
    for ends in ((0.0, 0.5), (0.1, 1.5), (0.1, math.nan), (-0.1, 0.5)):
        with pytest.raises(ValueError, match=r"beta"):
            NoiseSchedule.linear(10, *ends)
    for family, bad in itertools.product(("linear", "scaled_linear", "sigmoid"), (-0.1, 1.5, math.nan, "1")):
        for ends in ((bad, 0.5), (0.1, bad)):
            with pytest.raises(ValueError, match=rf"{family}: (start|end) = .*, expected a beta from 0 to 1$"):
                getattr(NoiseSchedule, family)(10, *ends)
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
    # Eq. 2.5: sqrt(alpha_bar) goes through one straight line, which keeps the first value and sends the last to 0
    root, moved = schedule.alpha_bars.sqrt().numpy(), zero.alpha_bars.sqrt().numpy()
    np.testing.assert_allclose(moved, np.interp(root, [root[-1], root[0]], [0, root[0]]), atol=1e-12)
    torch.testing.assert_close(zero.zero_terminal_snr().betas, zero.betas)
    assert zero.name == f"{schedule.name}, zero terminal SNR"


def test_zero_terminal_snr_needs_two_steps():
    with pytest.raises(ValueError, match="T = 1"):
        NoiseSchedule([0.5]).zero_terminal_snr()
