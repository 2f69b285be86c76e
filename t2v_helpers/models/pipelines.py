"""From a model's name to a pipeline, and from a prompt to a clip.

`TextToVideoSDPipeline` (ModelScope, the scale model) runs guidance below 1 as 1 and cuts a long prompt; the newer
classes round a length or a size that they cannot make. `Request`, `fit` and `check_shape` refuse it or warn.
"""

import contextlib
import copy
import dataclasses
import functools
import hashlib
import inspect
import itertools
import math
import os
import pathlib
import types
import typing
import warnings
from collections.abc import Callable, Iterator

from .._support.logs import print_once, quiet
from . import budget, checkpoint, hub, placing
from .registry import CLASSES, DTYPES, MODELS, SCALE, Model, check_shape, describe, of_class, of_folder, own_shape
from .request import Request, check_prompt, known_words

if typing.TYPE_CHECKING:
    import numpy as np
    import torch
    from diffusers import DiffusionPipeline


def load_pipeline(
    name: str | os.PathLike | Model = "auto",
    *,
    device: str | None = None,
    plan: str | None = None,
    dtype: "str | torch.dtype | None" = None,
    ask: bool = False,
) -> "DiffusionPipeline":
    """Load a text-to-video pipeline, from safetensors alone, and put it where it fits.

    Args:
        name: A name of `MODELS`, a folder, a hub id, a `Model`, or "auto": ModelScope if a CUDA GPU has the memory for
            it and its weights are here, else the scale model. "auto" prints which and why, and downloads only if
            `ask` is set and you agree.
        device: Such as "cuda" or "cpu"; None takes a CUDA GPU, or for big models Apple's, if there is one.
        plan: A name of `PLANS`, for a CUDA GPU; None takes the first that fits. "int8-text" needs torchao.
        dtype: Of `DTYPES`, such as "bfloat16"; None: float32 on a CPU, on a GPU what the model was trained or published
            in. A GPU without bfloat16 gets float32 in its place, and a line says so.
        ask: Whether "auto" offers to download ModelScope if only its weights are missing; no answer means no.

    Returns:
        A pipeline of diffusers. Its `t2v_model` is its `Model`, `t2v_plan` the plan, `t2v_files` the checkpoint.

    Raises:
        ValueError: The name, device, plan or dtype is not one, or the files are broken. Every error is one line.
        OSError: A file is missing, the hub cannot be reached (ConnectionError), or the disk is full.
    """
    model = None if name == "auto" else describe(name)  # a wrong name is reported before torch is imported
    if plan not in (None, *budget.PLANS):
        raise ValueError(f"plan {plan!r}: expected one of {', '.join(budget.PLANS)}")
    asked = dtype if dtype is None else str(dtype).removeprefix("torch.")
    if asked not in (None, *DTYPES):
        raise ValueError(f"dtype {asked!r}: expected one of {', '.join(DTYPES)}")
    import torch

    own_choice, device = device is None, placing.device_of(device)
    if model is None:
        name, why = _auto(device, ask)
        print(f"auto: {name}, because {why}")
        model = MODELS[name]
    plan = plan or placing.plan_for_ram(model, asked, device)
    if plan == "int8-text":
        checkpoint.need_torchao()  # before anything is downloaded
    found = hub.locate(model)
    if model == Model(model.repo):  # nothing is known of it but its name
        model = of_folder(found.folder, model.repo)
    elif found.pipeline_class != model.pipeline_class:
        model = of_class(found.pipeline_class, model.repo)
    dtype = getattr(torch, _dtype(asked, model, found, device))
    with quiet(bars=False):
        import diffusers

        int8 = ["text_encoder"] if plan == "int8-text" else []
        models = checkpoint.load_models(found, dtype, model.float32, int8)
        kind = getattr(diffusers, found.pipeline_class)
        try:
            pipe = kind.from_pretrained(found.folder, **models, use_safetensors=True, dtype=dtype)
        except Exception as error:  # a tokenizer or scheduler file that is not what it should be
            raise ValueError(f"{found.folder} cannot be loaded as a pipeline ({checkpoint.one_line(error)})") from error
    if model.scheduler:
        pipe.scheduler = getattr(diffusers, model.scheduler).from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=not model.progress)
    pipe.t2v_model, pipe.t2v_scheduler, pipe.t2v_files = model, pipe.scheduler, found
    if own_choice and device.type == "mps" and known_words(pipe.tokenizer):
        device = torch.device("cpu")  # fast enough for the scale model, and known to be right
    placing.place(pipe, device, plan)
    if model.licence:
        print_once(model.licence)
    return pipe


