"""Clips to measure: a model's and rendered ones, with what the judge sees in each.

Frames are kept as bytes, as they would be saved. What a model makes can be kept in a folder, batch by batch. A batch's
name is a hash of all that shapes it, the model's files among them, so no other model or setting takes it for its own.
"""

import dataclasses
import hashlib
import io
import itertools
import json
import pathlib
import typing
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from .. import shapes
from .._support import files
from ..models import Request

BATCH = 16


class Job(typing.NamedTuple):
    """What to show: scenes, clips of each, a wording of each (None: the plain captions), settings other than asked."""

    scenes: Sequence[shapes.Scene]
    times: int = 1
    prompts: Sequence[str] | None = None
    settings: Mapping = {}


class Clips(typing.NamedTuple):
    """Clips, `times` of a scene one after another: each one's scene, prompt, frames (uint8, F, H, W, 3) and Sight."""

    scenes: list
    prompts: list
    frames: np.ndarray
    sights: list
    times: int


def draw_scenes(things: int, held_out: bool, count: int, grounds: bool = True, first: bool = False) -> list:
    """Draw different scenes at random; on the plain ground, equally many of each shape.

    things: 1 or 2. held_out: as in `shapes.sample_scene`. grounds: whether to draw the ground, too. first: whether to
    take those of the first world, of which there are 90, and 18 held out.
    """
    generator = torch.Generator().manual_seed(8 * first + 4 * grounds + 2 * things + held_out)

    def shuffled(some):
        return [some[i] for i in torch.randperm(len(some), generator=generator)]

    if first or not grounds:
        every = shuffled(shapes.combinations(held_out, first))
        by_shape = [[names for names in every if names.shape == shape] for shape in shapes.SHAPES]
        in_turn = [names for row in itertools.zip_longest(*by_shape) for names in row if names]
        return [shapes.Scene((names,)) for names in shuffled(in_turn[:count])]
    most = len(shapes.combinations(held_out)) * (1 + len(shapes.GROUNDS))
    if things == 1 and count > most:
        raise ValueError(f"{count} different scenes of one thing: expected at most {most}, as many as there are")
    scenes = {}
    while len(scenes) < count:
        scenes[shapes.sample_scene(generator, things, held_out)] = None
    return list(scenes)


def generate_clips(
    pipeline: Callable, jobs: Mapping[str, Job], asked: Request, model: str = "", folder: pathlib.Path | None = None
) -> dict[str, Clips]:
    """Make the clips of all jobs, each from the noise that `generate` draws.

    asked: steps, guidance, length and size, completed by `fit`; at guidance 0 the prompts are not used. model: what
    tells it from every other one, and folder: where batches are kept; None: nowhere.
    """
    from tqdm.auto import tqdm

    made = {}
    with tqdm(total=sum(len(job.scenes) * job.times for job in jobs.values()), unit="clip", disable=None) as bar:
        for name, job in jobs.items():
            prompts = [prompt for prompt in job.prompts or map(str, job.scenes) for _ in range(job.times)]
            seeds = [10_000 * k + i for i in range(len(job.scenes)) for k in range(job.times)]
            frames = []
            for begin in range(0, len(prompts), BATCH):
                some = slice(begin, begin + BATCH)
                how = dataclasses.replace(asked, **job.settings)
                frames.append(_batch(pipeline, prompts[some], seeds[some], how, model, folder))
                bar.update(len(frames[-1]))
            made[name] = _judged(job, prompts, np.concatenate(frames))
    return made


def _batch(pipeline, prompts, seeds, asked, model, folder):
    """The frames of a few clips: from their file, or made, and kept."""
    settings = {name: getattr(asked, name) for name in ("num_frames", "height", "width")}
    settings |= {"num_inference_steps": asked.steps, "guidance_scale": float(asked.guidance or 1)}
    prompts = prompts if asked.guidance else [""] * len(prompts)
    key = hashlib.sha256(json.dumps([model, prompts, seeds, settings]).encode()).hexdigest()
    path = folder and folder / f"{key[:20]}.npy"
    if path and path.exists():
        return np.load(path)
    tokens = getattr(getattr(pipeline, "t2v_model", None), "tokens", None)
    settings |= {"max_sequence_length": tokens} if tokens else {}
    noise = [torch.Generator().manual_seed(seed) for seed in seeds]
    with torch.inference_mode():
        frames = to_bytes(pipeline(prompts, generator=noise, output_type="np", **settings).frames)
    if path:
        np.save(file := io.BytesIO(), frames)
        files.write_whole(path, file.getvalue())
    return frames


def rendered_clips(job: Job, asked: Request, first: int) -> Clips:
    """What the program draws of a job's scenes, from random seeds that begin with `first`."""
    scenes = [scene for scene in job.scenes for _ in range(job.times)]
    frames = [shapes.render(scene, first + i, asked.num_frames, asked.height) for i, scene in enumerate(scenes)]
    return _judged(job, list(map(str, scenes)), to_bytes(np.stack(frames)))


def to_bytes(frames: np.ndarray) -> np.ndarray:
    """Frames in [0, 1] as bytes."""
    return (np.clip(frames, 0, 1) * 255).round().astype(np.uint8)


def _judged(job, prompts, frames):
    scenes = [scene for scene in job.scenes for _ in range(job.times)]
    return Clips(scenes, prompts, frames, [shapes.look(clip / np.float32(255)) for clip in frames], job.times)
