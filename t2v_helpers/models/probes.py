"""A look inside a UNet at work: where each word is attended to, which layer reads it, what is left without time.

And inside a video transformer: which token looks at which.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import torch


@contextlib.contextmanager
def record_attention(unet: torch.nn.Module) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Record the cross-attention of a UNet's calls within the block: which place looks at which token.

    Results are not changed. Source: Vaswani et al. 2017, Eq. 1; drawn as maps by Hertz et al. 2022, section 3.

    Args:
        unet: A UNet3DConditionModel.

    Yields:
        {layer name: one tensor a call}, each (b, F, h, w, tokens): attention weights averaged over the heads, on the
        CPU in float32, which sum to 1 over the tokens. Under guidance b is 2: the empty prompt, then the prompt.
    """
    maps, clip = {}, {}

    def before_call(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        sample = kwargs["sample"] if "sample" in kwargs else args[0]
        clip["frames"], clip["wide"] = sample.shape[2], sample.shape[4] / sample.shape[3]

    def before_attention(name: str) -> Callable:
        @torch.no_grad()
        def look(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
            if kwargs.get("encoder_hidden_states") is None:
                return  # attention of the frames to one another
            query, key = module.to_q(args[0]), module.to_k(kwargs["encoder_hidden_states"])
            weights = module.get_attention_scores(module.head_to_batch_dim(query), module.head_to_batch_dim(key))
            mean = weights.unflatten(0, (-1, module.heads)).mean(1).float().cpu()  # (b F, h w, tokens)
            height = round((mean.shape[1] / clip["wide"]) ** 0.5)
            maps.setdefault(name, []).append(mean.unflatten(0, (-1, clip["frames"])).unflatten(2, (height, -1)))

        return look

    with contextlib.ExitStack() as undo:
        undo.callback(unet.register_forward_pre_hook(before_call, with_kwargs=True).remove)
        for name, module in unet.named_modules():
            if name.endswith("attn2"):
                undo.callback(module.register_forward_pre_hook(before_attention(name), with_kwargs=True).remove)
        yield maps


@contextlib.contextmanager
def record_token_attention(transformer: torch.nn.Module) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Record all attention of a video transformer's calls within the block: which token looks at which.

    Results are not changed. See `record_attention`.

    Args:
        transformer: A WanTransformer3DModel.

    Yields:
        {layer name: one tensor a call}, averaged over the heads, on the CPU in float32. Self-attention, such as
        "blocks.0.attn1", is (b, F, h, w, F, h, w): by the token that looks, then by the one that is looked at. What
        looks at the text, such as "blocks.0.attn2", is (b, F, h, w, tokens). Each sums to 1 over what is looked at.
    """
    maps, grid = {}, []

    def before_call(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        shape = (kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]).shape[2:]
        grid[:] = [side // patch for side, patch in zip(shape, module.config.patch_size, strict=True)]

    def before_attention(name: str) -> Callable:
        @torch.no_grad()
        def look(module: torch.nn.Module, args: tuple) -> None:
            hidden, text, _, rotary = args
            query = module.norm_q(module.to_q(hidden)).unflatten(2, (module.heads, -1))
            key = module.norm_k(module.to_k(hidden if text is None else text)).unflatten(2, (module.heads, -1))
            if rotary is not None:
                query, key = (rotate(x, *rotary) for x in (query, key))
            scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
            mean = scores.softmax(-1).mean(1).float().cpu().unflatten(1, grid)
            maps.setdefault(name, []).append(mean if text is not None else mean.unflatten(4, grid))

        return look

    with contextlib.ExitStack() as undo:
        undo.callback(transformer.register_forward_pre_hook(before_call, with_kwargs=True).remove)
        for name, module in transformer.named_modules():
            if name.endswith(("attn1", "attn2")):
                undo.callback(module.register_forward_pre_hook(before_attention(name)).remove)
        yield maps


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn each pair of neighbouring features of x (b, tokens, heads, d) by its angle, as Wan's rotary positions do.

    Args:
        x: Queries or keys.
        cos: (1, tokens, 1, d), each number twice, as WanRotaryPosEmbed gives them; like sin.
        sin: Of the same angles.
    """
    first, second = x[..., 0::2], x[..., 1::2]
    cos, sin = cos[..., 0::2], sin[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], -1).flatten(-2)


@contextlib.contextmanager
def without_time(unet: torch.nn.Module) -> Iterator[None]:
    """Switch off all layers of a UNet3DConditionModel that look along time, within the block.

    Temporal convolutions and attentions then add nothing to their input, so each frame is denoised alone.
    """
    from diffusers.models.resnet import TemporalConvLayer
    from diffusers.models.transformers.transformer_temporal import TransformerTemporalModel

    with contextlib.ExitStack() as undo:
        for module in unet.modules():
            if isinstance(module, TemporalConvLayer):
                undo.callback(module.register_forward_hook(lambda module, args, out: args[0]).remove)
            if isinstance(module, TransformerTemporalModel):
                undo.callback(module.register_forward_hook(lambda module, args, out: (args[0],)).remove)
        yield


@contextlib.contextmanager
def read_instead(unet: torch.nn.Module, layers: Iterable[str], context: torch.Tensor) -> Iterator[None]:
    """Let some layers of cross-attention read another prompt than the rest of a guided UNet, within the block.

    Args:
        unet: A UNet3DConditionModel, called with the empty prompts in the first half of its batch.
        layers: Names of its cross-attentions, as `record_attention` gives them.
        context: What these layers read in place of the prompts, (b, tokens, features).
    """

    def swap(module: torch.nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        empty, prompts = kwargs["encoder_hidden_states"].chunk(2)  # one copy for each frame
        other = context.repeat_interleave(len(prompts) // len(context), dim=0)
        return args, kwargs | {"encoder_hidden_states": torch.cat([empty, other])}

    with contextlib.ExitStack() as undo:
        for name in layers:
            undo.callback(unet.get_submodule(name).register_forward_pre_hook(swap, with_kwargs=True).remove)
        yield
