"""Counts a model's memory and arithmetic on torch's meta device, where tensors have shapes and no numbers.

What runs there is the real code of diffusers on the real architecture; only the kernels are missing. So what is
counted is exact where memory is a matter of tensors that are alive, and silent about what a kernel takes for itself
(workspace) and about holes between tensors. `plans` keeps the results as a table; tests count them again.
"""

import contextlib
import dataclasses
import weakref

# Architectures as the published configs give them: what is not set is the default of the class. CogVideoX-2b and
# LTX-Video 0.9 are what their classes default to, the 1.3B model of Wan 2.1 differs from its (Wan et al. 2025,
# arXiv 2503.20314, table of model variants). T5 1.1 XXL (Raffel et al. 2020) and umT5 XXL share their widths.
WAN = dict(num_attention_heads=12, attention_head_dim=128, num_layers=30, ffn_dim=8960)
T5_XXL = dict(d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu")


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one call: `peak` bytes of tensors alive at once, beside the weights; `flops`, two a multiply-add;
    `attention`: those of them that attention spends on every pair of tokens."""

    peak: int
    flops: int
    attention: int


def skeleton(name):
    """The networks of a model of `MODELS` by the pipeline's names, without weights, in the precision of its GPU runs.

    >>> sorted(skeleton("wan"))
    ['text_encoder', 'transformer', 'vae']
    """
    import diffusers
    import torch
    import transformers

    from . import modelscope
    from .registry import MODELS

    t5 = transformers.T5Config(vocab_size=32128, **T5_XXL)
    with torch.device("meta"):
        if name in ("modelscope", "zeroscope"):  # zeroscope is ModelScope, trained on
            parts = modelscope.skeleton()
        elif name == "wan":
            umt5 = transformers.UMT5Config(vocab_size=256384, **T5_XXL)
            parts = {
                "text_encoder": transformers.UMT5EncoderModel(umt5),
                "transformer": diffusers.WanTransformer3DModel(**WAN),
                "vae": diffusers.AutoencoderKLWan(),
            }
        elif name == "cogvideox":
            parts = {
                "text_encoder": transformers.T5EncoderModel(t5),
                "transformer": diffusers.CogVideoXTransformer3DModel(),
                "vae": diffusers.AutoencoderKLCogVideoX(),
            }
        elif name == "ltx":
            parts = {
                "text_encoder": transformers.T5EncoderModel(t5),
                "transformer": diffusers.LTXVideoTransformer3DModel(),
                "vae": diffusers.AutoencoderKLLTXVideo(),
            }
        else:
            raise ValueError(f"model {name!r}: expected modelscope, zeroscope, wan, cogvideox or ltx")
    for part, module in parts.items():
        module.eval().to(torch.float32 if part in MODELS[name].float32 else getattr(torch, MODELS[name].gpu_dtype))
    return parts


def calls(name, parts, num_frames, width, height, guided=True):
    """One call of each network as its pipeline makes it: {"text_encoder", "denoiser", "vae"} of functions.

    num_frames; width, height: of the clip, pixels. guided: whether prompt and empty prompt go through together.
    """
    import torch

    from .registry import MODELS

    def empty(module, *shape):
        return torch.empty(shape, device="meta", dtype=next(module.parameters()).dtype)

    both, tokens = 2 if guided else 1, MODELS[name].tokens or 77
    net, vae = parts.get("unet") or parts["transformer"], parts["vae"]
    f, h, w = (num_frames - 1) // MODELS[name].frame_step + 1, height // 8, width // 8
    if name == "cogvideox":
        f = (num_frames - 1) // 4 + 1  # 8N + 1 frames, so that the latents' are an odd number
    if name == "ltx":
        h, w = height // 32, width // 32

    def encode():
        return parts["text_encoder"](torch.zeros(1, tokens, dtype=torch.long, device="meta"))

    def denoise():
        time = torch.ones(both, device="meta")
        if name in ("modelscope", "zeroscope"):
            return net(empty(net, both, 4, f, h, w), time[0], empty(net, both, tokens, 1024))
        if name == "wan":  # the two halves of the guidance one after the other
            return net(empty(net, 1, 16, f, h, w), time[:1], empty(net, 1, tokens, 4096))
        text = empty(net, both, tokens, 4096)
        if name == "cogvideox":
            return net(empty(net, both, f, 16, h, w), text, time)
        video = dict(num_frames=f, height=h, width=w, rope_interpolation_scale=(8 / 25, 32, 32))
        return net(empty(net, both, f * h * w, 128), text, time, torch.ones(both, tokens, device="meta"), **video)

    def decode():
        if name in ("modelscope", "zeroscope"):
            return vae.decode(empty(vae, f, 4, h, w))
        return vae.decode(empty(vae, 1, vae.config.get("z_dim") or vae.config.latent_channels, f, h, w))

    return {"text_encoder": encode, "denoiser": denoise, "vae": decode}


def cost(call, *modules):
    """Run `call` on the meta device and count it: a `Cost`.

    modules: networks whose weights are there before, and so do not count. Attention is taken as the fused kernels do
    it, without the matrix of all pairs.

    >>> import torch
    >>> layer = torch.nn.Linear(3, 5, bias=False, device="meta")
    >>> cost(lambda: layer(torch.empty(2, 3, device="meta")), layer)
    Cost(peak=64, flops=60, attention=0)
    """
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    class Alive(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.now = self.peak = 0
            tensors = [t for module in modules for t in (*module.parameters(), *module.buffers())]
            self.seen = {t.untyped_storage()._cdata: 0 for t in tensors}

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            for tensor in torch.utils._pytree.tree_leaves(out):
                if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.seen:
                    storage = tensor.untyped_storage()
                    self.seen[storage._cdata] = storage.nbytes()
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self.gone, storage._cdata)
            return out

        def gone(self, key):
            self.now -= self.seen.pop(key, 0)

    class Fused(TorchFunctionMode):
        pairs = 0

        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func is not functional.scaled_dot_product_attention:
                return func(*args, **(kwargs or {}))
            named = dict(zip(("query", "key", "value"), args, strict=False)) | (kwargs or {})
            query, key, value = (named[name] for name in ("query", "key", "value"))
            self.pairs += 2 * key.shape[-2] * query.numel() // query.shape[-1] * (query.shape[-1] + value.shape[-1])
            return query.new_empty(*query.shape[:-1], value.shape[-1])

    alive, fused, products = Alive(), Fused(), FlopCounterMode(display=False)
    with torch.no_grad(), contextlib.ExitStack() as stack:
        for mode in (products, fused, alive):
            stack.enter_context(mode)
        call()
    return Cost(alive.peak, products.get_total_flops() + fused.pairs, fused.pairs)
