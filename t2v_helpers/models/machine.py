"""How fast this machine computes."""

import contextlib
import time
import typing

if typing.TYPE_CHECKING:
    import torch


def clock(device: "torch.device") -> float:
    """Seconds, read when the device has finished all its work."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def has_bfloat16(device: "torch.device | str") -> bool:
    """Whether a GPU computes in bfloat16 itself, without emulation, which has no convolutions."""
    import torch

    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def matmul_rate(device: "torch.device | str", dtype: "torch.dtype", side: int, seconds: float = 0.2) -> float:
    """Measure the floating-point operations a second in products of random matrices (zeros would be faster).

    Args:
        device: Where to compute.
        dtype: Of the matrices.
        side: Rows and columns of each.
        seconds: How long to measure; the best of all products counts.
    """
    import torch
    from torch.utils.benchmark import Timer

    generator = torch.Generator(device).manual_seed(0)
    a, b = (torch.randn(side, side, device=device, dtype=dtype, generator=generator) for _ in range(2))
    timer = Timer("a @ b", globals={"a": a, "b": b}, num_threads=torch.get_num_threads())
    return 2 * side**3 / min(timer.blocked_autorange(min_run_time=seconds).times)


def cpu_autocast(device: "torch.device") -> contextlib.AbstractContextManager:
    """A context in which a CPU with AVX-512 computes in bfloat16; other CPUs and GPUs keep their precision.

    Without AVX-512 oneDNN has no bfloat16 kernels, and a training step takes many times as long as in float32.
    """
    import torch

    fast = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)
