"""The rate of this machine, the precision and the kernels that suit it, and its clock."""

import copy
import itertools
import types

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanRMS_norm

from t2v_helpers.models import load_pipeline, machine


def test_the_rate_is_that_of_the_fastest_product_and_leaves_the_global_generator_alone(monkeypatch):
    state, times = torch.get_rng_state(), types.SimpleNamespace(times=[0.5, 0.25])
    monkeypatch.setattr("torch.utils.benchmark.Timer.blocked_autorange", lambda timer, min_run_time: times)
    assert machine.matmul_rate("cpu", torch.float32, 256) == 2 * 256**3 / 0.25
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("device", "capability", "dtype"),
    [("cpu", "AVX512", torch.bfloat16), ("cpu", "AVX2", torch.float32), ("cuda", "AVX512", torch.float32)],
)
def test_bfloat16_is_for_cpus_that_have_kernels_for_it(monkeypatch, device, capability, dtype):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    with machine.cpu_autocast(torch.device(device)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_the_clock_waits_for_a_gpu(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    device = torch.device("cuda", 0)
    assert machine.clock(torch.device("cpu")) <= machine.clock(device) and waited == [device]


FLAT = [*itertools.product([(3, 3, 3), (3, 1, 1), (1, 3, 2)], [(1, 1, 1), (2, 1, 1), (1, 2, 2)])]


@pytest.mark.parametrize("settings", [*FLAT, ((3, 1, 1), 1, (1, 0, 0))])  # the last as in ModelScope's UNet
def test_flat_convolutions_give_what_torchs_give(settings):
    torch.manual_seed(0)
    layer, x = torch.nn.Conv3d(4, 6, *settings), torch.randn(2, 4, 7, 9, 8)
    with torch.no_grad():
        want = layer(x)
        machine.quicken(layer)
        assert "conv2d" in [call.name.split("::")[-1] for call in _calls(lambda: layer(x))]
        torch.testing.assert_close(layer(x), want, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(copy.deepcopy(layer)(x), want, rtol=1e-5, atol=1e-5)
        layer.weight.mul_(2)  # the weights are read at each call
        assert not torch.allclose(layer(x), want)


def test_the_scale_model_runs_without_slow_convolutions():
    pipe = load_pipeline("tiny", device="cpu")
    called = {call.name for call in _calls(lambda: pipe("a red circle", num_inference_steps=1, num_frames=2))}
    assert "aten::conv2d" in called and "aten::conv3d" not in called


@pytest.mark.parametrize("more", [{"padding": 1}, {"dilation": 2}, {"groups": 2}])
def test_other_convolutions_stay_as_they_are(more):
    layer, x = torch.nn.Conv3d(4, 4, 3, **more), torch.randn(1, 4, 7, 7, 7)
    want = layer(x)
    machine.quicken(layer)
    assert torch.equal(layer(x), want)


@pytest.mark.parametrize("first", [True, False])
def test_quick_norms_give_what_diffusers_gives(first):
    torch.manual_seed(0)
    layer = WanRMS_norm(5, channel_first=first, images=False, bias=True)
    x = torch.randn(2, 5, 3, 4, 4) if first else torch.randn(2, 3, 5)
    x[0] = 0  # divided by what keeps it finite
    with torch.no_grad():
        layer.gamma.normal_()
        layer.bias.normal_()
        want = layer(x)
        machine.quicken(layer)
        assert not any("norm" in call.name for call in _calls(lambda: layer(x)))
        torch.testing.assert_close(layer(x), want)


def _calls(call):
    with torch.profiler.profile() as profile:
        call()
    return profile.events()
