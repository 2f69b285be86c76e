"""What might make a clip cheaper: named changes to a loaded pipeline, for `t2v_helpers.benchmark` to measure.

A variant is a function of the pipeline; one that reaches beyond it returns a function that takes this back. It raises
NotHere where it cannot be had. Of several whose names agree up to the colon, only one can be kept.
"""

import contextlib


class NotHere(Exception):
    """Why a variant cannot run on this machine."""


def _compile(**options):
    def change(pipe):
        if pipe._execution_device.type != "cuda":
            raise NotHere("left to a GPU: on a CPU the compiler takes minutes")
        pipe.unet.compile(**options)

    return change


def _attention(backend):
    def change(pipe):
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        kernel = getattr(SDPBackend, backend)
        try:
            probe = torch.zeros(1, 1, 8, 64, device=pipe._execution_device, dtype=pipe.unet.dtype)
            with sdpa_kernel(kernel):
                torch.nn.functional.scaled_dot_product_attention(probe, probe, probe)
        except RuntimeError:
            raise NotHere(f"torch has no such kernel for {probe.dtype} on {probe.device.type}") from None
        _wrap(pipe.unet, "forward", lambda forward: _inside(lambda: sdpa_kernel(kernel), forward))

    return change


def _inside(context, function):
    def call(*args, **kwargs):
        with context():
            return function(*args, **kwargs)

    return call


def _wrap(thing, name, wrapper):
    setattr(thing, name, wrapper(getattr(thing, name)))


def _channels_last(pipe):
    """Weights of each Conv2d as NHWC, which tensor cores want; Conv3d does not take it."""
    import torch

    for module in pipe.unet.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)


def _fused_projections(pipe):
    """Query, key and value of a self-attention by one product instead of three."""
    pipe.unet.fuse_qkv_projections()


def _two_calls(pipe):
    """The guided and the unguided prediction one after the other: less memory, smaller products."""
    import torch

    def split(forward):
        def call(sample, timestep, encoder_hidden_states, **kwargs):
            pairs = zip(sample.chunk(2), encoder_hidden_states.chunk(2), strict=True)
            return (torch.cat([forward(x, timestep, context, **kwargs)[0] for x, context in pairs]),)

        return call

    _wrap(pipe.unet, "forward", split)


def _encoded_once(pipe):
    """Prompts are encoded once and kept; the class encodes both for each clip."""
    kept = {}

    def keep(encode):
        def call(prompt, device, number, guided, negative_prompt=None, **kwargs):
            key = (prompt, negative_prompt, guided)
            if key not in kept:
                kept[key] = encode(prompt, device, number, guided, negative_prompt, **kwargs)
            return kept[key]

        return call

    _wrap(pipe, "encode_prompt", keep)


def _decoded(at_once):
    """at_once: frames that the autoencoder decodes together; None is all."""

    def change(pipe):
        pipe.vae.disable_slicing()
        if at_once is not None:
            _wrap(pipe.vae, "decode", lambda decode: _in_pieces(decode, at_once))

    return change


def _in_pieces(decode, size):
    def call(latents, **kwargs):
        import torch
        from diffusers.models.autoencoders.vae import DecoderOutput

        return DecoderOutput(torch.cat([decode(piece, **kwargs).sample for piece in latents.split(size)]))

    return call


def _timed_convolutions(pipe):
    """cuDNN times its algorithms at the first clip and keeps the fastest."""
    import torch

    if pipe._execution_device.type != "cuda":
        raise NotHere("cuDNN needs a CUDA GPU")
    torch.backends.cudnn.benchmark, before = True, torch.backends.cudnn.benchmark
    return lambda: setattr(torch.backends.cudnn, "benchmark", before)


VARIANTS = {
    "memory format: channels last": _channels_last,
    "projections: fused": _fused_projections,
    "attention: flash": _attention("FLASH_ATTENTION"),
    "attention: efficient": _attention("EFFICIENT_ATTENTION"),
    "attention: cuDNN": _attention("CUDNN_ATTENTION"),
    "attention: math": _attention("MATH"),
    "convolutions: timed": _timed_convolutions,
    "guidance: two calls": _two_calls,
    "prompt: encoded once": _encoded_once,
    "decoding: frame by frame": lambda pipe: pipe.vae.enable_slicing(),
    "decoding: 4 frames at once": _decoded(4),
    "decoding: all at once": _decoded(None),
    # the compiler comes last: it takes minutes, and where it is one of several it has to see what the others have done
    "compile: default": _compile(),
    "compile: CUDA graphs": _compile(mode="reduce-overhead"),
    "compile: tuned": _compile(mode="max-autotune-no-cudagraphs"),
}


def apply(names, pipe):
    """Change the pipeline by the named variants, in the table's order; returns what takes back their other effects."""
    with contextlib.ExitStack() as undo:
        for name in sorted(names, key=list(VARIANTS).index):
            back = VARIANTS[name](pipe)
            if back:
                undo.callback(back)
        return undo.pop_all()
