"""The world of the scale model: captioned clips of one moving shape, and a judge that reads them back.

A clip is 16 frames of 64 x 64 pixels at 8 frames a second: one shape of one colour on a dark background, which moves in
a straight line or changes its size. What draws a clip and what judges one share only the palette and the outlines.
"""

import functools
import itertools
import math
import typing
from collections.abc import Mapping, Sequence

import numpy as np
import torch

NUM_FRAMES, SIZE, FPS = 16, 64, 8
BACKGROUND = (0.08, 0.09, 0.12)

COLORS = {
    "red": (0.92, 0.20, 0.16),
    "yellow": (0.95, 0.88, 0.20),
    "green": (0.18, 0.78, 0.24),
    "cyan": (0.25, 0.87, 0.92),
    "blue": (0.18, 0.34, 0.95),
    "purple": (0.72, 0.24, 0.86),
}
SHAPES = {"circle": ("circle", "disc"), "square": ("square", "box"), "triangle": ("triangle",)}
MOTIONS = {
    "left": ("moving left", "moves to the left", "going left", "sliding to the left"),
    "right": ("moving right", "moves to the right", "going right", "sliding to the right"),
    "up": ("moving up", "moves up", "going up", "rising"),
    "down": ("moving down", "moves down", "going down", "falling"),
    "growing": ("growing", "grows", "getting bigger", "gets bigger"),
    "shrinking": ("shrinking", "shrinks", "getting smaller", "gets smaller"),
}
TEMPLATES = (
    "a {color} {shape} {motion}",
    "the {color} {shape} is {motion}",
    "{color} {shape}, {motion}",
    "a {shape} that is {color}, {motion}",
    "{motion}, a {color} {shape}",
)
_DIRECTION = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}  # pixels: x to the right, y down
# Outlines lie around their centroid; their size r is the radius, in pixels, of the circle of equal area.
_APOTHEM = math.sqrt(math.pi / (3 * math.sqrt(3)))  # of the triangle, in units of r
_HALF_SIDE = math.sqrt(math.pi) / 2  # of the square
_EXTENT = {  # how far each outline reaches from its centroid, in units of r: left, right, up, down
    "circle": (1, 1, 1, 1),
    "square": (_HALF_SIDE,) * 4,
    "triangle": (_APOTHEM * math.sqrt(3), _APOTHEM * math.sqrt(3), 2 * _APOTHEM, _APOTHEM),
}


class Attributes(typing.NamedTuple):
    """What a caption says, or what `judge` sees: a colour, a shape and a motion; None for what cannot be told."""

    color: str | None
    shape: str | None
    motion: str | None

    def __str__(self) -> str:
        return f"a {self.color or '?'} {self.shape or '?'} {MOTIONS[self.motion][0] if self.motion else '?'}"


