"""From a model's name to a pipeline, and from a prompt to a clip.

ModelScope and the scale model are `TextToVideoSDPipeline`s, a class that diffusers has deprecated since 0.33.1 and
still carries. What to know of it: it runs guidance below 1 as 1 and height 0 as the default, and cuts a long prompt
with a log line (`generate` checks for all three); `clip_skip` fails under transformers 5; it has no
`callback_on_step_end`, only `callback(step, t, latents)`. The newer classes have it, and they round a length or a size
that they cannot make, with a log line (`models.check_shape` refuses it). torch, diffusers and transformers are imported
when a model is first loaded, not with this module.
"""

import functools
import math
import os
import pathlib

from .._support.logs import print_once, quiet
from . import budget, checkpoint, hub, placing, request
from .registry import MODELS, check_shape, describe, of_class


def load_pipeline(name="auto", *, device=None, plan=None):
    """Load a text-to-video pipeline, from safetensors alone, and put it where it fits.

    name: a name of MODELS, a folder, a hub id, or "auto": ModelScope where a CUDA GPU is there and its weights are on
    this machine already, else the scale model. "auto" says in one line which and why, and never starts a download.
    device: "cuda", "cpu" and so on; None takes CUDA where it is there. On a GPU the large models run in half precision,
    on a CPU in single precision, for many minutes a clip. plan: a name of `budget.PLANS`, on a GPU; None takes the
    first that fits.
    Returns a diffusers pipeline, whose `t2v_model` is its `Model` and `t2v_plan` its plan. Raises ValueError,
    FileNotFoundError, ConnectionError or OSError (no space) with one line.

    >>> pipe = load_pipeline("tiny")
    >>> pipe.unet.config.in_channels
    4
    """
    if name != "auto":
        describe(name)  # a wrong name is told before torch is imported
    if plan not in (None, *budget.PLANS):
        raise ValueError(f"plan {plan!r}: expected one of {', '.join(budget.PLANS)}")
    import torch

    device = placing.device_of(device)
    if name == "auto":
        name, why = _auto(device)
        print(f"auto: {name}, because {why}")
    model = describe(name)
    found = hub.locate(model)
    if found.pipeline_class != model.pipeline_class:
        model = of_class(found.pipeline_class, model.repo)
    dtype = torch.float32 if device.type == "cpu" else getattr(torch, model.gpu_dtype)
    pipe = _assemble(found, dtype, model.float32)
    if model.scheduler:
        import diffusers

        pipe.scheduler = getattr(diffusers, model.scheduler).from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=not model.progress)
    pipe.t2v_model = model
    placing.place(pipe, device, plan)
    if model.licence:
        print_once(model.licence)
    return pipe


def _assemble(found, dtype, float32):
    """The pipeline of a checked folder. The dtype is always given: the config of ModelScope's text encoder says
    float16, and without one it would come so, beside a float32 UNet."""
    with quiet(bars=False):
        import diffusers

        models = checkpoint.load_models(found, dtype, float32)
        kind = getattr(diffusers, found.pipeline_class)
        try:
            return kind.from_pretrained(found.folder, **models, use_safetensors=True, dtype=dtype)
        except Exception as error:  # a tokenizer or scheduler file that is not what it should be
            raise ValueError(f"{found.folder} cannot be loaded as a pipeline ({checkpoint.one_line(error)})") from error


