"""What goes through a model while it makes a clip, observed from outside: inputs, outputs and denoising steps."""

import contextlib
import dataclasses
import functools
from unittest import mock

import torch
from torch.nn.modules.module import register_module_forward_hook

from t2v_helpers import generate, load_pipeline
from t2v_helpers.models import counting, skeleton
from t2v_helpers.models.registry import MODELS

PROMPT, SEED, STEPS = "a red circle moving left", 0, MODELS["tiny"].steps
STAGES = ("text_encoder", "unet", "vae")


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a model holds and what went through it, by stage; for the scale model with the values."""

    weights: dict  # stage -> count
    values: dict  # stage -> (input, output) of its first call; for the autoencoder, of its decoder
    walk: list | None = None  # (t, x_t, x0_hat, x_s) for each denoising step, latents (F, c, h, w), t counted from 1
    frames: torch.Tensor | None = None  # (F, H, W, 3) in [0, 1]

    @property
    def shapes(self):
        """Stage -> (shape of the input, shape of the output)."""
        return {name: tuple(tuple(tensor.shape) for tensor in pair) for name, pair in self.values.items()}


@contextlib.contextmanager
def watching(parts):
    """Yields a dict that the calls in the block fill: stage -> (input, output) of its first call."""
    seen, names = {}, {parts[name].decoder if name == "vae" else parts[name]: name for name in STAGES}

    def note(module, args, out):
        if module in names:
            seen.setdefault(names[module], (args[0], out if isinstance(out, torch.Tensor) else out[0]))

    with register_module_forward_hook(note):
        yield seen


@contextlib.contextmanager
def recording(scheduler):
    """Yields a list to which each step of the scheduler appends (t, x_t, x0_hat, x_s)."""
    walk, step = [], scheduler.step

    def recorded(model_output, t, sample, **more):
        result = step(model_output, t, sample, **more)
        walk.append((int(t) + 1, sample, result.pred_original_sample, result.prev_sample))
        return result

    with mock.patch.object(scheduler, "step", recorded):
        yield walk


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
    return Trace({name: pipeline.components[name].num_parameters() for name in STAGES}, seen, walk, frames)


@functools.cache
def modelscope(num_frames=16, size=256):
    """The `Trace` of ModelScope for a clip of its usual size, on the meta device: shapes without numbers."""
    parts = skeleton()
    with watching(parts) as seen, torch.no_grad():
        for call in counting.calls("modelscope", parts, num_frames, size, size).values():
            call()
    return Trace({name: parts[name].num_parameters() for name in STAGES}, seen)


def decode(latents):
    """Latents (F, c, h, w) to frames (F, H, W, 3) in [0, 1], by the scale model's decoder."""
    vae = tiny().vae
    with torch.no_grad():
        images = vae.decode(latents / vae.config.scaling_factor).sample
    return (images / 2 + 0.5).clamp(0, 1).movedim(1, -1)
