"""Places a loaded pipeline by a memory plan of budget.py, and by the next plan when a GPU runs out of memory.

A placed pipeline carries its `Placement` as `t2v_plan`; it is None on a CPU, or for a pipeline placed elsewhere.
"""

import re
import typing
from collections.abc import Callable

import psutil

from . import budget, checkpoint, request
from .machine import has_bfloat16, quicken
from .registry import Model

if typing.TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline


class Placement(typing.NamedTuple):
    """A plan, and the peak of GPU memory that it predicts for the model's own clip, bytes."""

    name: str
    peak: float


def device_of(name: str | None) -> "torch.device":
    """The torch device of that name; None: CUDA, Apple's "mps" or the CPU. ValueError if it cannot be used."""
    import torch

    if name is None:
        mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(f"device {name!r}: expected a name such as 'cpu' or 'cuda'") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device '{device}': this machine has no CUDA GPU that torch can use")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps': torch can use no GPU of Apple's on this machine")
    return device


def denoiser(pipe: "DiffusionPipeline") -> "torch.nn.Module":
    """The network that predicts the noise: a UNet in ModelScope, a transformer in the newer models."""
    return getattr(pipe, "unet", None) or pipe.transformer


def plan_for_ram(model: Model, dtype: str | None, device: "torch.device") -> str | None:
    """The plan "int8-text" if a counted model's weights would not fit into RAM otherwise, else None.

    Raises ValueError if they would not fit even so.
    """
    name = budget.counted(model)
    if name is None or device.type != "cuda":
        return None
    used = budget.precision(model, dtype, (dtype or model.gpu_dtype) != "bfloat16" or has_bfloat16(device))
    counts = budget.in_precision(model, budget.COUNTS[name], used)
    ram = budget.ram_needs(budget.weight_bytes(model, counts, used), counts)
    here = psutil.virtual_memory().total + psutil.swap_memory().total
    if ram["full"] <= here:
        return None
    if ram["int8-text"] > here:
        half = " (a GPU without bfloat16 takes float32: dtype='float16' halves that)"
        hint = half if used == "float32" else ""
        need = f"{ram['int8-text'] / 1e9:.1f} GB of RAM, with its text encoder in eight bits{hint}"
        raise ValueError(f"the model needs {need}; this machine has {here / 1e9:.1f} GB")
    print(
        f"{here / 1e9:.1f} GB of RAM are less than {ram['full'] / 1e9:.1f} GB: the text encoder is read in eight bits"
    )
    return "int8-text"


def place(pipe: "DiffusionPipeline", device: "torch.device", plan: str | None = None) -> None:
    """Put a pipeline onto torch's device by a plan, None: the first that fits; a line is printed if that is slower."""
    pipe.t2v_plan, pipe.t2v_device = None, device
    if device.type != "cuda":
        if not request.known_words(pipe.tokenizer):
            slice_decoder(pipe.vae)
        elif device.type == "cpu":
            for part in filter(None, (pipe.vae, getattr(pipe, "unet", None))):
                quicken(part)  # a larger one's convolutions take torch's quick path anyway
        pipe.to(device)
        return
    need = pipe_needs(pipe)
    if plan is None:
        free = free_bytes(device)
        plan = budget.best_plan(free, need)
        if plan not in ("full", "vae-slicing"):
            print(f"{free / 1e9:.1f} GB of GPU memory are free: plan {plan} ({budget.PLANS[plan]}), which is slower")
    pipe.t2v_plan = Placement(plan, need["model-offload" if plan == "int8-text" else plan])  # its bytes are counted
    with_less(pipe)