def _dtype(asked: str | None, model: Model, found: checkpoint.Checkpoint, device: "torch.device") -> str:
    """The precision that a model is loaded in: as asked, or what suits the model and the device."""
    if asked is None and device.type == "cpu":
        return "float32"
    dtype = asked or model.gpu_dtype or checkpoint.own_dtype(found)
    if dtype != "bfloat16" or device.type != "cuda" or placing.has_bfloat16(device):
        return dtype
    if asked:
        raise ValueError("dtype 'bfloat16': this GPU does not compute in it, expected float32 or float16")
    print("this GPU does not compute in bfloat16, the model's precision: float32 it is, in twice the memory")
    return "float32"


def identity(pipe: "DiffusionPipeline") -> str:
    """A SHA-256 of what decides, beside the request, which clips a pipeline makes: files, scheduler and precision.

    Args:
        pipe: What `load_pipeline` returns.
    """
    runs = pipe.scheduler.to_json_string(), str(placing.denoiser(pipe).dtype)
    return hashlib.sha256("\n".join((checkpoint.fingerprint(pipe.t2v_files), *runs)).encode()).hexdigest()


def _auto(device: "torch.device", ask: bool) -> tuple[str, str]:
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
        size = f"{2 * sum(counts.parameters) / 1e9:.1f} GB, once"
        if ask and _agreed(f"This GPU can run ModelScope. Download its weights ({size})? [Y/n] "):
            return "modelscope", "you agreed to the download"
        return "tiny", f"{error} (load_pipeline('modelscope') downloads {size})"
    return "modelscope", "a GPU and the weights are here"


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("", "y", "yes")
    except (EOFError, RuntimeError):  # no keyboard; a notebook that is run by a program raises NotImplementedError
        return False


