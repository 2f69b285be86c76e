"""The rate of this machine, the precision that suits it, and its clock."""

import types

import pytest
import torch

from t2v_helpers.models import machine


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
