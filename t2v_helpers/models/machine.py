"""What this machine has and can do: its memory and the rate of its arithmetic."""

import os
import time


def clock(device):
    """Seconds, read when the device has done all that it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def matmul_rate(device, dtype, side, repeats=5):
    """Floating-point operations a second of a matrix product here: the best of so many, which leaves out what the
    first ones take to begin with.

    device: torch's, or its name; dtype: torch's; side: of the square matrices. Their numbers are random, since a GPU
    that multiplies zeros or ones draws less power and runs faster.
    """
    import torch

    device = torch.device(device)
    generator = torch.Generator(device).manual_seed(0)
    a, b = (torch.randn(side, side, device=device, dtype=dtype, generator=generator) for _ in range(2))
    seconds = []
    for _ in range(repeats):
        begin = clock(device)
        a @ b
        seconds.append(clock(device) - begin)
    return 2 * side**3 / min(seconds)


def cpu_autocast(device):
    """A context in which a CPU with AVX-512 computes in bfloat16; others stay in single precision, as does a GPU.

    Without AVX-512 oneDNN has no kernels for bfloat16, and a training step takes many times as long as in float32.
    device: torch's. On a GPU `accelerate launch --mixed_precision` decides.
    """
    import torch

    fast = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)


def ram():
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows
        return float("inf")
