"""What goes through a model while it makes a clip, seen from outside: each network's input and output, each step."""

import contextlib
import dataclasses
import functools

import torch

from t2v_helpers import generate, load_pipeline
from t2v_helpers.models import counting, skeleton
from t2v_helpers.models.registry import MODELS

PROMPT, SEED, STEPS = "a red circle moving left", 0, MODELS["tiny"].steps
STAGES = ("text_encoder", "unet", "vae")


@contextlib.contextmanager
def watching(parts):
    """Yields a dict, stage -> (input, output) of its first call in the block; of the autoencoder, of its decoder."""
    seen = {}

    def note(name):
        def hook(module, args, out):
            seen.setdefault(name, (args[0], out if isinstance(out, torch.Tensor) else out[0]))

        return hook

    with contextlib.ExitStack() as undo:
        for name in STAGES:
            module = parts[name].decoder if name == "vae" else parts[name]
            undo.callback(module.register_forward_hook(note(name)).remove)
        yield seen


@contextlib.contextmanager
def recording(scheduler):
    """Yields a list that each step of the scheduler adds to: (t, x_t, x0_hat, x_s), its t counted from 1."""
    walk, step = [], scheduler.step

    def recorded(model_output, t, sample, **more):
        result = step(model_output, t, sample, **more)
        walk.append((int(t) + 1, sample, result.pred_original_sample, result.prev_sample))
        return result

    scheduler.step = recorded
    try:
        yield walk
    finally:
        del scheduler.step


@dataclasses.dataclass(frozen=True)
class Trace:
    """A model's counts and shapes by stage, and of the scale model what was in them."""

    weights: dict  # stage -> how many
    shapes: dict  # stage -> (of its input, of its output)
    values: dict | None = None  # stage -> (input, output)
    walk: list | None = None  # (t, x_t, x0_hat, x_s), latents (F, 4, h, w)
    frames: torch.Tensor | None = None  # (F, H, W, 3) in [0, 1]


def _trace(parts, seen, **more):
    shapes = {name: tuple(tuple(tensor.shape) for tensor in pair) for name, pair in seen.items()}
    return Trace({name: parts[name].num_parameters() for name in STAGES}, shapes, **more)


@functools.cache
def tiny():
    """The scale model, loaded once."""
    return load_pipeline("tiny", device="cpu")


@functools.cache
def scale_model(prompt=PROMPT, seed=SEED, steps=STEPS):
    """The `Trace` of one clip that the scale model makes."""
    pipeline = tiny()
    with watching(pipeline.components) as seen, recording(pipeline.scheduler) as walk:
        frames = torch.from_numpy(generate(prompt, pipeline, seed=seed, steps=steps))
    return _trace(pipeline.components, seen, values=seen, walk=walk, frames=frames)


@functools.cache
def modelscope(num_frames=16, size=256):
    """The `Trace` of ModelScope for a clip of its own size, on the meta device: shapes and no numbers."""
    parts = skeleton()
    with watching(parts) as seen, torch.no_grad():
        for call in counting.calls("modelscope", parts, num_frames, size, size).values():
            call()
    return _trace(parts, seen)


def decode(latents):
    """Latents (F, 4, h, w) to frames (F, H, W, 3) in [0, 1], by the scale model's decoder."""
    vae = tiny().vae
    with torch.no_grad():
        images = vae.decode(latents / vae.config.scaling_factor).sample
    return (images / 2 + 0.5).clamp(0, 1).movedim(1, -1)
