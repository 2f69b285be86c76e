"""What a UNet costs to run and to train, counted without a GPU and without weights: operations and bytes.

Counts are made on torch's meta device, whose tensors have shapes and no numbers. What is counted here is what training
keeps, in one UNet of any width; models/counting.py counts what drawing a clip needs at its peak.
"""

import contextlib
import typing

import torch
from torch.nn import functional as F

from ..models import modelscope
from . import scale_model

TOKENS = 77  # of a prompt, as CLIP pads it


class Cost(typing.NamedTuple):
    """What a network costs.

    Attributes:
        flops: Of one forward pass; a multiplication and an addition count as two.
        activation_bytes: What a forward pass keeps for the backward pass, without weights. Attention keeps what fused
            kernels keep, its inputs and its result, and no matrix.
        parameters: Number of weights.
        recomputed_bytes: What is kept if each block of the UNet keeps its inputs alone, and computes the rest again on
            the way back (activation checkpointing, Chen et al. 2016), with the largest block's bytes at that moment.
    """

    flops: int
    activation_bytes: int
    parameters: int
    recomputed_bytes: int


def make_unet(width, *, like="modelscope", sample_size=32, channels=4):
    """An untrained UNet3DConditionModel laid out as ModelScope's (width 320) or the scale model's ("tiny", 48).

    width: channels of its finest level. sample_size, channels: side and channels of the latents.

    >>> with torch.device("meta"):
    ...     make_unet(320).config.block_out_channels
    (320, 640, 1280, 1280)
    """
    from diffusers import UNet3DConditionModel

    if like == "modelscope":
        config, groups = modelscope.UNET | {"sample_size": sample_size, "attention_head_dim": min(64, width)}, 32
    elif like == "tiny":
        config, groups = dict(scale_model.new_unet(sample_size=sample_size).config), 8
    else:
        raise ValueError(f"like = {like!r}, expected 'modelscope' or 'tiny'")
    widths = config["block_out_channels"]
    wide = [width * w / widths[0] for w in widths]
    if any(w % groups for w in wide):
        what = f"multiples of {groups}, the number of groups that are normalised"
        raise ValueError(f"width = {width}, expected one that makes all levels' widths {what}")
    config["block_out_channels"] = tuple(map(int, wide))
    config |= {"in_channels": channels, "out_channels": channels}
    return UNet3DConditionModel.from_config({k: v for k, v in config.items() if not k.startswith("_")})


def count(unet, frames, size, batch=1):
    """The `Cost` of one forward pass, for `batch` clips, of a UNet on the meta device; size: side of the latents."""
    from torch.utils.flop_counter import FlopCounterMode

    kept, weights = {}, {p.untyped_storage()._cdata for p in unet.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:  # a transposed weight is another tensor, but in the weight's storage
            kept[storage._cdata] = storage  # held, so that no later one gets its number
        return tensor

    inputs, inside, hooks = {}, [], []

    def enter(block, arguments, named):
        flat = torch.utils._pytree.tree_leaves((arguments, named))
        storages = [tensor.untyped_storage() for tensor in flat if isinstance(tensor, torch.Tensor)]
        inputs.update({storage._cdata: storage for storage in storages})
        inside.append(len(kept))

    def leave(block, arguments, out):
        inside.append(total([*kept.values()][inside.pop() :]))

    def total(storages):
        return sum(storage.nbytes() for storage in storages)

    for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
        hooks += [block.register_forward_pre_hook(enter, with_kwargs=True), block.register_forward_hook(leave)]
    counter = FlopCounterMode(display=False)
    saved = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.enable_grad(), counter, saved, _fused_attention():
        unet(*_inputs(unet, frames, size, batch))
    for hook in hooks:
        hook.remove()
    activations = total(kept.values())
    recomputed = activations - sum(inside) + total(inputs.values()) + max(inside)
    return Cost(counter.get_total_flops(), activations, sum(p.numel() for p in unet.parameters()), recomputed)


@contextlib.contextmanager
def _fused_attention():
    """Let attention keep what fused kernels keep, which the meta device has none of."""
    plain = F.scaled_dot_product_attention

    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(ctx, query, key, value):
            out = plain(query, key, value).transpose(1, 2).contiguous().transpose(1, 2)  # laid out as they lay it out
            ctx.save_for_backward(query, key, value, out)
            return out

    F.scaled_dot_product_attention = lambda query, key, value, **settings: Fused.apply(query, key, value)
    try:
        yield
    finally:
        F.scaled_dot_product_attention = plain


def _inputs(unet, frames, size, batch):
    x = torch.randn(batch, unet.config.in_channels, frames, size, size, device=unet.device)
    text = torch.randn(batch, TOKENS, unet.config.cross_attention_dim, device=unet.device)
    return x, torch.zeros(batch, device=unet.device), text