def carry_out(pipe: "DiffusionPipeline", plan: str, device: "torch.device") -> "DiffusionPipeline | None":
    """Do what a plan says, and undo what an earlier plan did where it is in the way."""
    import torch

    pipe.remove_all_hooks()
    if plan == "full":
        return pipe.to(device)
    slice_decoder(pipe.vae)
    if plan in ("model-offload", "int8-text"):
        return pipe.enable_model_cpu_offload(device=device)
    if plan == "layer-offload":
        pipe.to("cpu")
        return pipe.enable_group_offload(device, offload_type="leaf_level", use_stream=device.type == "cuda")
    if plan == "fp8":
        net = denoiser(pipe)
        net.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=net.dtype)
    return pipe.to(device)


def slice_decoder(vae: "torch.nn.Module") -> None:
    """Decode with less memory: frame by frame where frames are decoded apart, else in tiles with blended seams."""
    if type(vae).__name__ == "AutoencoderKL":
        vae.enable_slicing()  # 0.1 GB of activations for ModelScope's clip instead of 1.6 GB
    else:
        vae.enable_tiling()


def pipe_needs(pipe: "DiffusionPipeline") -> dict[str, float]:
    """`budget.needs` of a pipeline; guess if it was not counted: as ModelScope, the scale model a twentieth of it."""
    weights = [checkpoint.stored_bytes(part) for part in (pipe.text_encoder, denoiser(pipe), pipe.vae)]
    counts, dtype = budget.COUNTS[budget.counted(pipe.t2v_model) or "modelscope"], str(denoiser(pipe).dtype)
    counts = budget.in_precision(pipe.t2v_model, counts, dtype.removeprefix("torch."))
    return budget.needs(weights, counts, 0.05 if request.known_words(pipe.tokenizer) else 1.0)


def with_less(pipe: "DiffusionPipeline", call: Callable | None = None) -> typing.Any:
    """Run call(), or place the pipeline if it is None; if memory runs out, retry once with the next plan."""
    from accelerate.utils import memory

    for last in (False, True):
        try:
            if last or call is None:
                carry_out(pipe, pipe.t2v_plan.name, pipe.t2v_device)
            return call and call()
        except RuntimeError as error:
            apple = "MPS" in str(error)
            if apple and isinstance(error, NotImplementedError):
                hint = "set PYTORCH_ENABLE_MPS_FALLBACK=1 before Python starts, or load with device='cpu'"
                raise ValueError(f"{checkpoint.one_line(error)}: {hint}") from error
            full = memory.should_reduce_batch_size(error)  # accelerate's name for "this error is out of memory"
            if not full and not (apple and "out of memory" in str(error)):
                raise
            found = re.search(r"tried to allocate [\d.]+ \w+", str(error), re.IGNORECASE)
            wanted, decoding = found[0] if found else checkpoint.one_line(error), _in_decoder(error)
        # outside of `except`: the traceback would keep the tensors of the failed call alive
        memory.clear_device_cache(garbage_collection=True)
        plan = pipe.t2v_plan and next_plan(pipe.t2v_plan.name, decoding)
        if last or plan is None:
            break
        print(f"out of GPU memory ({wanted}) with plan {pipe.t2v_plan.name}: retrying with {plan}")
        pipe.t2v_plan = Placement(plan, pipe_needs(pipe)[plan])
    where = f"with plan {pipe.t2v_plan.name}" if pipe.t2v_plan else "on this machine"
    raise ValueError(f"out of memory {where} ({wanted}): try fewer frames or a smaller size")


def next_plan(plan: str, decoding: bool) -> str | None:
    """The plan that needs less, or None. Slicing the decoder helps only if memory ran out there."""
    after_full = "vae-slicing" if decoding else "model-offload"
    last = dict.fromkeys(("layer-offload", "int8-text"))  # layers in eight bits are not moved one by one
    return ({"full": after_full, "vae-slicing": "model-offload"} | last).get(plan, "layer-offload")


def _in_decoder(error: BaseException) -> bool:
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_name != "decode":
        frame = frame.tb_next
    return frame is not None


def free_bytes(device: "torch.device") -> int:
    """Free GPU memory, bytes."""
    import torch

    return torch.cuda.mem_get_info(device)[0]
