"""Puts a loaded pipeline where a plan of budget.py says, and, when a GPU's memory does not suffice, by the next plan.

A placed pipeline carries its `Placement` as `t2v_plan`; None is a pipeline on the CPU, or one that was placed
elsewhere.
"""

import gc
import re
import typing

from . import budget, request


class Placement(typing.NamedTuple):
    """A plan's name, and the peak of GPU memory that it predicts for the model's own clip, bytes."""

    name: str
    peak: float


def device_of(name):
    """torch's device of that name, None for CUDA where it is there; ValueError, in one line, for one that is not."""
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(f"device {name!r}: expected a name such as 'cpu' or 'cuda'") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device '{device}': this machine has no CUDA GPU that torch can use")
    return device


def denoiser(pipe):
    """The network that takes the noise away: ModelScope's is a UNet, the newer models' a transformer."""
    return getattr(pipe, "unet", None) or pipe.transformer


def place(pipe, device, plan=None):
    """Put a pipeline that was loaded on the CPU onto a device.

    device: torch's. plan: a name of `budget.PLANS`; None takes the first that fits into the GPU's free memory, and says
    so when that is slower. On the CPU there is nothing to choose.
    """
    pipe.t2v_plan, pipe.t2v_device = None, device
    if device.type != "cuda":
        if not request.known_words(pipe.tokenizer):
            save_decoder(pipe.vae)
        pipe.to(device)
        return
    need = pipe_needs(pipe)
    if plan is None:
        free = free_bytes(device)
        plan = budget.choose(free, need)
        if plan not in (budget.ONCE, budget.CARD):
            print(f"{free / 1e9:.1f} GB of GPU memory are free: the weights go there {plan}, which is slower")
    pipe.t2v_plan = Placement(plan, need[plan])
    with_less(pipe)


def carry_out(pipe, plan, device):
    """Do what a plan says; what an earlier plan did is taken back where it is in the way."""
    import torch

    pipe.remove_all_hooks()
    if plan == budget.ONCE:
        return pipe.to(device)
    save_decoder(pipe.vae)
    if plan == budget.PART:
        return pipe.enable_model_cpu_offload(device=device)
    if plan == budget.LAYER:
        pipe.to("cpu")
        return pipe.enable_group_offload(device, offload_type="leaf_level", use_stream=device.type == "cuda")
    if plan == budget.EIGHT:
        net = denoiser(pipe)
        net.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=net.dtype)
    return pipe.to(device)


def save_decoder(vae):
    """Decode with less memory: frame by frame where frames are decoded apart, else tile by tile, whose seams are
    blended."""
    if type(vae).__name__ == "AutoencoderKL":
        vae.enable_slicing()  # 0.1 GB of activations for ModelScope's clip instead of 1.6 GB
    else:
        vae.enable_tiling()


def pipe_needs(pipe):
    """`budget.needs` of a loaded pipeline; a model that was not counted is taken to work as ModelScope does, a guess,
    and the scale model with a twentieth of that."""
    parts = (pipe.text_encoder, denoiser(pipe), pipe.vae)
    weights = [sum(p.numel() * p.element_size() for p in part.parameters()) for part in parts]
    known = next((key for key in budget.COUNTS if budget.MODELS[key].repo == pipe.t2v_model.repo), None)
    share = 0.05 if request.known_words(pipe.tokenizer) else 1.0
    counts = budget.COUNTS[known or "modelscope"]
    return budget.needs(weights, counts, share, eight_bits=None if known else weights[1] / 2)


def with_less(pipe, call=None):
    """What call() returns; when memory does not suffice, once more by the next plan, and it says so in one line.

    call: None puts the pipeline where its plan says, and no more. Raises ValueError with one line if memory does not
    suffice again, or if there is no next plan.
    """
    import torch

    move = call is None
    for last in (False, True):
        try:
            if move:
                carry_out(pipe, pipe.t2v_plan.name, pipe.t2v_device)
            return call and call()
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
                raise  # on a CPU, torch has no error of its own for it
            wanted, decoding = _wanted(error), _in_decoder(error)
        # outside of `except`: the traceback would keep the tensors of the failed call alive
        free_memory()
        plan = next_plan(pipe.t2v_plan, decoding)
        if last or plan is None:
            break
        print(f"out of GPU memory ({wanted}) with the weights {pipe.t2v_plan.name}: once more, {plan}")
        pipe.t2v_plan, move = Placement(plan, pipe_needs(pipe)[plan]), True
    where = f"with the weights {pipe.t2v_plan.name}" if pipe.t2v_plan else "on this machine"
    raise ValueError(f"out of memory {where} ({wanted}): try fewer frames or a smaller size")


def next_plan(placement, decoding):
    """The plan that takes less; None if there is none. Another way to decode helps only if memory ran out there."""
    if placement is None or placement.name == budget.LAYER:
        return None
    if placement.name == budget.EIGHT:
        return budget.LAYER
    after = budget.EXACT[budget.EXACT.index(placement.name) + 1]
    return budget.PART if after == budget.CARD and not decoding else after


def _in_decoder(error):
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_name != "decode":
        frame = frame.tb_next
    return frame is not None


def _wanted(error):
    """What torch says that it wanted, such as "Tried to allocate 2.00 GiB", or the beginning of what it says."""
    text = " ".join(str(error).split()) or type(error).__name__
    found = re.search(r"[^.:]*allocate [^.]*(\.\d[^.]*)?", text)
    return (found[0] if found else text).strip()[:120]


def free_memory():
    """Give back what nothing uses any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def free_bytes(device):
    """GPU memory that is free, bytes."""
    import torch

    return torch.cuda.mem_get_info(device)[0]
