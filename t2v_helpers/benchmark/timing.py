"""Measures one pipeline after another in the same process: seconds, memory, the final latents, the attainable rate."""

import contextlib
import dataclasses
import gc
import math
import statistics
import sys

from ..models.machine import clock, matmul_rate


@dataclasses.dataclass
class Measured:
    """What one way to make a clip has cost; seconds, bytes; None where there is nothing to measure.

    load: from the folder to its place; cold: the first clip, whatever is compiled or tried out in it; warm: those
    after; denoising: the part of them from the noise to the final latents. allocated, reserved: peaks of tensors and
    of what torch holds for them on the GPU. difference: of the final latents, relative to the recipe's.
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
        return statistics.median(self.warm) if self.warm else math.nan


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
    """Load a pipeline, make a cold clip and `repeats` warm ones; a `Measured`, which says so where it cannot be done.

    load() gives the pipeline, clip(pipe) makes a clip with it; change(pipe): what is done to it before, which may give
    a context to leave afterwards.
    """
    import torch

    result, pipe = Measured(name), None
    _forget(device)
    with contextlib.ExitStack() as undo:
        try:
            begin = clock(device)
            pipe = load()
            result.load = clock(device) - begin
            watch = Watch(pipe, device)
            if change:
                undo.enter_context(change(pipe))
            warm, denoising = [], []
            for turn in range(repeats + 1):
                begin = clock(device)
                clip(pipe)
                seconds = clock(device) - begin
                if turn == 0:
                    result.cold = seconds
                else:
                    warm.append(seconds)
                    denoising.append(watch.denoising)
            result.warm, result.denoising = tuple(warm), tuple(denoising)
            result.latents = watch.latents.float().cpu()
            if device.type == "cuda":
                result.allocated = torch.cuda.max_memory_allocated(device)
                result.reserved = torch.cuda.max_memory_reserved(device)
        except Exception as error:  # it must not take the other measurements along
            kind = "" if type(error).__name__ == "NotHere" else f"{type(error).__name__}: "
            result.not_here = kind + (" ".join(str(error).split()) or "no reason given")[:200]
    del pipe
    _forget(device)
    return result


def _forget(device):
    import torch

    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def difference(latents, reference):
    """The relative difference |a - b| / |b| of two tensors, in the Euclidean norm."""
    return ((latents - reference).norm() / reference.norm()).item()


def attainable_rate(device):
    """Floating-point operations a second in a large product of square matrices, the best of several.

    On a GPU of 8192 rows in half precision, on a CPU of 1024 in single precision.
    """
    import torch

    side, dtype = (8192, torch.float16) if device.type == "cuda" else (1024, torch.float32)
    return matmul_rate(device, dtype, side, seconds=1.0)