COMBINATIONS = tuple(Attributes(*names) for names in itertools.product(COLORS, SHAPES, MOTIONS))
# Every colour and every motion is in 3 of them, every shape in 6: 18 of 108, 17 %. Never trained on.
HELD_OUT = frozenset(
    str(Attributes(color, list(SHAPES)[(i + k // 2) % 3], motion))
    for (i, color), (k, motion) in itertools.product(enumerate(COLORS), enumerate(MOTIONS))
    if (i + k) % 2 == 0
)


def combinations(held_out: bool | None = None) -> list[Attributes]:
    """List the 108 combinations; `held_out`: True for those never trained on, False for the others, None for all."""
    return [names for names in COMBINATIONS if held_out is None or (str(names) in HELD_OUT) == held_out]


def captions(held_out: bool | None = None) -> list[str]:
    """List the plain caption of each of `combinations(held_out)`, such as "a red circle moving left"."""
    return [str(names) for names in combinations(held_out)]


def wordings(names: Attributes) -> list[str]:
    """List every caption of the world that says these three attributes, the plain one first."""
    said = itertools.product(TEMPLATES, SHAPES[names.shape], MOTIONS[names.motion])
    made = (t.format(color=names.color, shape=shape, motion=motion) for t, shape, motion in said)
    # "the red circle is moves left" is no English: "is" wants a form in -ing
    return [text for text in made if not any(f"is {verb}" in text for verb in ("moves", "grows", "gets", "shrinks"))]


@functools.cache
def _meaning() -> dict[str, tuple[str, str]]:
    """Word -> (attribute, name), for the words that carry one."""
    meaning = {color: ("color", color) for color in COLORS}
    meaning |= {word: ("shape", shape) for shape, words in SHAPES.items() for word in words}
    for motion, phrases in MOTIONS.items():
        others = " ".join(" ".join(p) for m, p in MOTIONS.items() if m != motion).split()
        meaning |= {w: ("motion", motion) for phrase in phrases for w in phrase.split() if w not in others}
    return meaning


def parse(caption: str) -> Attributes:
    """Read a caption in any wording; ValueError unless it names exactly one colour, one shape and one motion."""
    said = {_meaning().get(word) for word in caption.lower().replace(",", " ").replace(".", " ").split()} - {None}
    for kind, known in (("color", COLORS), ("shape", SHAPES), ("motion", MOTIONS)):
        if (count := sum(k == kind for k, _ in said)) != 1:
            raise ValueError(f"caption {caption!r} names {count} of a {kind}, expected one of: {', '.join(known)}")
    return Attributes(**dict(said))


def _outline(shape: str, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Signed distance in pixels to the outline, negative inside; x, y are offsets from the centroid (y down)."""
    if shape == "circle":
        return (x**2 + y**2).sqrt() - radius
    if shape == "square":
        return torch.maximum(x.abs(), y.abs()) - _HALF_SIDE * radius
    slope = math.sqrt(3) / 2 * x.abs() - y / 2
    return torch.maximum(slope, y) - _APOTHEM * radius


def coverage(shape: str, center: torch.Tensor, radius: torch.Tensor, size: int = SIZE) -> torch.Tensor:
    """Compute how much of each pixel a shape covers, with soft edges.

    Args:
        shape: A name of SHAPES.
        center: (F, 2), x first, in pixels.
        radius: (F,), of the circle of equal area, in pixels.
        size: Width and height of a frame in pixels.

    Returns:
        (F, size, size), from 0 to 1.
    """
    axis = torch.arange(size) + 0.5
    x = axis[None, None, :] - center[:, 0, None, None]
    y = axis[None, :, None] - center[:, 1, None, None]
    return (0.5 - _outline(shape, x, y, radius[:, None, None])).clamp(0, 1)


def _path(
    names: Attributes, generator: torch.Generator, num_frames: int, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a start, a size and a speed: centres (F, 2) and radii (F,), in pixels, for which the shape stays in view."""
    unit = size / SIZE
    margin = max(1.0, unit)  # pixels; an antialiased edge reaches half a pixel out
    u = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    time = torch.linspace(0, 1, num_frames)
    left, right, up, down = _EXTENT[names.shape]
    if names.motion in _DIRECTION:
        small = big = (10 + 4 * u[0]) * unit
        dx, dy = _DIRECTION[names.motion]
        room = size - big * (left + right if dx else up + down) - 2 * margin
        travel = min((16 + 20 * u[1]) * unit, room)
    else:
        small, big = (6 + 2 * u[0]) * unit, (15 + 3 * u[1]) * unit
        dx = dy = travel = 0
    lo_x, hi_x = big * left + margin + max(-dx * travel, 0), size - big * right - margin - max(dx * travel, 0)
    lo_y, hi_y = big * up + margin + max(-dy * travel, 0), size - big * down - margin - max(dy * travel, 0)
    start = torch.tensor([lo_x + (hi_x - lo_x) * u[2], lo_y + (hi_y - lo_y) * u[3]])
    center = start + travel * time[:, None] * torch.tensor([dx, dy])
    first, last = (big, small) if names.motion == "shrinking" else (small, big)
    return center, first + (last - first) * time


def render(
    caption: str | Attributes,
    seed: int | torch.Generator,
    num_frames: int = NUM_FRAMES,
    size: int = SIZE,
    colors: Mapping[str, Sequence[float]] = COLORS,
) -> np.ndarray:
    """Draw a clip of what the caption says.

    Args:
        caption: A text that names one colour, shape and motion of the world, in any wording; or the attributes.
        seed: An int or a torch.Generator, which chooses size, speed and start.
        num_frames: Frames of the clip.
        size: Width and height in pixels.
        colors: The palette, name to red, green and blue.

    Returns:
        Frames, float32 (num_frames, size, size, 3) in [0, 1].

    Raises:
        ValueError: The caption is not one of the world.
    """
    names = caption if isinstance(caption, Attributes) else parse(caption)
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    center, radius = _path(names, generator, num_frames, size)
    cover = coverage(names.shape, center, radius, size)[..., None]
    background, color = torch.tensor(BACKGROUND), torch.tensor(colors[names.color])
    return (background + cover * (color - background)).numpy()


def judge(frames: np.ndarray, colors: Mapping[str, Sequence[float]] = COLORS) -> Attributes:
    """Say what a clip shows, from its pixels alone.

    Colour: that of the object's core. Motion: the line through its path, or the trend of its size. Shape: the outline
    of equal area and centroid that overlaps best.

    Args:
        frames: Float array (F, H, W, 3) in [0, 1], with H = W and the object in every frame.
        colors: The palette, name to red, green and blue.

    Returns:
        The attributes, with None for what cannot be told.
    """
    color, cover = _look(frames, colors)
    if cover is None:
        return Attributes(color, None, None)
    center, area = _moments(cover)
    return Attributes(color, _judge_shape(cover, center, area), _judge_motion(center, area, cover.shape[1]))


def track(frames: np.ndarray, colors: Mapping[str, Sequence[float]] = COLORS) -> tuple[torch.Tensor, torch.Tensor]:
    """Follow the object of a clip.

    Args:
        frames: As `judge` takes them.
        colors: The palette.

    Returns:
        Centres (F, 2), x first, and radii (F,) of the circles of equal area, in pixels.

    Raises:
        ValueError: Not every frame shows an object.
    """
    _, cover = _look(frames, colors)
    if cover is None:
        raise ValueError("no object is seen in every frame of the clip, expected one to follow")
    center, area = _moments(cover)
    return center, (area / math.pi).sqrt()


def _look(frames: np.ndarray, colors: Mapping) -> tuple[str | None, torch.Tensor | None]:
    """The colour of the object, and how much of each pixel it covers (F, size, size); None for what cannot be told."""
    frames = torch.tensor(np.ascontiguousarray(frames), dtype=torch.float32)  # also one that is turned round
    if frames.ndim != 4 or frames.shape[1] != frames.shape[2] or frames.shape[3] != 3:
        raise ValueError(f"frames have shape {tuple(frames.shape)}, expected (F, H, W, 3) with H = W")
    background, palette = torch.tensor(BACKGROUND), torch.tensor(list(colors.values()))
    contrast = (frames - background).norm(dim=-1)
    core = contrast > 0.7 * contrast.amax()
    mean = frames[core].mean(0)
    distance = (palette - mean).norm(dim=1)
    if contrast.amax() < 0.3 or distance.min() > 0.25:
        return None, None
    color = list(colors)[distance.argmin()]
    cover = ((frames - background) @ (mean - background) / (mean - background).square().sum()).clamp(0, 1)
    cover = torch.where(cover < 0.15, torch.zeros(()), cover)
    if cover.sum((1, 2)).min() < 20 * (frames.shape[1] / SIZE) ** 2:
        return color, None
    return color, cover


def _moments(cover: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    axis, area = torch.arange(cover.shape[1]) + 0.5, cover.sum((1, 2))
    center = torch.stack([(cover.sum(1) * axis).sum(1), (cover.sum(2) * axis).sum(1)], 1) / area[:, None]
    return center, area


def _judge_shape(cover: torch.Tensor, center: torch.Tensor, area: torch.Tensor) -> str | None:
    radius = (area / math.pi).sqrt()
    covers = ((shape, coverage(shape, center, radius, cover.shape[1])) for shape in SHAPES)
    error, best = min((((cover - other).abs().sum((1, 2)) / area).mean().item(), shape) for shape, other in covers)
    return best if error < 0.3 else None


def _judge_motion(center: torch.Tensor, area: torch.Tensor, size: int) -> str | None:
    time = torch.linspace(-0.5, 0.5, len(area))
    trend = time / time.square().sum()  # least squares: the change over the whole clip
    dx, dy = (trend @ center).tolist()
    growth = (trend @ area.log() / 2).item()  # log of the ratio of radii
    across, along = sorted((abs(dx), abs(dy)))
    if abs(growth) < 0.25 and along > size / 8 and along > 3 * across:
        return ("right" if dx > 0 else "left") if abs(dx) > abs(dy) else ("down" if dy > 0 else "up")
    if abs(growth) > 0.4 and along < size / 8:
        return "growing" if growth > 0 else "shrinking"
    return None
