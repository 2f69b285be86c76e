"""The rate of this machine: operations over the best of the times, by a clock that is set."""

import pytest
import torch

from t2v_helpers.models import machine


def test_the_rate_is_that_of_the_best_product(monkeypatch):
    times = iter([0.0, 9.0, 10.0, 10.5, 20.0, 22.0])  # a slow first product, then one of 0.5 s
    monkeypatch.setattr(machine, "clock", lambda device: next(times))
    state = torch.get_rng_state()
    assert machine.matmul_rate("cpu", torch.float32, 4, repeats=3) == pytest.approx(2 * 4**3 / 0.5)
    assert next(times, None) is None
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"


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
