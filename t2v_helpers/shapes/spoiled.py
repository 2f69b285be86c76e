"""Clips that are wrong on purpose, each in one respect: a good judge notices each of them.

Each function takes a scene and a seed, draws the clip that `render` draws, and spoils its first thing, or swaps both.
"""

import collections.abc

import numpy as np
import torch

from .captions import COLORS, Scene
from .judge import compare, look
from .render import compose, coverage, place, render


def _covers(scene: Scene, places: list) -> list[torch.Tensor]:
    return [coverage(thing.shape, *where) for thing, where in zip(scene.things, places, strict=True)]


def _paint(scene: Scene, places: list, covers: list | None = None, tint: np.ndarray | None = None) -> np.ndarray:
    covers = covers or _covers(scene, places)
    colors = [COLORS[thing.color] for thing in scene.things]
    return compose(covers, colors if tint is None else [tint, *colors[1:]], scene.ground)


def _bitten(scene: Scene, seed: int, bites: list[tuple[float, float, float]]) -> np.ndarray:
    """Bites are discs (x, y, radius), in units of the thing's radius, from its centroid."""
    places = place(scene, seed)
    covers = _covers(scene, places)
    center, radius = places[0]
    for *offset, size in bites:
        covers[0] = covers[0] * (1 - coverage("circle", center + radius[:, None] * torch.tensor(offset), radius * size))
    return _paint(scene, places, covers)


def dented(scene: Scene, seed: int) -> np.ndarray:
    """A bite is missing from the outline."""
    return _bitten(scene, seed, [(0.75, 0.1, 0.55)])


def hollow(scene: Scene, seed: int) -> np.ndarray:
    """There is a hole in the middle."""
    return _bitten(scene, seed, [(0.0, 0.0, 0.45)])


def concave(scene: Scene, seed: int) -> np.ndarray:
    """Three sides are hollowed out: a triangle becomes a star with three points."""
    return _bitten(scene, seed, [(0.0, 0.95, 0.5), (0.82, -0.48, 0.5), (-0.82, -0.48, 0.5)])


def drifting(scene: Scene, seed: int) -> np.ndarray:
    """The colour turns into another one in the course of the clip."""
    places, names = place(scene, seed), list(COLORS)
    ours = scene.things[0].color
    used = [names.index(thing.color) for thing in scene.things]
    other = next(name for k, name in enumerate(names[used[0] + 1 :] + names) if name not in {names[i] for i in used})
    time = torch.linspace(0, 1, len(places[0][1]))[:, None]
    return _paint(scene, places, tint=(1 - time) * torch.tensor(COLORS[ours]) + time * torch.tensor(COLORS[other]))


def flickering(scene: Scene, seed: int) -> np.ndarray:
    """In three frames of the sixteen the colour is another one."""
    frames, places = render(scene, seed), place(scene, seed)
    names = [name for name in COLORS if name not in {thing.color for thing in scene.things}]
    frames[6:9] = _paint(scene, places, tint=COLORS[names[0]])[6:9]
    return frames


def jumping(scene: Scene, seed: int) -> np.ndarray:
    """From the middle of the clip on, the thing is off its path by eight pixels in x and in y, inwards."""
    places = place(scene, seed)
    center = places[0][0]
    half = len(center) // 2
    center[half:] += 8 * torch.sign(32 - center[half:].mean(0))
    return _paint(scene, places)


def stopping(scene: Scene, seed: int) -> np.ndarray:
    """From the middle of the clip on, the thing stands still."""
    places = place(scene, seed)
    for values in places[0]:
        values[len(values) // 2 :] = values[len(values) // 2].clone()
    return _paint(scene, places)


def shuffled(scene: Scene, seed: int) -> np.ndarray:
    """The frames are in another order."""
    order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
    return render(scene, seed)[order.numpy()]


def frozen(scene: Scene, seed: int) -> np.ndarray:
    """Nothing moves: each frame is the first one."""
    frames = render(scene, seed)
    return frames[:1].repeat(len(frames), 0)


def blurred(scene: Scene, seed: int) -> np.ndarray:
    """Each pixel is the mean of the 5 x 5 around it; the judge, which allows for soft edges, accepts some of these."""
    frames = torch.from_numpy(render(scene, seed)).movedim(-1, 1)
    frames = torch.nn.functional.avg_pool2d(frames, 5, stride=1, padding=2, count_include_pad=False)
    return frames.movedim(1, -1).numpy()


def recolored(scene: Scene, seed: int) -> np.ndarray:
    """The first thing has another colour: a perfect clip, but of another prompt."""
    first, names = scene.things[0], list(COLORS)
    color = names[(names.index(first.color) + 3) % len(names)]
    return render(scene._replace(things=(first._replace(color=color), *scene.things[1:])), seed)


def can_be_swapped(scene: Scene) -> bool:
    """Whether two things differ in more than colour, so that swapping colours makes another scene."""
    return len(scene.things) == 2 and scene.things[0][1:] != scene.things[1][1:]


def swapped(scene: Scene, seed: int) -> np.ndarray:
    """The two things have each other's colours."""
    first, second = scene.things
    other = (first._replace(color=second.color), second._replace(color=first.color))
    return render(scene._replace(things=other), seed)


SPOILED = {  # function -> the attribute that cannot be right any more
    dented: "shape",
    hollow: "shape",
    concave: "shape",
    drifting: "color",
    flickering: "color",
    jumping: "motion",
    stopping: "motion",
    shuffled: "motion",
    swapped: "binding",
}


def noticed(spoil: collections.abc.Callable, scene: Scene, seed: int) -> bool:
    """Whether the judge notices what is wrong with a spoiled clip.

    Args:
        spoil: A function of SPOILED.
        scene: What the clip would show.
        seed: As for `render`.

    Returns:
        True if it sees an attribute of the scene wrong, of the kind that was spoiled.

    >>> from .captions import read
    >>> noticed(stopping, read("a red circle moving left"), 0)
    True
    """
    result = compare(scene, look(spoil(scene, seed)).scene)
    if SPOILED[spoil] == "binding":
        return bool(result.binding)
    return not all(getattr(hit, SPOILED[spoil]) for hit in result.hits)
