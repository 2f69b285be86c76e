"""Draws the clips of the world: soft grounds, crisp antialiased outlines, and paths that keep things in view."""

import functools
import math
from collections.abc import Mapping

import numpy as np
import torch

from .captions import COLORS, Attributes, Scene, read

NUM_FRAMES, SIZE, FPS = 16, 64, 8
BACKGROUND = (0.08, 0.09, 0.12)
SKIES = {  # ground -> colours from the top to the bottom, evenly spaced
    None: (BACKGROUND, BACKGROUND),
    "day": ((0.30, 0.46, 0.62), (0.42, 0.55, 0.64), (0.54, 0.62, 0.60)),
    "dusk": ((0.17, 0.12, 0.30), (0.38, 0.20, 0.34), (0.57, 0.35, 0.30)),
    "night": ((0.02, 0.03, 0.10), (0.05, 0.08, 0.21), (0.10, 0.16, 0.32)),
}
_DIRECTION = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}  # pixels: x to the right, y down
HOPS = 2  # of a bouncing thing, in a clip; a circling one goes round once
# Outlines lie around their centroid; their size r is the radius, in pixels, of the circle of equal area.
_APOTHEM = math.sqrt(math.pi / (3 * math.sqrt(3)))  # of the triangle, in units of r
_HALF_SIDE = math.sqrt(math.pi) / 2  # of the square
_SQRT3_2 = math.sqrt(3) / 2
_WAIST = 0.47  # of the star: its inner radius as a share of its outer one
_SIN36, _COS36 = math.sin(math.pi / 5), math.cos(math.pi / 5)
_SIN72, _COS72 = math.sin(2 * math.pi / 5), math.cos(2 * math.pi / 5)
_STAR = math.sqrt(math.pi / (5 * _WAIST * _SIN36))  # its outer radius, in units of r
# The heart: a square of diagonal 1 that stands on its corner (0, 0), and half discs on its upper sides.
_LOBE = math.sqrt(1 / 8)  # their radius
_HEART = math.sqrt(math.pi / (0.5 + math.pi / 8))  # the diagonal, in units of r
_HEART_Y = (0.25 + math.pi / 8 * (0.75 + 4 * _LOBE / (3 * math.pi) / math.sqrt(2))) / (0.5 + math.pi / 8)
_EXTENT = {  # how far each outline reaches from its centroid, in units of r: left, right, up, down
    "circle": (1, 1, 1, 1),
    "square": (_HALF_SIDE,) * 4,
    "triangle": (_APOTHEM * math.sqrt(3), _APOTHEM * math.sqrt(3), 2 * _APOTHEM, _APOTHEM),
    "star": (_STAR * _SIN72, _STAR * _SIN72, _STAR, _STAR * _COS36),
    "heart": (
        _HEART * (0.25 + _LOBE), _HEART * (0.25 + _LOBE), _HEART * (0.75 + _LOBE - _HEART_Y), _HEART * _HEART_Y,
    ),
}  # fmt: skip


