"""From a model's name to a pipeline, and from a prompt to a clip.

The models are `TextToVideoSDPipeline`s, a class that diffusers has deprecated since 0.33.1 and still carries. What to
know of it: it runs guidance below 1 as 1 and height 0 as the default, and cuts a long prompt with a log line
(`generate` checks for all three); `clip_skip` fails under transformers 5; it has no `callback_on_step_end`, only
`callback(step, t, latents)`; sliced decoding is `pipe.vae.enable_slicing()`. torch, diffusers and transformers are
imported when a model is first loaded, not with this module.
"""

import contextlib
import functools
import math
import os
import pathlib

from . import prompts, weights
from .models import MODELS, PLANS, Model, describe, plan_memory

CLASSES = tuple(dict.fromkeys(model.pipeline_class for model in MODELS.values()))


def load_pipeline(name="auto", *, device=None):
    """Load a text-to-video pipeline, from safetensors alone, and put it where it fits.

    name: a name of MODELS, a folder, a hub id, or "auto": ModelScope where a CUDA GPU is there and its weights are on
    this machine already, else the scale model. "auto" says in one line which and why, and never starts a download.
    device: "cuda", "cpu" and so on; None takes CUDA where it is there. On a GPU ModelScope runs in half precision,
    by the plan that `plan_memory` gives; on a CPU in single precision, for many minutes a clip.
    Returns a diffusers pipeline, whose `t2v_model` is its `Model`. Raises ValueError, FileNotFoundError or
    ConnectionError with one line.

    >>> pipe = load_pipeline("tiny")
    >>> pipe.unet.config.in_channels
    4
    """
    if name != "auto":
        describe(name)  # a wrong name is told before torch is imported
    import torch

    device = _device(device)
    if name == "auto":
        name, why = _auto(device)
        print(f"auto: {name}, because {why}")
    model = describe(name)
    folder, components = weights.locate(model.repo, model.revision, CLASSES)
    pipe = _assemble(folder, components, torch.float32 if device.type == "cpu" else getattr(torch, model.gpu_dtype))
    if model.scheduler:
        import diffusers

        pipe.scheduler = getattr(diffusers, model.scheduler).from_config(pipe.scheduler.config)
    if not prompts.known_words(pipe.tokenizer):
        pipe.vae.enable_slicing()  # frame by frame: 0.1 GB of activations for ModelScope's clip instead of 1.6 GB
    pipe.set_progress_bar_config(disable=not model.progress)
    pipe.t2v_model = model
    _place(pipe, device)
    if model.licence:
        _say_once(model.licence)
    return pipe


def _assemble(folder, components, dtype):
    """The pipeline of a checked folder. The dtype is always given: the config of ModelScope's text encoder says
    float16, and without one it would come so, beside a float32 UNet."""
    with _quiet(bars=False):
        from diffusers import TextToVideoSDPipeline

        models = weights.load_models(folder, components, dtype)
        try:
            return TextToVideoSDPipeline.from_pretrained(folder, **models, use_safetensors=True, dtype=dtype)
        except Exception as error:  # a tokenizer or scheduler file that is not what it should be
            raise ValueError(f"{folder} cannot be loaded as a pipeline ({weights.one_line(error)})") from error


