"""Clips to measure: a model's, rendered ones, rendered ones through its autoencoder; and what the judge sees in them.

Frames are kept as bytes, as they would be saved. What the model made is kept in a work folder, in blocks that appear
whole or not at all. A block's name is a hash of all that shapes its clips, the model's files among them, so that
another model or setting never takes it for its own.
"""

import concurrent.futures
import hashlib
import io
import json
import multiprocessing
import os
import pathlib
import signal
import threading
import typing
import zipfile

import numpy as np
import torch
from tqdm import tqdm

from .. import shapes
from .._support import files


class Clips(typing.NamedTuple):
    """Clips, `times` of each prompt one after another, with a prompt, a scene, a seed and what is seen for each.

    frames: uint8 (n, F, H, W, 3). sights: `shapes.Sight`s, with arrays in place of tensors.
    """

    prompts: list
    scenes: list
    seeds: list
    times: int
    frames: np.ndarray
    sights: list


def see(frames: np.ndarray) -> shapes.Sight:
    """`shapes.look` at bytes (F, H, W, 3), with arrays in place of tensors, which travel better between processes."""
    sight = shapes.look(frames / np.float32(255))
    things = (thing._replace(center=thing.center.numpy(), radius=thing.radius.numpy()) for thing in sight.things)
    return sight._replace(things=tuple(things))


def _judge_alone():
    """What a process that judges begins with: one thread, Ctrl-C left to its parent, and an end when that ends."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def identity(folder: str | os.PathLike) -> str:
    """A hash of a pipeline folder's configs, tokenizer and weights: other weights, another hash."""
    folder, digest = pathlib.Path(folder).expanduser(), hashlib.sha256()
    for path in sorted([folder / "model_index.json", *folder.glob("*/*")]):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}:{path.stat().st_size}:".encode() + path.read_bytes())
    return digest.hexdigest()


def sample_scenes(things: int, held_out: bool, count: int, known: tuple = (), grounds: bool = True) -> list:
    """Draw different scenes; without grounds, about as many of each shape.

    Args:
        things: 1 or 2.
        held_out: As in `shapes.sample_scene`.
        count: Scenes to draw.
        known: Words that the model reads; empty if it reads all.
        grounds: Whether to draw the ground as well.

    Returns:
        `count` scenes, or fewer where the model's words don't allow more.
    """
    generator, found = torch.Generator().manual_seed(4 * things + 2 * held_out + grounds), {}
    counts = {shape: 0 for shape in shapes.SHAPES if not known or shape in known}
    for _ in range(500 * count):
        scene = shapes.sample_scene(generator, things, held_out, grounds)
        shape = scene.things[0].shape
        if len(found) == count or scene in found or (known and not {*str(scene).split()} <= {*known}):
            continue
        if grounds or counts[shape] == min(counts.values()):
            counts[shape] += 1
            found[scene] = None
    return list(found)


