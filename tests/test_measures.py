import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_helpers.measures import (
    energy_distance,
    energy_floor,
    frechet_distance,
    jerk,
    mode_coverage,
    nearest_distance,
    precision_recall,
)


def normal(n, d=2, seed=0, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_energy_distance_is_scipys_squared(seed, n, m):
    from scipy.stats import energy_distance as scipys

    x, y = normal(n, 1, seed).double(), normal(m, 1, seed + 1, shift=0.5).double()
    assert energy_distance(x, y) == pytest.approx(scipys(x[:, 0], y[:, 0]) ** 2, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_energy_distance_properties(seed):
    x, y = normal(8, 3, seed).double(), normal(5, 3, seed + 1).double()
    d = energy_distance(x, y)
    assert d >= 0 and energy_distance(y, x) == pytest.approx(d)
    assert energy_distance(x, x) == pytest.approx(0, abs=1e-12)
    assert energy_distance(3 * x + 1, 3 * y + 1) == pytest.approx(3 * d)
    assert energy_distance(x.repeat(2, 1), y) == pytest.approx(d)


def test_energy_distance_sees_what_means_and_variances_do_not():
    two = torch.tensor([[-1.0], [1.0]]).repeat(500, 1)
    assert energy_distance(two, normal(1000, 1)) > 5 * energy_distance(normal(1000, 1, 1), normal(1000, 1, 2))


def test_the_floor_is_the_distance_of_two_samples_of_half_the_size():
    floor = energy_floor(normal(800), torch.Generator().manual_seed(0), times=20)
    fresh = [energy_distance(normal(400, seed=2 * i), normal(400, seed=2 * i + 1)) for i in range(20)]
    assert 0.5 < floor / np.mean(fresh) < 2
    one = energy_floor(normal(9), torch.Generator().manual_seed(3), times=1)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(3))
    assert one == pytest.approx(energy_distance(normal(9)[order[:5]], normal(9)[order[5:]]))


CENTERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_coverage_counts():
    x = torch.cat([CENTERS[:1].repeat(60, 1), CENTERS[1:2].repeat(30, 1), CENTERS[2:3].repeat(2, 1), normal(8) + 30])
    assert mode_coverage(x, CENTERS, 0.1) == pytest.approx((2, 0.92))  # a tenth of a fair share is 2.5
    assert mode_coverage(x, CENTERS, 0.1, least=0.05).modes == 3
    assert mode_coverage(x, CENTERS, 0.1, least=1.0).modes == 2
    assert mode_coverage(x + torch.tensor([0.05, 0.0]), CENTERS, 0.04) == (0, 0.0)


def test_coverage_of_the_data_themselves():
    x = CENTERS[torch.arange(20_000) % 4] + 0.1 * normal(20_000)
    modes, near = mode_coverage(x, CENTERS, 0.3)
    assert modes == 4 and near == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # within three widths, in the plane


def test_nearest_distance():
    x, reference = normal(20, 3), normal(30, 3, seed=1)
    slow = [min(math.dist(a, b) for b in reference.tolist()) for a in x.tolist()]
    np.testing.assert_allclose(nearest_distance(x, reference), slow, rtol=1e-5)
    assert (nearest_distance(reference[:5] * 100, reference * 100) == 0).all()  # copies are at 0, without rounding


def test_precision_and_recall_by_loops():
    real, fake, k = normal(15), normal(12, seed=1, shift=0.7), 3

    def ball(points):
        return [sorted(math.dist(a, b) for b in points.tolist())[k] for a in points.tolist()]  # [0] is itself

    def share(x, points):
        radii = ball(points)
        inside = [any(math.dist(a, p) <= r for p, r in zip(points.tolist(), radii, strict=True)) for a in x.tolist()]
        return np.mean(inside)

    assert precision_recall(real, fake, k) == pytest.approx((share(fake, real), share(real, fake)))


def test_precision_and_recall_tell_which_is_wrong():
    real = torch.cat([normal(200), normal(200, shift=20.0)])
    half, wide = (
        normal(200, seed=5),
        torch.cat([normal(200, seed=5), normal(200, seed=6, shift=20), normal(400, shift=99)]),
    )
    precision, recall = precision_recall(real, half)
    assert precision > 0.9 and 0.4 < recall < 0.5
    precision, recall = precision_recall(real, wide)
    assert 0.45 < precision < 0.5 and recall > 0.9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 12), st.integers(1, 6))
