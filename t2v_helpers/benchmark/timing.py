"""Measures one pipeline after another in the same process: seconds, memory, the final latents, the attainable rate."""

import dataclasses
import gc
import math
import statistics
import sys

from ..models import clock, matmul_rate
from .variants import NotHere


@dataclasses.dataclass
class Measured:
    """What one way to make a clip has cost; seconds, bytes; None where there is nothing to measure.

    load: from the folder to its place; cold: the first clip; warm: those after; denoising: the part of them from the
    noise to the final latents. allocated, reserved: peaks of tensors and of what torch holds for them on the GPU.
    difference: of the final latents, relative to the recipe's.
    """

    name: str
    load: float | None = None
    cold: float | None = None
    warm: tuple[float, ...] = ()
    denoising: tuple[float, ...] = ()
    allocated: int | None = None
    reserved: int | None = None
    difference: float | None = None
    not_here: str = ""
    latents: object = dataclasses.field(default=None, repr=False)

    @property
    def seconds(self):
        """The median of the warm clips."""
        return statistics.median(self.warm) if self.warm else math.nan

    def compare(self, other):
        """Note the relative difference |a - b| / |b| of the final latents, in the Euclidean norm."""
        if not self.not_here:
            self.difference = ((self.latents - other.latents).norm() / other.latents.norm()).item()


class Watch:
    """Notes, of each clip that a pipeline makes, the final latents and the seconds from the noise to them."""

    def __init__(self, pipe, device):
        prepare, decode = pipe.prepare_latents, pipe.decode_latents

        def begin(*args, **kwargs):
            latents = prepare(*args, **kwargs)
            self.begin = clock(device)
            return latents

        def end(latents, *args, **kwargs):
            self.denoising = clock(device) - self.begin
            self.latents = latents
            return decode(latents, *args, **kwargs)

        pipe.prepare_latents, pipe.decode_latents = begin, end


def measure(name, load, clip, device, repeats, change=None):
    """Load a pipeline, change it, make a cold clip and `repeats` warm ones: a `Measured` that says if it fails."""
    import torch

    print(f"measuring {name}", file=sys.stderr, flush=True)
    result, pipe = Measured(name), None
    _forget(device)
    try:
        begin = clock(device)
        pipe = load()
        result.load = clock(device) - begin
        watch = Watch(pipe, device)
        if change:
            change(pipe)
        turns = []
        for _ in range(repeats + 1):
            begin = clock(device)
            clip(pipe)
            turns.append((clock(device) - begin, watch.denoising))
        result.cold = turns[0][0]
        result.warm, result.denoising = zip(*turns[1:], strict=True) if repeats else ((), ())
        result.latents = watch.latents.float().cpu()
        if device.type == "cuda":
            result.allocated = torch.cuda.max_memory_allocated(device)
            result.reserved = torch.cuda.max_memory_reserved(device)
    except Exception as error:  # it must not take the other measurements along
        kind = "" if isinstance(error, NotHere) else f"{type(error).__name__}: "
        result.not_here = kind + (" ".join(str(error).split()) or "no reason given")[:200]
    del pipe
    _forget(device)
    return result


def _forget(device):
    import torch

    torch.backends.cudnn.benchmark = False  # one of the variants turns it on
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def attainable_rate(device):
    """Floating-point operations a second in a large product of matrices: half precision on a GPU, single on a CPU."""
    import torch

    side, dtype = (8192, torch.float16) if device.type == "cuda" else (1024, torch.float32)
    return matmul_rate(device, dtype, side, seconds=1.0)
