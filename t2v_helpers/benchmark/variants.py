"""What might make a clip cheaper: named changes to a loaded pipeline, for `t2v_helpers.benchmark` to measure.

A variant is a function of the pipeline; it raises NotHere if it cannot run. Of several variants whose names agree up to
the colon, only one can be kept.
"""

import functools


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
        from torch.nn.attention import SDPBackend, sdpa_kernel

        pipe.unet.forward = sdpa_kernel(getattr(SDPBackend, backend))(pipe.unet.forward)

    return change


def _channels_last(pipe):
    import torch  # weights of each Conv2d as NHWC, which tensor cores want; Conv3d does not take it

    for module in pipe.unet.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)


def _two_calls(pipe):
    """The guided and the unguided prediction one after the other: less memory, smaller products."""
    import torch

    forward = pipe.unet.forward

    def call(sample, timestep, encoder_hidden_states, **kwargs):
        pairs = zip(sample.chunk(2), encoder_hidden_states.chunk(2), strict=True)
        return (torch.cat([forward(x, timestep, context, **kwargs)[0] for x, context in pairs]),)

    pipe.unet.forward = call


def _encoded_once(pipe):
    """Prompts are encoded once and kept; the class encodes both for each clip."""
    pipe.encode_prompt = functools.cache(pipe.encode_prompt)


def _four_at_once(pipe):
    import torch
    from diffusers.models.autoencoders.vae import DecoderOutput

    decode = pipe.vae.decode

    def call(latents, **kwargs):
        return DecoderOutput(torch.cat([decode(piece, **kwargs).sample for piece in latents.split(4)]))

    pipe.vae.disable_slicing()
    pipe.vae.decode = call


def _timed_convolutions(pipe):
    """Let cuDNN time its algorithms at the first clip and keep the fastest; `timing.measure` turns this off again."""
    import torch

    if pipe._execution_device.type != "cuda":
        raise NotHere("cuDNN needs a CUDA GPU")
    torch.backends.cudnn.benchmark = True


VARIANTS = {
    "memory format: channels last": _channels_last,
    "projections: fused": lambda pipe: pipe.unet.fuse_qkv_projections(),
    "attention: flash": _attention("FLASH_ATTENTION"),
    "attention: efficient": _attention("EFFICIENT_ATTENTION"),
    "attention: cuDNN": _attention("CUDNN_ATTENTION"),
    "attention: math": _attention("MATH"),
    "convolutions: timed": _timed_convolutions,
    "guidance: two calls": _two_calls,
    "prompt: encoded once": _encoded_once,
    "decoding: frame by frame": lambda pipe: pipe.vae.enable_slicing(),
    "decoding: 4 frames at once": _four_at_once,
    "decoding: all at once": lambda pipe: pipe.vae.disable_slicing(),
    # the compiler comes last: it takes minutes, and where it is one of several it has to see what the others have done
    "compile: default": _compile(),
    "compile: CUDA graphs": _compile(mode="reduce-overhead"),
    "compile: tuned": _compile(mode="max-autotune-no-cudagraphs"),
}


def apply(names, pipe):
    """Change the pipeline by the named variants, in the table's order."""
    for name in sorted(names, key=list(VARIANTS).index):
        VARIANTS[name](pipe)
