"""What a UNet costs to run and to train, counted without a GPU and without weights: operations, bytes, seconds.

Counts are made on torch's meta device, whose tensors have shapes and no numbers: the same on every machine, and as
quick for ModelScope as for the scale model. What is counted here is what training keeps, in one UNet of any width;
counting.py counts what drawing a clip needs at its peak, in the networks of each published model.
"""

import time
import typing

import torch

TOKENS = 77  # of a prompt, as CLIP pads it


class Cost(typing.NamedTuple):
    """flops: of one forward pass, a multiplication and an addition counting as two. activation_bytes: what a forward
    pass keeps for the backward pass, weights left out; attention is counted in plain products, with the matrices that
    fused kernels do not keep. parameters: how many weights."""

    flops: int
    activation_bytes: int
    parameters: int


def make_unet(width, *, like="modelscope", sample_size=32):
    """An untrained UNet3DConditionModel with the layout of ModelScope or of the scale model, at another width.

    width: channels of its finest level; ModelScope has 320, the scale model 32. like: "modelscope" or "tiny".
    sample_size: side of the latents. Within `torch.device("meta")` nothing is allocated.

    >>> with torch.device("meta"):
    ...     make_unet(320).config.block_out_channels
    (320, 640, 1280, 1280)
    """
    from diffusers import UNet3DConditionModel

    from ..models import modelscope
    from . import scale_model

    if like not in ("modelscope", "tiny"):
        raise ValueError(f"like = {like!r}, expected 'modelscope' or 'tiny'")
    if like == "tiny":
        if width % 8:
            raise ValueError(f"width = {width}, expected a multiple of 8")
        channels = tuple(width * c // scale_model.CHANNELS[0] for c in scale_model.CHANNELS)
        config = dict(scale_model.new_unet(sample_size=sample_size).config) | {"block_out_channels": channels}
    else:
        if width % 32:
            raise ValueError(f"width = {width}, expected a multiple of 32, the number of groups that are normalised")
        channels = tuple(width * c // 320 for c in modelscope.UNET["block_out_channels"])
        config = modelscope.UNET | {"block_out_channels": channels, "sample_size": sample_size}
        config["attention_head_dim"] = min(64, width)
    return UNet3DConditionModel.from_config({k: v for k, v in config.items() if not k.startswith("_")})


def count(unet, frames, size, batch=1):
    """The `Cost` of one forward pass of a UNet that was made on the meta device.

    frames: of the clip. size: side of its latents, an eighth of that of its frames in pixels. batch: clips.
    """
    from torch.utils.flop_counter import FlopCounterMode

    kept, weights = {}, {id(p) for p in unet.parameters()}

    def keep(tensor):
        if id(tensor) not in weights:
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage  # held, so that no later one gets its number
        return tensor

    x = torch.zeros(batch, unet.config.in_channels, frames, size, size, device="meta")
    text = torch.zeros(batch, TOKENS, unet.config.cross_attention_dim, device="meta")
    counter = FlopCounterMode(display=False)
    with torch.enable_grad(), counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        unet(x, torch.zeros(batch, device="meta"), text)
    activations = sum(storage.nbytes() for storage in kept.values())
    return Cost(counter.get_total_flops(), activations, sum(p.numel() for p in unet.parameters()))


def seconds_a_step(unet, frames, size, batch=1, repeat=3):
    """Time of one training step (forward, backward) of a UNet on the device where it is: the least of `repeat`."""
    device, generator = next(unet.parameters()).device, torch.Generator().manual_seed(0)
    x = torch.randn(batch, unet.config.in_channels, frames, size, size, generator=generator).to(device)
    text = torch.randn(batch, TOKENS, unet.config.cross_attention_dim, generator=generator).to(device)
    least = float("inf")
    for _ in range(repeat + 1):  # once to warm up
        begin = time.perf_counter()
        with torch.enable_grad():
            unet(x, torch.zeros(batch, device=device), text).sample.square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent, begin = time.perf_counter() - begin, None
        least = min(least, spent) if _ else least
    return least


def exponent(x, y):
    """The power with which y grows: the slope of log y over log x, by least squares. x, y: sequences of floats > 0.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    logs = torch.tensor([list(x), list(y)], dtype=torch.float64).log()
    logs = logs - logs.mean(1, keepdim=True)
    return (logs[0] @ logs[1] / (logs[0] @ logs[0])).item()
