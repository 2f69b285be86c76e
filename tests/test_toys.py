import math

import numpy as np
import pytest
import torch

from t2v_helpers import toys


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_ring():
    centers = toys.ring_centers()
    torch.testing.assert_close(centers.norm(dim=1), torch.ones(8))
    assert torch.cdist(centers, centers).fill_diagonal_(9).min().item() == pytest.approx(2 * math.sin(math.pi / 8))
    x = toys.ring(20_000, rng())
    assert torch.equal(x, toys.ring(20_000, rng())) and not torch.equal(x, toys.ring(20_000, rng(1)))
    offset, which = x - centers[torch.cdist(x, centers).argmin(1)], torch.cdist(x, centers).argmin(1)
    assert offset.std().item() == pytest.approx(toys.RING_STD, rel=0.02)
    np.testing.assert_allclose(which.bincount() / len(x), 1 / 8, atol=0.01)


def test_the_spiral():
    x = toys.spiral(20_000, rng())
    assert torch.equal(x, toys.spiral(20_000, rng())) and x.shape == (20_000, 2)
    turn = torch.linspace(0, 3 * math.pi, 2000)
    line = turn[:, None] / (3 * math.pi) * torch.stack([turn.cos(), turn.sin()], 1)
    distance = torch.cdist(x, line).min(1).values
    assert distance.square().mean().sqrt().item() == pytest.approx(toys.SPIRAL_STD, rel=0.05)
    np.testing.assert_allclose((x.norm(dim=1) < 0.5).float().mean(), 0.25, atol=0.02)  # a quarter of the line


def test_the_density_is_that_of_the_points():
    from scipy.stats import multivariate_normal

    x, centers = torch.randn(5, 2, generator=rng()), toys.ring_centers()
    each = [multivariate_normal(c, 0.3**2).pdf(x.numpy()) for c in centers.numpy()]
    got = toys.mixture_log_density(x, centers, 0.3)
    np.testing.assert_allclose(got.exp(), np.mean(each, axis=0), rtol=1e-5)
    far = toys.mixture_log_density(torch.tensor([[50.0, 0.0]]), centers, toys.RING_STD)
    assert far.isfinite().all() and far < -1e5


def test_the_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    x, labels = toys.digits()
    assert x.dtype == torch.float32 and labels.unique().tolist() == list(range(10))
    np.testing.assert_array_equal((x.numpy() + 1) * 8, load_digits().data)
    np.testing.assert_array_equal(labels, load_digits().target)


def test_an_mlp_is_torchs_own():
    mlp = toys.MLP((3, 5, 2), rng(), copies=2)
    x = torch.randn(8, 3, generator=rng())
    for i, rows in enumerate((slice(0, 4), slice(4, 8))):
        layers = [torch.nn.Linear(3, 5), torch.nn.Linear(5, 2)]
        for layer, weight, bias in zip(layers, mlp.weights, mlp.biases, strict=True):
            layer.weight.data, layer.bias.data = weight[i].T, bias[i, 0]
        expected = torch.nn.Sequential(layers[0], torch.nn.SiLU(), layers[1])(x[rows])
        torch.testing.assert_close(mlp(x)[rows], expected)
    assert not torch.equal(mlp.weights[0][0], mlp.weights[0][1])
    assert toys.count_parameters(mlp) == sum(p.numel() for layer in layers for p in layer.parameters())


def test_weights_are_drawn_as_torch_draws_them():
    mlp, linear = toys.MLP((100, 400), rng()), torch.nn.Linear(100, 400)
    assert mlp.weights[0].abs().max() <= 0.1 and mlp.biases[0].abs().max() <= 0.1
    assert mlp.weights[0].std().item() == pytest.approx(linear.weight.std().item(), rel=0.02)
    state = torch.random.get_rng_state()
    toys.Denoiser(2, (4,), 10, rng())
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_part_of_a_stack_answers_as_it_did_there_and_trains_alone():
    model = toys.Denoiser(2, (5,), 1, rng(), copies=3, scale=2.0)
    x, t = torch.randn(3, 4, 2, generator=rng()), torch.rand(12, generator=rng())
    out = model(x.reshape(-1, 2), t).reshape(3, 4, 2)
    few = model.part([2, 0, 2])
    again = few(x[[2, 0, 2]].reshape(-1, 2), t.reshape(3, 4)[[2, 0, 2]].flatten()).reshape(3, 4, 2)
    torch.testing.assert_close(again, out[[2, 0, 2]])
    few(x.reshape(-1, 2), t).sum().backward()
    assert few.copies == 3 and all(p.grad is None for p in model.parameters())


def test_the_denoiser_is_told_the_time():
    model = toys.Denoiser(2, (16,), 100, rng(), copies=3)
    x, t = torch.zeros(6, 2), torch.tensor([1, 50, 1, 50, 1, 50])
    out = model(x, t).reshape(3, 2, 2)
    assert not torch.isclose(out[:, 0], out[:, 1]).all(1).any()  # times differ
    assert not torch.isclose(out[0], out[1]).any()  # and so do copies
    plain = toys.MLP.forward(model, torch.cat([x, torch.cos(math.pi * torch.arange(1, 9) * t[:, None] / 100)], 1))
    torch.testing.assert_close(model(x, t), plain)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: toys.ring(0, rng()), "n = 0, expected a whole number, at least 1"),
        (lambda: toys.mixture(5, torch.zeros(1, 2), 0.0, rng()), "std = 0.0, expected a finite width above 0"),
        (lambda: toys.mixture_log_density(torch.zeros(1, 2), torch.zeros(1, 2), math.nan), "std = nan"),
        (lambda: toys.MLP((2,), rng()), r"sizes = \(2,\), expected two or more"),
        (lambda: toys.MLP((2, 0), rng()), "size = 0"),
        (lambda: toys.MLP((2, 2), rng())(torch.zeros(3, 4)), r"x has shape \(3, 4\), expected \(b, 2\)"),
        (lambda: toys.MLP((2, 2), rng(), 2)(torch.zeros(3, 2)), r"expected \(b, 2\), b a multiple of 2"),
        (lambda: toys.Denoiser(2, (4,), 10, rng())(torch.zeros(3, 2), torch.ones(1)), r"t has shape \(1,\)"),
        (lambda: toys.Denoiser(2, (4,), 0, rng()), "T = 0"),
    ],
)
def test_wrong_calls(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_scale_multiplies_the_points_and_not_the_time():
    x, t = torch.randn(4, 2, generator=rng()), torch.full((4,), 7)
    plain, sharp = (toys.MLP((2, 8, 1), rng(), scale=s) for s in (1.0, 3.0))
    torch.testing.assert_close(sharp(x), plain(3 * x))
    plain, sharp = (toys.Denoiser(2, (8,), 10, rng(), scale=s) for s in (1.0, 3.0))
    torch.testing.assert_close(sharp(x, t), plain(3 * x, t))