def outline(shape: str, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Signed distance to an outline, exact beside its sides, with corners that stay sharp.

    Args:
        shape: A name of SHAPES.
        x: Offsets from the centroid, pixels, to the right.
        y: Offsets from the centroid, pixels, downwards.
        radius: Pixels, of the circle of equal area.

    Returns:
        Pixels, negative inside, in the shape that x, y and radius broadcast to.

    >>> outline("circle", torch.tensor(3.0), torch.tensor(4.0), torch.tensor(2.0))
    tensor(3.)
    """
    if shape == "circle":
        return (x**2 + y**2).sqrt() - radius
    if shape == "square":
        return torch.maximum(x.abs(), y.abs()) - _HALF_SIDE * radius
    if shape == "triangle":
        return torch.maximum(_SQRT3_2 * x.abs() - y / 2, y) - _APOTHEM * radius
    if shape == "heart":
        scale = _HEART * radius
        x, y = x.abs(), _HEART_Y * scale - y  # y is counted from the tip, upwards
        lobe = ((x - scale / 4) ** 2 + (y - 0.75 * scale) ** 2).sqrt() - _LOBE * scale
        return torch.minimum(lobe, torch.maximum(x - y, x + y - scale) * math.sqrt(0.5))
    # The star: fold the plane onto the wedge between its upper tip and the notch to the right of it.
    x = x.abs()
    over = (_SIN36 * y + _COS36 * x).clamp(min=0) * 2  # how far beyond the mirror line through that notch, twice
    x, y = x - over * _COS36, y - over * _SIN36
    over = (_SIN36 * y - _COS36 * x).clamp(min=0) * 2
    x, y = (x + over * _COS36).abs(), y - over * _SIN36
    tip = _STAR * radius
    # the side from the tip (0, -R) to the notch (R w sin 36, -R w cos 36); its normal points outwards
    side = math.hypot(_WAIST * _SIN36, 1 - _WAIST * _COS36)
    return (x * (1 - _WAIST * _COS36) - (y + tip) * _WAIST * _SIN36) / side


def coverage(
    shape: str, center: torch.Tensor, radius: torch.Tensor, size: int = SIZE, softness: float = 1.0
) -> torch.Tensor:
    """How much of each pixel a shape covers, antialiased.

    Args:
        shape: A name of SHAPES.
        center: Centroids (F, 2), x and y in pixels.
        radius: (F,), pixels, of the circle of equal area.
        size: Height and width of the frames, pixels.
        softness: Pixels over which the outline fades; 1 is crisp.

    Returns:
        Tensor (F, size, size) in [0, 1].

    >>> coverage("square", torch.tensor([[8.0, 8.0]]), torch.tensor([4.5135]), size=16).sum().round()
    tensor(64.)
    """
    axis = torch.arange(size) + 0.5
    x = axis[None, None, :] - center[:, 0, None, None]
    y = axis[None, :, None] - center[:, 1, None, None]
    distance = outline(shape, x, y, radius[:, None, None])
    return distance.mul_(-1 / softness).add_(0.5).clamp_(0, 1)


@functools.lru_cache(64)
def sky(ground: str | None, size: int = SIZE) -> torch.Tensor:
    """The ground without any things.

    Args:
        ground: A name of GROUNDS, or None for the plain one.
        size: Pixels.

    Returns:
        Colours (size, 1, 3) in [0, 1], a row of pixels each, from the top.

    >>> sky("night").shape
    torch.Size([64, 1, 3])
    """
    stops = np.array(SKIES[ground])
    rows = np.linspace(0, len(stops) - 1, size)
    return torch.tensor(
        np.stack([np.interp(rows, range(len(stops)), channel) for channel in stops.T], 1)[:, None], dtype=torch.float32
    )


def _paths(
    thing: Attributes, u: np.ndarray, num_frames: int, size: int, crowded: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, F, 2) and radii (n, F) in pixels for which a thing stays in view, from n rows of uniform numbers.

    u: array (n, 5) in [0, 1). crowded: whether the thing shares the frame with another, and is smaller for it.
    """
    unit = size / SIZE
    margin = max(1.0, unit)  # pixels; an antialiased edge reaches half a pixel out
    u = u[:, :, None]  # (n, 5, 1), beside time along the last axis
    time = np.linspace(0, 1, num_frames)
    left, right, up, down = _EXTENT[thing.shape]
    dx = dy = np.zeros((len(u), num_frames))
    if thing.motion in ("growing", "shrinking"):
        small = ((5.5 + u[:, 0]) if crowded else (6 + 2 * u[:, 0])) * unit
        big = ((10.5 + 2 * u[:, 1]) if crowded else (15 + 3 * u[:, 1])) * unit
        radius = small + (big - small) * (time[::-1] if thing.motion == "shrinking" else time)
    else:
        big = ((7.5 + 2 * u[:, 0]) if crowded else (10 + 4 * u[:, 0])) * unit
        radius = big + 0 * time
        across = thing.motion in ("left", "right")
        room = size - big * (left + right if across else up + down) - 2 * margin
        if thing.motion in _DIRECTION:
            travel = np.minimum((16 + 20 * u[:, 1]) * unit, room)
            dx, dy = (sign * travel * time for sign in _DIRECTION[thing.motion])
        elif thing.motion == "bouncing":
            hop = (HOPS * time + u[:, 4]) % 1
            dy = -np.minimum((12 + (8 if crowded else 10) * u[:, 1]) * unit, room) * 4 * hop * (1 - hop)
        else:  # circling, clockwise
            room = np.minimum(room, size - big * (left + right) - 2 * margin) / 2
            ring = np.minimum((7 + (4 if crowded else 6) * u[:, 1]) * unit, room)
            angle = 2 * np.pi * (time + u[:, 4])
            dx, dy = ring * np.cos(angle), ring * np.sin(angle)
    center = np.empty((len(u), num_frames, 2))
    for axis, (step, before, after) in enumerate(((dx, left, right), (dy, up, down))):
        low = big * before + margin - step.min(1, keepdims=True)
        high = size - big * after - margin - step.max(1, keepdims=True)
        center[..., axis] = low + (high - low) * u[:, 2 + axis] + step
    return center, radius


def place(scene: Scene, seed: int | torch.Generator, num_frames: int = NUM_FRAMES, size: int = SIZE) -> list[tuple]:
    """Choose size, speed and place of each thing of a scene, so that all stay in view.

    Two things may cross, but of 24 drawn pairs of paths the first is taken on which they come close in at most a
    quarter of the frames; if there is none, the pair that does so least.

    Args:
        scene: What to place.
        seed: An int, or a torch.Generator.
        num_frames: Frames, F.
        size: Pixels.

    Returns:
        For each thing its centres (F, 2), x and y, and radii (F,), in pixels, as tensors.

    >>> [(center, radius)] = place(read("a red circle growing"), seed=0)
    >>> center.shape, bool(radius[-1] > radius[0])
    (torch.Size([16, 2]), True)
    """
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    crowded = len(scene.things) > 1
    u = torch.rand((len(scene.things), 24 if crowded else 1, 5), generator=generator, dtype=torch.float64).numpy()
    paths = [_paths(thing, some, num_frames, size, crowded) for thing, some in zip(scene.things, u, strict=True)]
    chosen = 0
    if crowded:
        (first, r1), (second, r2) = paths
        apart = np.sqrt(((first - second) ** 2).sum(-1)) - 1.35 * (r1 + r2) - 3 * size / SIZE
        close = (apart < 0).mean(1)
        chosen = close.argmin() if close.min() > 0.25 else (close <= 0.25).argmax()
    return [tuple(torch.from_numpy(a[chosen].astype(np.float32)) for a in path) for path in paths]


def compose(covers: list[torch.Tensor], colors: list, ground: str | None) -> np.ndarray:
    """Paint things over a ground, the last one in front.

    Args:
        covers: For each thing how much of each pixel it covers, (F, size, size) in [0, 1].
        colors: For each thing its colour, (3,), or one for each frame, (F, 3), in [0, 1].
        ground: A name of GROUNDS, or None.

    Returns:
        Frames: float32 array (F, size, size, 3) in [0, 1].

    >>> compose([], [], "day").shape
    (1, 64, 64, 3)
    """
    size = covers[0].shape[-1] if covers else SIZE
    frames = sky(ground, size).expand(len(covers[0]) if covers else 1, size, size, 3)
    for cover, color in zip(covers, colors, strict=True):
        color = torch.as_tensor(color, dtype=torch.float32).reshape(-1, 1, 1, 3)
        frames = torch.lerp(frames, color.expand_as(frames), cover[..., None].expand_as(frames))
    return frames.contiguous().numpy()


def render(
    caption: str | Attributes | Scene,
    seed: int | torch.Generator,
    num_frames: int = NUM_FRAMES,
    size: int = SIZE,
    colors: Mapping = COLORS,
) -> np.ndarray:
    """Draw a clip of what a caption says.

    Args:
        caption: A text in any wording of the world, an `Attributes` or a `Scene`.
        seed: An int, or a torch.Generator; it chooses size, speed and start of each thing.
        num_frames: Frames, F.
        size: Height and width, pixels.
        colors: The palette, name -> (red, green, blue), for a colour that the world does not have.

    Returns:
        Frames: float32 array (num_frames, size, size, 3) in [0, 1].

    Raises:
        ValueError: `read` cannot read the caption.

    >>> render("a red heart rising at dusk", seed=0).shape
    (16, 64, 64, 3)
    """
    scene = Scene((caption,)) if isinstance(caption, Attributes) else caption
    scene = scene if isinstance(scene, Scene) else read(caption)
    places = place(scene, seed, num_frames, size)
    covers = [coverage(thing.shape, *where, size) for thing, where in zip(scene.things, places, strict=True)]
    return compose(covers, [colors[thing.color] for thing in scene.things], scene.ground)
