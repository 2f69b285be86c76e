"""Print how often the judge is right: on clips as they are drawn, softened and noisy ones, and ones wrong on purpose.

python -m t2v_helpers.shapes [--clips 200]
"""

import argparse
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch

from .captions import Scene, sample_scene
from .judge import compare, look
from .render import render
from .spoiled import SPOILED, can_be_swapped, noticed


def blurred(frames: np.ndarray, seed: int, sigma: float = 0.02) -> np.ndarray:
    """Frames (F, H, W, 3) blurred over 3 x 3 pixels (1, 2, 1), with Gaussian noise of deviation `sigma`."""
    for axis in (1, 2):
        padded = np.pad(frames, [(1, 1) if k == axis else (0, 0) for k in range(4)], mode="edge")
        before, at, after = (padded.take(range(i, i + frames.shape[axis]), axis) for i in range(3))
        frames = (before + 2 * at + after) / 4
    noise = sigma * np.random.default_rng(seed).standard_normal(frames.shape)
    return (frames + noise).clip(0, 1).astype(np.float32)


def table(clips: int) -> Iterator[tuple[str, float, float]]:
    """The judge's table, row by row: kind of clip, share right with one thing and with two, NaN where it cannot be."""

    def share(right: Callable[[Scene, int], bool], things: int) -> float:
        generator = torch.Generator().manual_seed(things)
        drawn = (sample_scene(generator, things, held_out=bool(k % 2)) for k in itertools.count())
        scenes = list(itertools.islice((s for s in drawn if things == 1 or can_be_swapped(s)), clips))
        return sum(right(scene, seed) for seed, scene in enumerate(scenes, 10**6)) / clips

    rows = [
        ("right: as drawn", lambda s, k: compare(s, look(render(s, k)).scene).right),
        ("right: blurred and noisy", lambda s, k: compare(s, look(blurred(render(s, k), k)).scene).right),
    ]
    rows += [(f"noticed: {f.__name__}", lambda s, k, f=f: noticed(f, s, k)) for f in SPOILED]
    for name, right in rows:
        yield name, math.nan if "swapped" in name else share(right, 1), share(right, 2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m t2v_helpers.shapes", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200, help="clips for each number (default: 200)")
    clips = parser.parse_args().clips
    if clips < 1:
        parser.error(f"--clips {clips}: expected a whole number from 1")
    print(f"{'clips':28s} one thing  two things")
    for name, one, two in table(clips):
        print(f"{name:28s} {one:9.3f}  {two:10.3f}", flush=True)


if __name__ == "__main__":
    main()
