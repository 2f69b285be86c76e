import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_helpers import shapes
from t2v_helpers.measures import (
    density_coverage,
    energy_distance,
    energy_floor,
    frechet_distance,
    jerk,
    mode_coverage,
    nearest_distance,
    outline_fit,
)


def normal(n, d=2, seed=0, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_energy_distance_is_scipys_squared(seed, n, m):
    from scipy.stats import energy_distance as scipys

    x, y = normal(n, 1, seed).double(), normal(m, 1, seed + 1, shift=0.5).double()
    assert energy_distance(x, y) == pytest.approx(scipys(x[:, 0], y[:, 0]) ** 2, abs=1e-9)


def test_energy_distance_in_three_dimensions_is_symmetric_and_scales():
    x, y = normal(7, 3).double(), normal(5, 3, 1, shift=0.5).double()
    between, within = (np.mean([math.dist(p, q) for p in a for q in b]) for a, b in ((x, y), (x, x)))
    expected = 2 * between - within - np.mean([math.dist(p, q) for p in y for q in y])
    assert energy_distance(x, y) == pytest.approx(expected) == energy_distance(3 * y, 3 * x) / 3


def test_energy_distance_sees_what_means_and_variances_do_not():
    two = torch.tensor([[-1.0], [1.0]]).repeat(500, 1)
    assert energy_distance(two, normal(1000, 1)) > 5 * energy_distance(normal(1000, 1, 1), normal(1000, 1, 2))


def test_the_floor_is_the_distance_of_two_samples_of_half_the_size():
    x, generator = normal(9), torch.Generator().manual_seed(3)
    orders = [torch.randperm(9, generator=generator) for _ in range(5)]
    each = [energy_distance(x[order[:5]], x[order[5:]]) for order in orders]
    assert energy_floor(x, generator.manual_seed(3)) == pytest.approx(np.mean(each))


CENTERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_coverage_counts():
    x = torch.cat([CENTERS[:1].repeat(60, 1), CENTERS[1:2].repeat(30, 1), CENTERS[2:3].repeat(2, 1), normal(8) + 30])
    assert mode_coverage(x, CENTERS, 0.1) == pytest.approx((2, 0.92))  # a tenth of a fair share is 2.5
    assert mode_coverage(torch.cat([x, CENTERS[2:3]]), CENTERS, 0.1).modes == 3
    assert mode_coverage(x + torch.tensor([0.05, 0.0]), CENTERS, 0.04) == (0, 0.0)


def test_nearest_distance():
    x, reference = normal(20, 3), normal(30, 3, seed=1)
    slow = [min(math.dist(a, b) for b in reference.tolist()) for a in x.tolist()]
    np.testing.assert_allclose(nearest_distance(x, reference), slow, rtol=1e-5)
    assert (nearest_distance(reference[:5] * 100, reference * 100) == 0).all()  # copies are at 0, without rounding


def test_density_and_coverage_by_loops():
    real, fake, k = normal(15), normal(12, seed=1, shift=0.7), 3
    reach = [sorted(math.dist(a, b) for b in real.tolist())[k] for a in real.tolist()]  # [0] is the point itself
    inside = [[math.dist(a, b) < r for b in fake.tolist()] for a, r in zip(real.tolist(), reach, strict=True)]
    assert density_coverage(real, fake, k) == pytest.approx((np.sum(inside) / (k * 12), np.mean(np.any(inside, 1))))


def test_density_and_coverage_of_fresh_data_and_of_noise():
    real, fresh = normal(1500), normal(1500, seed=1)
    assert density_coverage(real, fresh) == pytest.approx((1, 1 - 0.5**5), abs=0.05)
    assert density_coverage(real, 6 * fresh).coverage < 0.4  # recall would be near 1: the balls of noise are large


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
        (lambda: energy_distance(torch.zeros(3), torch.zeros(3)), r"x has shape \(3,\), expected \(n, 3\)"),
        (lambda: nearest_distance(torch.zeros(3, 2), np.zeros((3, 2))), "reference is float64, expected a tensor"),
        (lambda: mode_coverage(torch.full((3, 2), math.nan), CENTERS, 1.0), "x has NaN or infinite values"),
        (lambda: mode_coverage(CENTERS, CENTERS, 0.0), "radius = 0.0"),
        (lambda: energy_floor(torch.zeros(1, 2), torch.Generator()), "n = 1, expected at least two"),
        (lambda: density_coverage(torch.zeros(3, 2), torch.zeros(9, 2)), "k = 5, expected 1 <= k < 3"),
        (lambda: frechet_distance(torch.zeros(1, 2), torch.zeros(9, 2)), "got 1 and 9 samples, expected at least two"),
        (lambda: frechet_distance(torch.zeros(3, 2), torch.zeros(9, 3)), r"y has shape \(9, 3\), expected \(n, 2\)"),
        (lambda: jerk(np.zeros(3)), r"center has shape \(3,\), expected \(F, 2\)"),
    ],
)
def test_wrong_calls(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_outlines_of_the_data_fit_and_others_do_not(shape):
    clips = [shapes.render(shapes.Attributes("red", shape, motion), seed=3) for motion in shapes.MOTIONS]
    assert min(outline_fit(clip, shape) for clip in clips) > 0.985
    assert max(outline_fit(clip, other) for clip in clips for other in shapes.SHAPES if other != shape) < 0.93
    dented = clips[0].copy()
    rows, _ = (np.abs(dented[0] - shapes.BACKGROUND).max(-1) > 0.3).nonzero()
    dented[:, rows.min() : rows.min() + 4] = shapes.BACKGROUND  # its top is cut off
    assert outline_fit(dented, shape) < outline_fit(clips[0], shape) - 0.02
    faint = np.asarray(shapes.BACKGROUND) + 0.6 * (clips[0] - shapes.BACKGROUND)
    assert outline_fit(faint, shape) == pytest.approx(outline_fit(clips[0], shape), abs=0.005)


def test_an_outline_is_compared_by_hand_and_an_empty_clip_fits_nothing():
    clip = np.full((1, 16, 16, 3), shapes.BACKGROUND)
    assert outline_fit(clip, "square") == 0
    clip[0, 4:10, 5:11] = 0.9
    assert outline_fit(clip, "square") == 1
    clip[0, 4:10, 11:13] = 0.9  # 6 x 8 pixels; a square of side 6.5 can mark 6 x 7
    assert outline_fit(clip, "square") == pytest.approx(42 / 48, abs=0.03)