def generate(
    prompt: str,
    pipeline: "str | os.PathLike | Model | DiffusionPipeline" = "auto",
    *,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    num_frames: int | None = None,
    height: int | None = None,
    width: int | None = None,
    negative_prompt: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "np.ndarray":
    """Generate a clip of what the prompt says.

    Args:
        prompt: What the clip shows.
        pipeline: A loaded one, or what `load_pipeline` takes: loaded once and kept (a folder: until it changes).
        seed: In [0, 2**63). The noise is drawn on the CPU, so a seed starts from the same noise on every device.
        steps: Denoising steps; None, here and down to `width`, is the model's own value.
        guidance: w in eps_uncond + w (eps_text - eps_uncond), 0 or at least 1 (1 + w in Ho and Salimans 2022, eq. 6).
        num_frames: Length; `check_shape` says which a model can make.
        height: Pixels, like `width`.
        width: Pixels.
        negative_prompt: What to steer away from, in place of the empty prompt; it has no effect at guidance 1.
        progress: Called after each denoising step with (steps done, steps in all), in place of a progress bar.

    Returns:
        Frames, float32 (F, H, W, 3) in [0, 1].

    Raises:
        ValueError: The model cannot meet the request, the frames are not finite, or memory runs out twice; one line.

    >>> generate("a red circle moving left", "tiny", seed=1, steps=2).shape
    (16, 64, 64, 3)
    """
    request = Request(prompt, negative_prompt, seed, steps, guidance, num_frames, height, width)
    if isinstance(pipeline, str | os.PathLike | Model):
        request.check_shape(pipeline)  # before it is loaded
    pipe = _kept(pipeline)
    request, notes = fit(request, pipe)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    with _reporting(pipe, progress):
        return make(request, pipe)


def fit(request: Request, pipe: "DiffusionPipeline") -> tuple[Request, list[str]]:
    """Check a request against a loaded pipeline, and fill in the model's own values.

    Args:
        request: What somebody asks for.
        pipe: What `load_pipeline` returns.

    Returns:
        The complete request, its prompts as the tokenizer reads them, and warnings, one line each.

    Raises:
        ValueError: The model cannot meet the request, in one line.
    """
    if not hasattr(pipe, "t2v_model"):
        pipe.t2v_plan, pipe.t2v_model = None, _from_elsewhere(pipe)
    model, scale = pipe.t2v_model, _scale(pipe)
    steps, num_frames = int(request.steps or model.steps), int(request.num_frames or model.num_frames)
    width, height = model.size or own_shape(*_denoisers(pipe), scale)["size"]
    width, height = int(request.width or width), int(request.height or height)
    notes = check_scheduler(pipe, steps)
    divisor = math.lcm(model.divisor, scale)  # a class asks for its own, whatever its autoencoder does
    check_shape(dataclasses.replace(model, divisor=divisor), num_frames, height, width)
    prompt, more = check_prompt(request.prompt, pipe.tokenizer, model)
    notes += more
    negative = request.negative_prompt
    if negative is not None:
        negative, more = check_prompt(negative, pipe.tokenizer, model, negative=True)
        notes += more
    guidance = float(model.guidance if request.guidance is None else request.guidance)
    return Request(prompt, negative, int(request.seed), steps, guidance, num_frames, height, width), notes


def _from_elsewhere(pipe: "DiffusionPipeline") -> Model:
    """The model of a pipeline that was not loaded here: by the folder or the name that it came from, or by its kind."""
    name = pipe.name_or_path or ""
    if os.path.isdir(name) or any(name in (model.repo, *model.also) for model in MODELS.values()):
        return describe(name)
    name = type(pipe).__name__
    kind = SCALE.get(name, MODELS["tiny"]) if known_words(pipe.tokenizer) else of_class(name)
    return dataclasses.replace(kind, repo="", **own_shape(*_denoisers(pipe), _scale(pipe)))


def _denoisers(pipe: "DiffusionPipeline") -> list[dict]:
    """The configs of its UNet and of its transformer, one of them empty."""
    return [getattr(getattr(pipe, name, None), "config", {}) for name in ("unet", "transformer")]


def _scale(pipe: "DiffusionPipeline") -> int:
    """Pixels of a latent's side."""
    names = ("vae_scale_factor", "vae_scale_factor_spatial", "vae_spatial_compression_ratio")
    return next(getattr(pipe, name) for name in names if hasattr(pipe, name))


def check_scheduler(pipe: "DiffusionPipeline", steps: int) -> list[str]:
    """Refuse a scheduler that cannot lead a pipeline from noise to a clip.

    Args:
        pipe: Its scheduler may have been replaced.
        steps: How many denoising steps it will be asked for.

    Returns:
        A warning if it works with other noise than the one that `load_pipeline` found, or reads the network's output
        as something else.

    Raises:
        ValueError: It has other methods or another kind of noise than the pipeline, or cannot make that many steps.
    """
    scheduler, own = pipe.scheduler, getattr(pipe, "t2v_scheduler", pipe.scheduler)
    kind, class_name = type(scheduler).__name__, type(pipe).__name__
    flow = class_name in ("WanPipeline", "LTXPipeline")
    needs = ["config", "order", "set_timesteps", "step"]
    needs += [] if flow else ["alphas_cumprod", "init_noise_sigma", "scale_model_input"]
    missing = [name for name in needs if not hasattr(scheduler, name)]
    if not flow and not missing and scheduler.config.get("use_flow_sigmas"):
        missing = ["noise of the variance-preserving kind (use_flow_sigmas is set)"]
    if flow and not missing and hasattr(scheduler, "alphas_cumprod"):
        # from_config keeps settings that a class does not know, and such a class makes no use of them
        known = "use_flow_sigmas" in inspect.signature(type(scheduler)).parameters
        if not (known and scheduler.config.get("use_flow_sigmas")):
            missing = ["noise of flow matching (use_flow_sigmas)"]
    if not missing and (kind, class_name) != ("CogVideoXDPMScheduler", "CogVideoXPipeline"):  # those know each other
        takes = inspect.signature(scheduler.step).parameters.values()
        more = [p.name for p in takes if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD][3:]
        missing = [f"a step without {more[0]}"] if more else []
    if missing:
        raise ValueError(f"scheduler {kind} cannot run a {class_name}: expected one with {', '.join(missing)}")
    most = scheduler.config.num_train_timesteps
    if steps > most:
        raise ValueError(f"steps {steps}: expected at most {most}, as many as the model was trained with")
    if flow:
        return []  # the pipeline computes what its scheduler needs
    try:
        probe = copy.deepcopy(scheduler)
        probe.set_timesteps(steps)
    except Exception as error:  # each class has its own rules
        raise ValueError(f"scheduler {kind} with {steps} steps: {checkpoint.one_line(error)}") from error
    if probe.timesteps[0] < probe.timesteps[-1]:
        raise ValueError(f"scheduler {kind} runs from a clip to noise, expected one that runs from noise to a clip")
    said, trained = scheduler.config.get("prediction_type"), own.config.get("prediction_type")
    if said != trained:
        return [f"scheduler {kind} reads the network's output as {said}, but the model predicts {trained}"]
    theirs, ours = scheduler.alphas_cumprod, own.alphas_cumprod
    same = theirs.shape == ours.shape and abs(theirs.cpu() - ours.cpu()).max() < 1e-3  # false for nan
    if not same or any(scheduler.config.get(name) != own.config.get(name) for name in ("sigma_min", "sigma_max")):
        return [f"scheduler {kind} has another noise schedule than the model was trained with"]
    return []


def make(request: Request, pipe: "DiffusionPipeline") -> "np.ndarray":
    """Make a clip; see `generate` for what it returns and raises.

    Args:
        request: Completed by `fit`.
        pipe: The same as there.
    """
    asked = dataclasses.asdict(request)
    seed, steps, guidance = (asked.pop(name) for name in ("seed", "steps", "guidance"))
    if guidance == 0:  # eps_uncond alone, which is what the class gives for the empty prompt unguided
        asked |= {"prompt": request.negative_prompt or "", "negative_prompt": None}
    asked |= {"num_inference_steps": steps, "guidance_scale": guidance or 1.0, "output_type": "np"}
    if pipe.t2v_model.tokens:
        asked["max_sequence_length"] = pipe.t2v_model.tokens
    return placing.with_less(pipe, lambda: _run(pipe, seed, asked))


@contextlib.contextmanager
def _reporting(pipe: "DiffusionPipeline", progress: Callable[[int, int], None] | None) -> Iterator[None]:
    """Calls progress(done, total) where the pipeline would move its progress bar."""

    def bar(total: int) -> contextlib.nullcontext:
        done = itertools.count(1)
        return contextlib.nullcontext(types.SimpleNamespace(update=lambda: progress(next(done), total)))

    if progress:
        pipe.progress_bar = bar  # hides the method of its class
    try:
        yield
    finally:
        vars(pipe).pop("progress_bar", None)


def _run(pipe: "DiffusionPipeline", seed: int, asked: dict) -> "np.ndarray":
    import numpy as np
    import torch

    net, generator = placing.denoiser(pipe), torch.Generator().manual_seed(seed)
    shape = {key: asked[key] for key in ("num_frames", "height", "width")}
    options = {"dtype": torch.float32, "device": torch.device("cpu"), "generator": generator}
    with quiet(bars=True):
        noise = pipe.prepare_latents(batch_size=1, num_channels_latents=net.config.in_channels, **shape, **options)
        noise /= getattr(pipe.scheduler, "init_noise_sigma", 1)  # the class scales what it is given once more
        if type(pipe).__name__ in ("TextToVideoSDPipeline", "CogVideoXPipeline"):
            noise = noise.to(net.dtype)  # the others do that
        finite, decoder = [], getattr(pipe.vae, "decoder", pipe.vae)  # an infinite pixel would be clipped to black
        hook = decoder.register_forward_hook(lambda *call: finite.append(_all_finite(call[-1])))
        try:
            frames = pipe(latents=noise, generator=generator, **asked).frames[0]
        finally:
            hook.remove()
    if not np.isfinite(frames).all() or not all(finite):
        dtype = str(net.dtype).removeprefix("torch.")
        hint = "16 bits overflow: try less guidance, or load_pipeline(..., dtype='float32')"
        hint = hint if "16" in dtype else "the weights may be damaged"
        raise ValueError(f"the model gave frames that are not finite, in {dtype} ({hint})")
    return frames


def _all_finite(out: "torch.Tensor | tuple[torch.Tensor, ...]") -> "torch.Tensor":
    return (out[0] if isinstance(out, tuple) else out).isfinite().all()


def _kept(pipeline: "str | os.PathLike | Model | DiffusionPipeline") -> "DiffusionPipeline":
    """The pipeline itself, or the one of that name, loaded at its first use."""
    if not isinstance(pipeline, str | os.PathLike | Model):
        if not {kind.__name__ for kind in type(pipeline).__mro__} & set(CLASSES):
            got = repr(pipeline) if len(repr(pipeline)) < 40 else type(pipeline).__name__
            raise ValueError(f"pipeline {got}: expected the name of a model, or a loaded {' or '.join(CLASSES)}")
        return pipeline
    name = os.fspath(pipeline) if isinstance(pipeline, os.PathLike) else pipeline
    folder = pathlib.Path("" if name == "auto" else os.path.expanduser(describe(name).repo))
    own = name != "auto" and folder.is_dir()
    return _loaded(name, checkpoint.fingerprint(checkpoint.check(folder)) if own else "")


@functools.lru_cache(maxsize=4)
def _loaded(name: str | Model, content: str) -> "DiffusionPipeline":
    return load_pipeline(name)
