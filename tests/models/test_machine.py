"""The rate of this machine, the precision that suits it, and its clock."""

import time

import pytest
import torch

from t2v_helpers.models import machine


def test_the_rate_is_that_of_a_product_and_leaves_the_global_generator_alone():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    rate = machine.matmul_rate("cpu", torch.float32, 256, seconds=0.02)
    a = torch.ones(256, 256)
    begin = time.perf_counter()
    for _ in range(20):
        a @ a
    assert 0.1 < rate / (20 * 2 * 256**3 / (time.perf_counter() - begin)) < 100, "the same order, on a busy machine too"
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads


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
