"""How fast this machine computes."""

import contextlib
import functools
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


def quicken(network: "torch.nn.Module") -> None:
    """Let a scale model's network compute the same, to rounding, by operations that a CPU is quicker at.

    A clip of the scale model of Wan is decoded in half the time, and on one thread ModelScope's takes a twentieth less.
    torch takes slow paths for a small 3-D convolution (its `use_mkldnn` asks for a batch of two, and for several
    threads if the kernel spans frames alone) and for a norm over channels that aren't side by side.

    Args:
        network: Its 3-D convolutions are computed as 2-D ones: those along time alone, as ModelScope has them, with
            pixels side by side; others with the frames that a kernel spans as channels, unless they pad, dilate or
            group. Its `WanRMS_norm` layers compute lengths by sums.
    """
    import torch

    once, none = (1, 1, 1), (0, 0, 0)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv3d) and (layer.dilation, layer.groups) == (once, 1):
            if layer.padding == none:
                layer._conv_forward = functools.partial(_convolve, layer.stride)  # where Conv3d.forward computes
            elif (layer.kernel_size, layer.stride, layer.padding) == ((3, 1, 1), once, (1, 0, 0)):
                layer._conv_forward = _along_time
        elif type(layer).__name__ == "WanRMS_norm":
            layer.forward = functools.partial(_normalize, layer)


def _along_time(x: "torch.Tensor", weight: "torch.Tensor", bias: "torch.Tensor | None") -> "torch.Tensor":
    """The convolution of x (b, c, F, h, w) with weight (d, c, 3, 1, 1), for as many frames."""
    import torch

    return torch.nn.functional.conv2d(x.flatten(3), weight[..., 0], bias, padding=(1, 0)).unflatten(3, x.shape[3:])


def _convolve(
    stride: tuple[int, int, int], x: "torch.Tensor", weight: "torch.Tensor", bias: "torch.Tensor | None"
) -> "torch.Tensor":
    """The 3-D convolution of x (b, c, F, h, w) with weight (d, c, k, h', w')."""
    import torch

    spans = x.unfold(2, weight.shape[2], stride[0]).permute(0, 2, 5, 1, 3, 4)  # (b, F', k, c, h, w)
    out = torch.nn.functional.conv2d(
        spans.flatten(2, 3).flatten(0, 1), weight.transpose(1, 2).flatten(1, 2), bias, stride[1:]
    )
    return out.unflatten(0, spans.shape[:2]).transpose(1, 2)


def _normalize(layer: "torch.nn.Module", x: "torch.Tensor") -> "torch.Tensor":
    axis = 1 if layer.channel_first else -1
    length = x.float().square().sum(axis, keepdim=True).sqrt().clamp(min=1e-12)
    return (x / length).to(x.dtype) * layer.scale * layer.gamma + layer.bias