def _auto(device):
    """The model that "auto" means on this device, and why."""
    model = MODELS["modelscope"]
    if device.type != "cuda":
        return "tiny", "ModelScope needs a CUDA GPU and this runs on the CPU"
    free = placing.free_bytes(device)
    counts = budget.COUNTS["modelscope"]
    need = budget.needs(budget.weight_bytes(model, counts), counts)["layer-offload"]
    if free < need + budget.MARGIN:
        return "tiny", f"{free / 1e9:.1f} GB of GPU memory are free and ModelScope needs more than {need / 1e9:.1f} GB"
    try:
        hub.locate(model, download=False)
    except (ValueError, FileNotFoundError) as error:
        size = 2 * sum(counts.parameters) / 1e9
        return "tiny", f"{error} (load_pipeline('modelscope') downloads {size:.1f} GB, once)"
    return "modelscope", "a GPU and the weights are here"


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

    prompt: a text; `request.check_prompt` says what a model can read. pipeline: a loaded pipeline, or a name as
    `load_pipeline` takes it, which is loaded once and kept (a folder: until a file in it changes). seed: int in
    [0, 2**63); it draws the noise on the CPU in float32, so that it means the same clip on every device, up to
    rounding. steps: of the sampler. guidance: 0 does not use the prompt, 1 does, and more leans on it. num_frames;
    height, width: pixels; `models.check_shape` says which a model can make. None for any of these is the model's
    default. negative_prompt: what to lean away from, in place of the empty prompt; it has no say at guidance 1.
    When a GPU's memory does not suffice, the weights are placed by the next plan, in one line, and the clip is made
    from its start.
    Returns frames: float32 array (F, H, W, 3) in [0, 1]. Raises ValueError with one line, before anything runs, and
    afterwards if the frames are not finite or memory does not suffice again.

    >>> generate("a red circle moving left", "tiny", seed=1, steps=2).shape
    (16, 64, 64, 3)
    """
    request.check_settings(seed=seed, steps=steps, guidance=guidance, num_frames=num_frames, height=height, width=width)
    request.check_prompt(prompt)
    if isinstance(pipeline, str | os.PathLike) and pipeline != "auto":
        check_shape(describe(pipeline), num_frames, height, width)  # before it is loaded
    pipe = _kept(pipeline)
    model = _model_of(pipe)
    steps, num_frames = steps or model.steps, num_frames or model.num_frames
    guidance = model.guidance if guidance is None else guidance
    most = pipe.scheduler.config.num_train_timesteps
    if steps > most:
        raise ValueError(f"steps {steps}: expected at most {most}, as many as the model was trained with")
    width, height = (own if value is None else value for value, own in zip((width, height), _size(pipe), strict=True))
    check_shape(model, num_frames)
    divisor = math.lcm(model.divisor, _scale(pipe))  # a class asks for its own, whatever its autoencoder does
    if height % divisor or width % divisor:
        raise ValueError(f"size {width}x{height} pixels: expected multiples of {divisor}")
    reads = {"limit": model.tokens, "english": model.english}
    prompt = request.check_prompt(prompt, pipe.tokenizer, **reads)
    if negative_prompt is not None:
        reads |= {"name": "negative prompt", "blank": True}
        negative_prompt = request.check_prompt(negative_prompt, pipe.tokenizer, **reads)
    if guidance == 0:  # eps_uncond alone, which is what the class gives for the empty prompt unguided
        prompt, negative_prompt, guidance = negative_prompt or "", None, 1
    settings = dict(
        prompt=prompt,
        negative_prompt=negative_prompt,
        num_inference_steps=int(steps),
        guidance_scale=float(guidance),
        num_frames=int(num_frames),
        height=int(height),
        width=int(width),
    )
    return placing.with_less(pipe, lambda: _run(pipe, int(seed), **settings))


def _model_of(pipe):
    """A pipeline's `Model`; for one from elsewhere the defaults of its class."""
    if not hasattr(pipe, "t2v_model"):
        pipe.t2v_plan, scale = None, request.known_words(pipe.tokenizer)
        pipe.t2v_model = MODELS["tiny"] if scale else of_class(type(pipe).__name__)
    return pipe.t2v_model


def _scale(pipe):
    """Pixels of a latent's side; each class has its own name for it."""
    names = ("vae_scale_factor", "vae_scale_factor_spatial", "vae_spatial_compression_ratio")
    return next(getattr(pipe, name) for name in names if hasattr(pipe, name))


def _size(pipe):
    """Width and height of a pipeline's own, pixels."""
    side = pipe.t2v_model.size or pipe.unet.config.sample_size * _scale(pipe)
    return side if isinstance(side, tuple) else (side, side)


def _run(pipe, seed, **settings):
    import numpy as np
    import torch

    net, generator = placing.denoiser(pipe), torch.Generator().manual_seed(seed)
    with quiet(bars=True):
        noise = _noise(pipe, generator, **{key: settings[key] for key in ("num_frames", "height", "width")})
        frames = pipe(latents=noise, generator=generator, output_type="np", **settings).frames[0]
    if not np.isfinite(frames).all():
        dtype = str(net.dtype).removeprefix("torch.")
        hint = "half precision overflows soon, try less guidance" if "16" in dtype else "the weights may be damaged"
        raise ValueError(f"the model gave frames that are not finite, in {dtype} ({hint})")
    return frames


def _noise(pipe, generator, **shape):
    """Noise of unit variance, drawn on the CPU in float32, laid out as the pipeline's class lays it out.

    A class that scales the noise by its scheduler's sigma does so again with what it is given, so that is taken back.
    Where a class leaves the precision as it is given, it is the denoiser's.
    """
    import torch

    net = placing.denoiser(pipe)
    options = {"dtype": torch.float32, "device": torch.device("cpu"), "generator": generator}
    noise = pipe.prepare_latents(batch_size=1, num_channels_latents=net.config.in_channels, **shape, **options)
    noise /= getattr(pipe.scheduler, "init_noise_sigma", 1)
    keeps = type(pipe).__name__ in ("TextToVideoSDPipeline", "CogVideoXPipeline")
    return noise.to(net.dtype) if keeps else noise


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
