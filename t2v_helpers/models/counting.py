"""Counts a model's memory and arithmetic on torch's meta device, where tensors have shapes but no numbers.

What runs there is diffusers' own code on the real architecture. The count is exact for tensors that are alive, and
leaves out a kernel's own workspace and holes between tensors. budget.py keeps the results; tests count them again.
"""

import typing
import weakref
from collections.abc import Callable

from .._support.logs import quiet
from . import modelscope
from .registry import MODELS

if typing.TYPE_CHECKING:
    import torch

# From the published configs; the rest are class defaults, as all are for CogVideoX-2b and LTX-Video 0.9. Wan: the 1.3B
# model (Wan et al. 2025, arXiv 2503.20314). T5 1.1 XXL (Raffel et al. 2020) and umT5 XXL share their widths.
NEWER = {
    "wan": ("UMT5", "WanTransformer3DModel", "AutoencoderKLWan"),
    "cogvideox": ("T5", "CogVideoXTransformer3DModel", "AutoencoderKLCogVideoX"),
    "ltx": ("T5", "LTXVideoTransformer3DModel", "AutoencoderKLLTXVideo"),
}
WAN = dict(num_attention_heads=12, attention_head_dim=128, num_layers=30, ffn_dim=8960)
T5_XXL = dict(d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu")
VOCABULARY = {"T5": 32128, "UMT5": 256384}


class Profile(typing.NamedTuple):
    """Bytes of tensors alive at once beside the weights; operations, two a multiply-add; those on pairs of tokens."""

    peak: int
    flops: int
    attention: int


def skeleton(name: str = "modelscope") -> "dict[str, torch.nn.Module]":
    """Build a model's networks on the meta device: shapes without numbers, in the precision of its GPU runs.

    Args:
        name: "modelscope", "wan", "cogvideox" or "ltx".

    Returns:
        The networks by the pipeline's names.
    """
    import diffusers
    import torch
    import transformers

    with quiet(bars=True), torch.device("meta"):
        if name in NEWER:
            t5, net, vae = NEWER[name]
            text = getattr(transformers, f"{t5}Config")(vocab_size=VOCABULARY[t5], **T5_XXL)
            parts = {
                "text_encoder": getattr(transformers, f"{t5}EncoderModel")(text),
                "transformer": getattr(diffusers, net)(**(WAN if name == "wan" else {})),
                "vae": getattr(diffusers, vae)(),
            }
        elif name == "modelscope":
            parts = {
                "text_encoder": transformers.CLIPTextModel(transformers.CLIPTextConfig(**modelscope.TEXT)),
                "unet": diffusers.UNet3DConditionModel(**modelscope.UNET),
                "vae": diffusers.AutoencoderKL(**modelscope.VAE),
            }
        else:
            raise ValueError(f"model {name!r}: expected modelscope, {', '.join(NEWER)}")
        for part, module in parts.items():
            dtype = "float32" if part in MODELS[name].float32 else MODELS[name].gpu_dtype
            module.eval().to(getattr(torch, dtype))
    return parts


def calls(name: str, parts: dict, num_frames: int, width: int, height: int) -> dict[str, Callable]:
    """One call of each network as its pipeline makes it; Wan's takes the two prompts of guidance one by one."""
    import torch

    def empty(module: torch.nn.Module, *shape: int) -> torch.Tensor:
        return torch.empty(shape, device="meta", dtype=next(module.parameters()).dtype)

    model, vae, net = MODELS[name], parts["vae"], parts.get("unet") or parts["transformer"]
    tokens, time = model.tokens or 77, torch.ones(2, device="meta")
    f, h, w = (num_frames - 1) // model.frame_step + 1, height // 8, width // 8
    if name == "cogvideox":
        f = (num_frames - 1) // 4 + 1  # 8N + 1 frames, so that the latents' are an odd number
    if name == "ltx":
        h, w = height // 32, width // 32
        video = dict(num_frames=f, height=h, width=w, rope_interpolation_scale=(8 / 25, 32, 32))
    latents = (1, vae.config.get("z_dim") or vae.config.latent_channels, f, h, w)
    denoise = {
        "wan": lambda: net(empty(net, *latents), time[:1], empty(net, 1, tokens, 4096)),
        "cogvideox": lambda: net(empty(net, 2, f, 16, h, w), empty(net, 2, tokens, 4096), time),
        "ltx": lambda: net(
            empty(net, 2, f * h * w, 128), empty(net, 2, tokens, 4096), time, time[:, None].expand(2, tokens), **video
        ),
    }
    return {
        "text_encoder": lambda: parts["text_encoder"](torch.zeros(1, tokens, dtype=torch.long, device="meta")),
        "denoiser": denoise.get(name, lambda: net(empty(net, 2, 4, f, h, w), time[0], empty(net, 2, tokens, 1024))),
        "vae": lambda: vae.decode(empty(vae, *(latents if name in NEWER else (f, 4, h, w)))),
    }


def profile(call: Callable, *modules: "torch.nn.Module") -> Profile:
    """Run a call on the meta device and count its memory and arithmetic.

    Attention is counted as the fused kernels do it, without the matrix of all pairs.

    Args:
        call: Without arguments.
        *modules: Networks whose weights are there before, and so do not count.
    """
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    tensors = (t for module in modules for t in (*module.parameters(), *module.buffers()))
    known = {t.untyped_storage()._cdata for t in tensors}

    class Alive(TorchDispatchMode):
        now = peak = 0

        def __torch_dispatch__(
            self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
        ) -> object:
            out = func(*args, **(kwargs or {}))
            for tensor in torch.utils._pytree.tree_leaves(out):
                if isinstance(tensor, torch.Tensor) and (storage := tensor.untyped_storage())._cdata not in known:
                    known.add(storage._cdata)
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
            return out

        def gone(self, key: int, size: int) -> None:
            known.discard(key)
            self.now -= size

    class Fused(TorchFunctionMode):
        pairs = 0

        def __torch_function__(
            self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
        ) -> object:
            if func is not functional.scaled_dot_product_attention:
                return func(*args, **(kwargs or {}))
            named = dict(zip(("query", "key", "value"), args, strict=False)) | (kwargs or {})
            query, key, value = (named[name] for name in ("query", "key", "value"))
            self.pairs += 2 * key.shape[-2] * query.numel() // query.shape[-1] * (query.shape[-1] + value.shape[-1])
            return query.new_empty(*query.shape[:-1], value.shape[-1])

    alive, fused, products = Alive(), Fused(), FlopCounterMode(display=False)
    with torch.no_grad(), products, fused, alive:
        call()
    return Profile(alive.peak, products.get_total_flops() + fused.pairs, fused.pairs)