class Studio:
    """Makes clips and has them judged, in other processes where the machine has more than one core.

    Args:
        pipe: A loaded pipeline of the world.
        steps: Denoising steps.
        guidance: Guidance scale; 0 does not use the prompt.
        name: What tells this model from every other one, such as its `identity`.
        folder: Where finished blocks are kept; None for nowhere.
        workers: Processes that judge; None for one on each core, 0 for none but this one.
    """

    def __init__(self, pipe, steps: int, guidance: float, name: str = "", folder=None, workers: int | None = None):
        self.pipe, self.steps, self.guidance, self.name, self.folder = pipe, steps, guidance, name, folder
        self.device = torch.device(pipe.device)
        self.batch = 96 if self.device.type == "cuda" else 16
        self.bar = tqdm(total=0, unit="clip")
        workers = min(os.cpu_count(), 16) if workers is None else workers
        context = multiprocessing.get_context("spawn")
        self._pool = workers > 1 and concurrent.futures.ProcessPoolExecutor(workers, context, _judge_alone)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def generated(self, scenes, times=1, prompts=None, steps=None, guidance=None) -> Clips:
        """The model's clips, `times` of each scene, each from its own seed, the same as `generate` makes of it.

        prompts: a wording of each scene; None for the plain captions. steps, guidance: None for the studio's.
        """
        steps, guidance = steps or self.steps, self.guidance if guidance is None else guidance
        prompts = [prompt for prompt in prompts or map(str, scenes) for _ in range(times)]
        seeds = [10_000 * k + i for i in range(len(scenes)) for k in range(times)]

        def make(some):
            texts = prompts[some] if guidance else [""] * len(prompts[some])
            noise = [torch.Generator().manual_seed(seed) for seed in seeds[some]]
            settings = {"num_inference_steps": steps, "guidance_scale": float(guidance or 1), "output_type": "np"}
            settings |= {"num_frames": shapes.NUM_FRAMES, "height": shapes.SIZE, "width": shapes.SIZE}
            return self.pipe(texts, generator=noise, **settings).frames

        what = {"prompts": prompts, "seeds": seeds, "steps": steps, "guidance": float(guidance)}
        return self._judged(prompts, scenes, seeds, times, self._block(what, make, len(prompts)))

    def rendered(self, scenes, times=1, first=10**7) -> Clips:
        """What the program draws of the scenes, `times` of each; `first`: the first random seed."""
        seeds = list(range(first, first + times * len(scenes)))
        frames = [_bytes(shapes.render(scenes[i // times], seed)) for i, seed in enumerate(seeds)]
        return self._judged(
            [str(scene) for scene in scenes for _ in range(times)], scenes, seeds, times, np.stack(frames)
        )

    def reconstructed(self, clips: Clips) -> Clips:
        """Clips through the model's own autoencoder: encoded, and decoded again."""
        vae, apart = self.pipe.vae, not hasattr(self.pipe, "transformer")  # frame by frame, or along time as well

        def make(some):
            x = self.to_model(clips.frames[some]).to(vae.dtype)
            shape = x.transpose(1, 2).shape
            x = x.transpose(1, 2).flatten(0, 1) if apart else x
            x = vae.decode(vae.encode(x).latent_dist.mode()).sample.float()
            x = x.reshape(shape) if apart else x.transpose(1, 2)
            return (x.movedim(2, -1) / 2 + 0.5).cpu().numpy()

        what = {"reconstructed": hashlib.sha256(clips.frames.tobytes()).hexdigest()}
        frames = self._block(what, make, len(clips.frames))
        return clips._replace(frames=frames, sights=self._see(frames))

    def to_model(self, frames: np.ndarray) -> torch.Tensor:
        """Bytes (n, F, H, W, 3) to what networks take, (n, 3, F, H, W) in [-1, 1], on the model's device."""
        return torch.as_tensor(frames, device=self.device).movedim(-1, 1).float() / 127.5 - 1

    def _see(self, frames):
        """What is seen in each clip; with other processes, while this one does something else."""
        return self._pool.map(see, frames, chunksize=4) if self._pool else map(see, frames)

    def _judged(self, prompts, scenes, seeds, times, frames):
        return Clips(
            prompts, [scene for scene in scenes for _ in range(times)], seeds, times, frames, self._see(frames)
        )

    @torch.inference_mode()
    def _block(self, what, make, count):
        """The frames of a block: from its file, or made, a batch (a slice) at a time, and kept."""
        key = json.dumps([self.name, self.device.type, str(self.pipe.dtype), what])
        path = self.folder and pathlib.Path(self.folder) / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.npz"
        if path and path.exists():
            try:
                with np.load(io.BytesIO(path.read_bytes())) as block:
                    self.bar.update(count)
                    return block["frames"]
            except (ValueError, KeyError, zipfile.BadZipFile):
                pass  # damaged, and made again
        done = []
        for begin in range(0, count, self.batch):
            done.append(_bytes(make(slice(begin, begin + self.batch))))
            self.bar.update(len(done[-1]))
        if path:
            np.savez_compressed(file := io.BytesIO(), frames=np.concatenate(done))
            files.write_whole(path, file.getvalue())
        return np.concatenate(done)


def _bytes(frames):
    return (np.clip(frames, 0, 1) * 255).round().astype(np.uint8)