@contextlib.contextmanager
def _quiet(bars):
    """Let diffusers and transformers log errors only, and draw no bars while they load.

    What else they would log is said or checked here: that the class is deprecated (top of this file), tensors that
    are missing (an error, weights.py), words that are cut (a warning, prompts.py).
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    with contextlib.ExitStack() as undo:
        for log in (diffusers_logging, transformers_logging):
            undo.callback(log.set_verbosity, log.get_verbosity())
            log.set_verbosity_error()
            if not bars and log.is_progress_bar_enabled():
                undo.callback(log.enable_progress_bar)
                log.disable_progress_bar()
        yield


@functools.cache
def _say_once(line):
    print(line)


def _device(device):
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device {device!r}: expected a name such as 'cpu' or 'cuda'") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device '{device}': this machine has no CUDA GPU that torch can use")
    return device


def _auto(device):
    """The model that "auto" means on this device, and why."""
    model = MODELS["modelscope"]
    if device.type != "cuda":
        return "tiny", "ModelScope needs a CUDA GPU and this runs on the CPU"
    free, need = _free_bytes(device) / 1e9, model.working_bytes / 1e9
    if free < need:
        return "tiny", f"{free:.1f} GB of GPU memory are free and ModelScope needs more than {need:.1f} GB"
    try:
        weights.check_cache(model.repo, model.revision, CLASSES)
    except (ValueError, FileNotFoundError) as error:
        size = 2 * sum(model.parameters.values()) / 1e9
        return "tiny", f"{error} (load_pipeline('modelscope') downloads {size:.1f} GB, once)"
    return "modelscope", "a GPU and the weights are here"


def _free_bytes(device):
    import torch

    return torch.cuda.mem_get_info(device)[0]


def _place(pipe, device):
    """Put a pipeline that was loaded on the CPU where `plan_memory` says."""
    import torch

    if device.type == "cuda":
        models = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
        sizes = {name: sum(p.numel() * p.element_size() for p in part.parameters()) for name, part in models.items()}
        free = _free_bytes(device)
        plan = plan_memory(free, sizes, pipe.t2v_model.working_bytes)
        if plan != PLANS[0]:
            print(f"{free / 1e9:.1f} GB of GPU memory are free: the weights go there {plan}, which is slower")
            if plan == PLANS[1]:
                return pipe.enable_model_cpu_offload(device=device)
            return pipe.enable_group_offload(device, offload_type="leaf_level", use_stream=True)
    pipe.to(device)


def generate(
    prompt,
    pipeline="auto",
    *,
    seed=0,
    steps=None,
    guidance=None,
    num_frames=None,
    height=None,
    width=None,
    negative_prompt=None,
):
    """Generate a clip of what the prompt says.

    prompt: a text; `prompts.check_prompt` says what a model can read. pipeline: a loaded pipeline, or a name as
    `load_pipeline` takes it, which is loaded once and kept (a folder: until a file in it changes). seed: int in
    [0, 2**63); it draws the noise on the CPU in float32, so that it means the same clip on every device, up to
    rounding. steps: of the sampler. guidance: 0 does not use the prompt, 1 does, and more leans on it. num_frames;
    height, width: pixels, multiples of 8. None for any of these is the model's default. negative_prompt: what to lean
    away from, in place of the empty prompt; it has no say at guidance 1.
    Returns frames: float32 array (F, H, W, 3) in [0, 1]. Raises ValueError with one line, before anything runs, and
    afterwards if the frames are not finite.

    >>> generate("a red circle moving left", "tiny", seed=1, steps=2).shape
    (16, 64, 64, 3)
    """
    prompts.check_settings(seed=seed, steps=steps, guidance=guidance, num_frames=num_frames, height=height, width=width)
    prompts.check_prompt(prompt)
    pipe = _kept(pipeline)
    model = getattr(pipe, "t2v_model", None)  # a pipeline from elsewhere has none
    model = model or (MODELS["tiny"] if prompts.known_words(pipe.tokenizer) else Model(repo=""))
    steps, num_frames = steps or model.steps, num_frames or model.num_frames
    guidance = model.guidance if guidance is None else guidance
    most, scale = pipe.scheduler.config.num_train_timesteps, pipe.vae_scale_factor
    if steps > most:
        raise ValueError(f"steps {steps}: expected at most {most}, as many as the model was trained with")
    height, width = (value or pipe.unet.config.sample_size * scale for value in (height, width))
    divisor = math.lcm(8, scale)  # the class asks for 8 whatever its autoencoder does
    if height % divisor or width % divisor:
        raise ValueError(f"size {width}x{height} pixels: expected multiples of {divisor}")
    prompt = prompts.check_prompt(prompt, pipe.tokenizer)
    if negative_prompt is not None:
        negative_prompt = prompts.check_prompt(negative_prompt, pipe.tokenizer, name="negative prompt", blank=True)
    if guidance == 0:  # eps_uncond alone, which is what the class gives for the empty prompt unguided
        prompt, negative_prompt, guidance = negative_prompt or "", None, 1
    return _run(
        pipe,
        int(seed),
        prompt=prompt,
        negative_prompt=negative_prompt,
        num_inference_steps=int(steps),
        guidance_scale=float(guidance),
        num_frames=int(num_frames),
        height=int(height),
        width=int(width),
    )


def _run(pipe, seed, **settings):
    import numpy as np
    import torch

    generator = torch.Generator().manual_seed(seed)
    sides = [settings[side] // pipe.vae_scale_factor for side in ("height", "width")]
    noise = torch.randn((1, pipe.unet.config.in_channels, settings["num_frames"], *sides), generator=generator)
    with _quiet(bars=True):
        frames = pipe(latents=noise.to(pipe.unet.dtype), generator=generator, **settings).frames[0]
    if not np.isfinite(frames).all():
        dtype = str(pipe.unet.dtype).removeprefix("torch.")
        hint = "half precision overflows soon, try less guidance" if "16" in dtype else "the weights may be damaged"
        raise ValueError(f"the model gave frames that are not finite, in {dtype} ({hint})")
    return frames


def _kept(pipeline):
    """The pipeline itself, or the one of that name, loaded at its first use."""
    if not isinstance(pipeline, str | os.PathLike):
        if not callable(pipeline) or not hasattr(pipeline, "scheduler"):
            raise ValueError(f"pipeline {pipeline!r}: expected a loaded pipeline or the name of a model")
        return pipeline
    name = os.fspath(pipeline)
    files = () if name in ("auto", *MODELS) else pathlib.Path(os.path.expanduser(name)).glob("*/*")
    return _loaded(name, max((file.stat().st_mtime_ns for file in files), default=0))


@functools.lru_cache(maxsize=4)
def _loaded(name, stamp):
    return load_pipeline(name)