def test_frechet_distance_is_that_of_a_matrix_root(seed, n, m, d):
    """By the eigenvalues of a product that isn't symmetric, whose roots add up to the trace of its root."""
    x, y = normal(n, d, seed).double(), normal(m, d, seed + 1, shift=0.5).double() @ normal(d, d, seed + 2).double()
    s, r = (np.cov(a.numpy(), rowvar=False).reshape(d, d) for a in (x, y))
    roots = np.linalg.eigvals(s @ r).real.clip(0) ** 0.5
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum().item() + np.trace(s + r) - 2 * roots.sum()
    assert frechet_distance(x, y) == pytest.approx(expected, abs=1e-4 * (1 + np.trace(r)))
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), abs=1e-6 * (1 + np.trace(r)))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6 * (1 + np.trace(s).item()))


def test_frechet_distance_of_gaussians_in_closed_form():
    """Independent axes of deviation s and r, d apart: sum of d^2 + (s - r)^2, and more than that by a bias of 1 / n."""
    s, r, apart = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([2.0, 1.0, 0.5]), torch.tensor([0.0, 3.0, 0.0])
    for n, tolerance in ((500, 0.1), (200_000, 0.005)):
        distance = frechet_distance(normal(n, 3) * s, normal(n, 3, 1) * r + apart)
        assert distance == pytest.approx(9 + 1 + 1, rel=tolerance)
    few, many = ([frechet_distance(normal(n, 8, i), normal(n, 8, 999 + i)) for i in range(40)] for n in (20, 200))
    assert np.mean(few) == pytest.approx(10 * np.mean(many), rel=0.25)


def test_jerk():
    t = np.arange(16.0)
    assert jerk(np.stack([3 * t, 1 - t**2 / 7], 1)) == pytest.approx(0, abs=1e-12)
    assert jerk(np.stack([t**3, 0 * t], 1)) == pytest.approx(6)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(20_000, 2))
    assert jerk(noise) == pytest.approx(0.1 * math.sqrt(10 * math.pi), rel=0.02)
    hidden = np.stack([t**3, 0 * t], 1)
    hidden[5] = np.nan
    assert jerk(hidden) == pytest.approx(6)
    hidden[::3] = np.nan
    assert math.isnan(jerk(hidden))


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: energy_distance(torch.zeros(3, 2), torch.zeros(3, 1)), r"y has shape \(3, 1\), expected \(n, 2\)"),
        (lambda: energy_distance(torch.zeros(0, 2), torch.zeros(3, 2)), r"x has shape \(0, 2\), expected \(n, d\)"),
        (lambda: energy_distance(torch.zeros(3), torch.zeros(3)), r"x has shape \(3,\)"),
        (lambda: nearest_distance(torch.zeros(3, 2), np.zeros((3, 2))), "reference is float64, expected a tensor"),
        (lambda: nearest_distance(torch.ones(3, 2).long(), torch.ones(3, 2)), "x is torch.int64, expected a tensor of"),
        (lambda: mode_coverage(torch.full((3, 2), math.nan), CENTERS, 1.0), "x has NaN or infinite values"),
        (lambda: mode_coverage(CENTERS, CENTERS, 0.0), "radius = 0.0"),
        (lambda: mode_coverage(CENTERS, CENTERS, 1.0, least=0.0), "least = 0.0"),
        (lambda: energy_floor(torch.zeros(1, 2), torch.Generator()), "n = 1, times = 5, expected at least two"),
        (lambda: precision_recall(torch.zeros(3, 2), torch.zeros(9, 2)), "k = 3, expected 1 <= k < 3"),
        (lambda: frechet_distance(torch.zeros(1, 2), torch.zeros(9, 2)), "got 1 and 9 samples, expected at least two"),
        (lambda: frechet_distance(torch.zeros(3, 2), torch.zeros(9, 3)), r"y has shape \(9, 3\), expected \(n, 2\)"),
        (lambda: jerk(np.zeros(3)), r"center has shape \(3,\), expected \(F, 2\)"),
    ],
)
def test_wrong_calls(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
