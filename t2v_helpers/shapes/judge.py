"""Says what a clip of the world shows, from its pixels alone: a strict eye without a network.

A shape counts only if its outline fits the ideal one, with an intersection over union of at least 0.9 at the best place
and size, in three frames of four. A colour or a motion counts only if it holds throughout. Frames in which two things
touch are left out, because what lies behind cannot be seen; more than half have to remain.
"""

import itertools
import math
import typing
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from .captions import COLORS, GROUNDS, SHAPES, Attributes, Scene, read
from .render import HOPS, SIZE, coverage, sky

FIT, SHARE = 0.9, 0.75  # an outline has to overlap this much with the ideal one, in this share of the frames
ENOUGH = 0.55  # share of the frames in which a thing has to be free of others to be judged
_NEAR = 0.25  # a pixel has a colour of the palette if it is as near to it, and nearer to it than to the ground
_SOFT = (1.0, 1.6, 2.4)  # pixels over which an outline may fade; a decoder's outlines are softer than drawn ones


class Seen(typing.NamedTuple):
    """One thing that a clip shows.

    names: its attributes, None for what cannot be told. outline: mean over frames of the intersection over union with
    the ideal outline that fits best. center (F, 2) and radius (F,): pixels, x to the right and y down, radius of the
    circle of equal area; NaN in frames where it is hidden or touches another thing.
    """

    names: Attributes
    outline: float
    center: Tensor
    radius: Tensor


class Sight(typing.NamedTuple):
    """What `look` sees: the scene, and each of its things in the same order, the largest first."""

    scene: Scene
    things: tuple[Seen, ...]


class Comparison(typing.NamedTuple):
    """How what is seen differs from what was asked for.

    hits: for each thing asked for an `Attributes` of bools. ground: whether it is the right one. binding: attributes
    that are seen, but on the other thing; missing: those that are not seen at all. extra: things nobody asked for.
    """

    hits: tuple[Attributes, ...]
    ground: bool
    binding: tuple[str, ...]
    missing: tuple[str, ...]
    extra: int

    @property
    def right(self) -> bool:
        """Whether everything is as asked for."""
        return all(map(all, self.hits)) and self.ground and not self.extra


def look(frames: np.ndarray, colors: Mapping = COLORS, fit: float = FIT) -> Sight:
    """Look at a clip.

    Args:
        frames: Float array (F, H, W, 3) in [0, 1] with H = W.
        colors: The palette, name -> (red, green, blue).
        fit: How well an outline has to fit, as an intersection over union, for the shape to count. A straight path may
            wobble more in proportion: with 0.8 twice as much as with 0.9.

    Returns:
        The scene, with None for each attribute that cannot be told and "?" for an unknown ground, and its things.

    Raises:
        ValueError: Frames of another shape.

    >>> from t2v_helpers.shapes import render
    >>> str(look(render("a red star rising and a white heart growing at dusk", seed=1)).scene)
    'a white heart growing and a red star moving up at dusk'
    """
    frames = torch.from_numpy(np.ascontiguousarray(frames, dtype=np.float32))
    if frames.ndim != 4 or frames.shape[1] != frames.shape[2] or frames.shape[3] != 3:
        raise ValueError(f"frames have shape {tuple(frames.shape)}, expected (F, H, W, 3) with H = W")
    ground, behind = _ground(frames)
    masks, tints = _find(frames, behind, torch.tensor(list(colors.values())))
    owners = [_spread(mask, 5) for mask in masks]
    least = 8 * (frames.shape[1] / SIZE) ** 2
    things = []
    for mask, tint, owner in zip(masks, tints, owners, strict=True):
        others = torch.stack([o for o in owners if o is not owner] or [torch.zeros_like(owner)]).any(0)
        present = mask.sum((1, 2)) >= least
        free = present & ~(owner & others).any((1, 2))
        cover = torch.zeros(mask.shape)
        cover[free] = _cover(frames[free], behind, tint[free]) * owner[free]
        free &= cover.sum((1, 2)) >= least
        things.append(_seen(cover, free, present, others, tint, colors, fit))
    things.sort(key=lambda thing: -thing.radius.nan_to_num().mean().item())
    return Sight(Scene(tuple(thing.names for thing in things), ground), tuple(things))


def judge(frames: np.ndarray, colors: Mapping = COLORS, fit: float = FIT) -> Attributes:
    """Say what a clip of one thing shows.

    Args:
        frames: As in `look`.
        colors: As in `look`.
        fit: As in `look`; lower it for models trained for minutes only, whose outlines are dented.

    Returns:
        Its attributes, None for what cannot be told, and for all of them if there is more than one thing or none.

    >>> from t2v_helpers.shapes import render
    >>> judge(render("the red disc is rising", seed=0))
    Attributes(color='red', shape='circle', motion='up')
    """
    things = look(frames, colors, fit).things
    return things[0].names if len(things) == 1 else Attributes(None, None, None)


def track(frames: np.ndarray, colors: Mapping = COLORS) -> tuple[Tensor, Tensor]:
    """Follow the one thing that a clip shows.

    Args:
        frames: As in `look`.
        colors: As in `look`.

    Returns:
        Centres (F, 2), x to the right and y down, and radii (F,) of the circle of equal area, in pixels.

    Raises:
        ValueError: There is not exactly one thing, or it is not seen in every frame.

    >>> from t2v_helpers.shapes import render
    >>> center, radius = track(render("a red circle moving left", seed=0))
    >>> bool(center[-1, 0] < center[0, 0])
    True
    """
    things = look(frames, colors).things
    if len(things) > 1:
        raise ValueError(f"{len(things)} things are seen in the clip, expected one to follow")
    if not things or things[0].radius.isnan().any():
        raise ValueError("no object is seen in every frame of the clip, expected one to follow")
    return things[0].center, things[0].radius


def outline_iou(frames: np.ndarray, colors: Mapping = COLORS) -> tuple[float, ...]:
    """How well the outlines in a clip fit ideal ones.

    Args:
        frames: As in `look`.
        colors: As in `look`.

    Returns:
        For each thing, the largest first, the intersection over union with the shape, place and size that fit best,
        averaged over the frames in which it is seen whole.

    >>> from t2v_helpers.shapes import render
    >>> outline_iou(render("a red circle moving left", seed=0))[0] > 0.98
    True
    """
    return tuple(thing.outline for thing in look(frames, colors).things)


def compare(asked: Attributes | Scene, seen: Attributes | Scene) -> Comparison:
    """Hold what is seen against what was asked for.

    Things are paired so that most attributes agree, and by colour in a tie. Their order does not matter.

    Args:
        asked: What the caption says.
        seen: What `look` or `judge` sees.

    Returns:
        Hits, and errors of binding apart from what is missing.

    >>> from t2v_helpers.shapes import read
    >>> asked = read("a red star rising and a blue heart growing")
    >>> seen = read("a blue star rising and a red heart growing")
    >>> compare(asked, seen).binding, compare(asked, seen).missing
    (('red', 'blue'), ())
    """
    asked, seen = (Scene((s,)) if isinstance(s, Attributes) else s for s in (asked, seen))
    nothing = Attributes(None, None, None)
    count = len(asked.things)
    there = [*seen.things, *[nothing] * (count - len(seen.things))]

    def agree(order: tuple[Attributes, ...]) -> tuple[int, int]:
        hits = [[a == b for a, b in zip(*pair, strict=True)] for pair in zip(asked.things, order, strict=True)]
        return sum(map(sum, hits)), sum(hit[0] for hit in hits)

    order = max(itertools.permutations(there, count), key=agree)
    pairs = [*zip(order, asked.things, strict=True), *((thing, nothing) for thing in seen.things if thing not in order)]
    hits, binding, missing = [], [], []
    for thing, match in zip(asked.things, order, strict=True):
        hits.append(Attributes(*(a == b for a, b in zip(thing, match, strict=True))))
        for field, hit in zip(Attributes._fields, hits[-1], strict=True):
            if not hit:
                name = getattr(thing, field)
                # a thing that was itself asked to have it has not taken it from this one
                elsewhere = any(getattr(other, field) == name != getattr(own, field) for other, own in pairs)
                (binding if elsewhere else missing).append(name)
    extra = max(0, len(seen.things) - count)
    return Comparison(tuple(hits), asked.ground == seen.ground, tuple(binding), tuple(missing), extra)


def verdict(prompt: str, frames: np.ndarray) -> str:
    """Say whether a clip shows what its prompt says, and if not, what the judge sees.

    Args:
        prompt: As in `read`.
        frames: As in `look`.

    Returns:
        "right", or "sees" and the scene, with a question mark for what cannot be told.

    >>> from t2v_helpers.shapes import render
    >>> frames = render("a red circle moving left", seed=0)
    >>> verdict("the red disc is going left", frames), verdict("a red circle growing", frames)
    ('right', 'sees a red circle moving left')
    """
    seen = look(frames).scene
    return "right" if compare(read(prompt), seen).right else f"sees {seen}"


def ground_of(frames: np.ndarray) -> np.ndarray:
    """The colours of a clip's ground without any things: (H, 1, 3), for frames (F, H, W, 3).

    >>> from t2v_helpers.shapes import render
    >>> ground_of(render("a red circle growing at night", seed=0)).shape
    (64, 1, 3)
    """
    return _ground(torch.from_numpy(np.ascontiguousarray(frames, dtype=np.float32)))[1].numpy()


def _ground(frames: Tensor) -> tuple[str | None, Tensor]:
    """The ground's name, "?" for none of the world's, and its colours (H, 1, 3)."""
    few = frames[::3, :, ::2]
    size = frames.shape[1]
    error = {g: (few - sky(g, size)).norm(dim=-1).clamp(max=0.2).mean() for g in (None, *GROUNDS)}
    best = min(error, key=error.get)
    if ((frames - sky(best, size)).norm(dim=-1) < 0.12).float().mean((1, 2)).min() >= 0.5:
        return best, sky(best, size)
    return "?", frames.transpose(0, 1).reshape(size, -1, 3).median(1).values[:, None]


def _spread(mask: Tensor, width: int) -> Tensor:
    """A mask (F, H, W) grown to all pixels within a square of this width, in pixels."""
    for axis in (1, 2):
        count, grown = mask.shape[axis], mask.clone()
        for step in range(1, width // 2 + 1):
            grown.narrow(axis, step, count - step).logical_or_(mask.narrow(axis, 0, count - step))
            grown.narrow(axis, 0, count - step).logical_or_(mask.narrow(axis, step, count - step))
        mask = grown
    return mask


def _find(frames: Tensor, behind: Tensor, palette: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """For each thing the pixels that have its colour (F, H, W), and its colour in each frame (F, 3).

    A thing is what has one colour of the palette in most frames; or, if anything else is there in most frames, that.
    """
    flat = frames.reshape(-1, 3)
    distance = (flat.square().sum(1, keepdim=True) - 2 * flat @ palette.T + palette.square().sum(1)).clamp(min=0)
    distance, label = distance.min(1)
    contrast = (frames - behind).square().sum(-1)
    near = (distance < _NEAR**2) & (distance < contrast.reshape(-1))
    label = torch.where(near, label, -1).reshape(contrast.shape)
    least = 8 * (frames.shape[1] / SIZE) ** 2
    loose = contrast > 0.3**2  # what is no ground, and not yet part of a thing
    found = []
    for k in range(len(palette)):
        mask = label == k
        if ((mask.sum((1, 2)) >= least).float().mean() < 0.6) or not (core := _core(mask)).any():
            continue
        if (core.any(2).any(1)).float().mean() >= 0.6:
            mask &= _spread(core, 13)
            loose &= ~_spread(mask, 3)
            found.append((mask, core))
    found = sorted(found, key=lambda some: -some[0].sum().item())[:3]
    rest = _core(loose)
    rest_seen = rest.any(2).any(1)
    for mask, core in found:  # a thing that changes its colour is followed all the same
        gone = (mask.sum((1, 2)) < least) & rest_seen
        mask[gone], core[gone], rest[gone] = loose[gone], rest[gone], False
    if rest.any(2).any(1).float().mean() >= 0.6 and len(found) < 3:
        found.append((loose & _spread(rest, 13), rest))
    masks, tints = [], []
    for mask, core in found:
        weight = torch.where(core.any(2).any(1)[:, None, None], core, mask).float()
        tints.append(torch.einsum("fhw,fhwc->fc", weight, frames) / weight.sum((1, 2)).clamp(min=1)[:, None])
        masks.append(mask)
    return masks, tints


def _core(mask: Tensor) -> Tensor:
    """The pixels of a mask all of whose neighbours belong to it."""
    return ~_spread(~mask, 3) & mask


def _cover(frames: Tensor, behind: Tensor, tint: Tensor) -> Tensor:
    """How much of each pixel a thing of colour `tint` (F, 3) covers: (F, H, W) in [0, 1]."""
    line = tint[:, None, None] - behind  # (F, H, 1, 3), from the ground's colour to the thing's
    above = frames - behind
    length = line.square().sum(-1)
    share = (above * line).sum(-1) / length.clamp(min=1e-3)
    beside = above.square().sum(-1) - share.square() * length  # squared distance from that line
    return torch.where(beside < 0.2**2, _firm(share), 0)


def _firm(cover: Tensor) -> Tensor:
    """Coverage with its ends cut off, so that a little noise does not count."""
    return ((cover - 0.08) / 0.84).clamp(0, 1)


def _seen(
    cover: Tensor, free: Tensor, present: Tensor, others: Tensor, tint: Tensor, colors: Mapping, fit: float
) -> Seen:
    """Judge one thing from its coverage (F, H, W) in the frames in which it is `free` of others."""
    size, time = cover.shape[1], torch.linspace(0, 1, len(cover))
    center, radius = torch.full((len(cover), 2), math.nan), torch.full((len(cover),), math.nan)
    palette = torch.tensor(list(colors.values()))
    distance, nearest = (tint[present, None] - palette).norm(dim=-1).min(1)
    steady = bool((nearest == nearest[0]).all()) and distance.max() < _NEAR
    color = list(colors)[nearest[0]] if steady else None
    if not free.any():
        return Seen(Attributes(color, None, None), 0.0, center, radius)
    center[free], radius[free] = _moments(cover[free])
    gone = ~present
    if gone.any():  # not where it is hidden by another thing
        where = np.stack([np.interp(time, time[free], center[free, k]) for k in (0, 1)], 1)
        x, y = where.astype(int).clip(0, size - 1).T
        gone &= ~others[range(len(cover)), y, x]
    shape, fits = _shape(cover[free], center[free], radius[free])
    share = (fits >= fit).sum() / (free | gone).sum()
    enough = free.float().mean() >= ENOUGH
    slack = (1 - fit) / (1 - FIT)
    motion = _motion(time[free], center[free], radius[free], size, slack) if enough and not gone.any() else None
    names = Attributes(color, shape if enough and share >= SHARE else None, motion)
    return Seen(names, fits.mean().item(), center, radius)


def _moments(cover: Tensor) -> tuple[Tensor, Tensor]:
    """Centroid (F, 2) in pixels, x first, and radius (F,) of the circle of equal area."""
    axis, area = torch.arange(cover.shape[1]) + 0.5, cover.sum((1, 2))
    center = torch.stack([cover.sum(1) @ axis, cover.sum(2) @ axis], 1) / area[:, None]
    return center, (area / math.pi).sqrt()


def _shape(cover: Tensor, center: Tensor, radius: Tensor) -> tuple[str, Tensor]:
    """The shape whose outline fits best, and the intersection over union in each frame (F,)."""
    size = cover.shape[1]
    width = min(size, 2 * math.ceil(1.65 * radius.max().item() + 2))
    corner = (center.round().long() - width // 2).clamp(0, size - width)  # of a window around the thing
    span = torch.arange(width)
    rows, columns = corner[:, 1, None, None] + span[:, None], corner[:, 0, None, None] + span
    inside = cover[torch.arange(len(cover))[:, None, None], rows, columns]
    outside = cover.sum((1, 2)) - inside.sum((1, 2))
    place = torch.cat([center - corner, radius[:, None]], 1)  # (F, 3)

    def overlap(shape: str, place: Tensor, softness: float) -> Tensor:
        ideal = _firm(coverage(shape, place[:, :2], place[:, 2], width, softness))
        return torch.minimum(ideal, inside).sum((1, 2)) / (torch.maximum(ideal, inside).sum((1, 2)) + outside)

    first = {shape: overlap(shape, place, _SOFT[0]) for shape in SHAPES}
    likely = sorted(first, key=lambda shape: -first[shape].mean())[:2]
    best = {}
    for shape in [s for s in likely if s is likely[0] or first[s].mean() > 0.8]:
        fitted = _fit(shape, place, inside)
        fits = torch.stack([overlap(shape, p, s) for s in _SOFT for p in (place, fitted)]).unflatten(0, (-1, 2)).amax(1)
        best[shape] = fits[fits.mean(1).argmax()]  # one softness for all frames
    shape = max(best, key=lambda shape: best[shape].mean())
    return shape, best[shape]


def _fit(shape: str, place: Tensor, cover: Tensor, steps: int = 3, nudge: float = 0.25) -> Tensor:
    """Move and scale an outline so that the squared difference of coverage gets least: three Gauss-Newton steps."""
    for _ in range(steps):
        at = [place] + [place + nudge * torch.eye(3)[k] for k in range(3)]
        ideal = torch.stack([coverage(shape, p[:, :2], p[:, 2], cover.shape[1], _SOFT[1]).flatten(1) for p in at])
        slope = (ideal[1:] - ideal[0]).transpose(0, 1) / nudge  # (F, 3, pixels)
        normal = slope @ slope.mT + 1e-2 * torch.eye(3)
        change = torch.linalg.solve(normal, slope @ (cover.flatten(1) - ideal[0])[..., None])[..., 0]
        place = place + change.clamp(-1, 1)
        place[:, 2].clamp_(min=1)
    return place


def _residual(basis: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares: coefficients (k, d), and how far each of the n values (n, d) is from them, (n,)."""
    coefficients = torch.linalg.lstsq(basis, values).solution
    return coefficients, (values - basis @ coefficients).abs().square().sum(-1).sqrt()


def _motion(time: Tensor, center: Tensor, radius: Tensor, size: int, slack: float) -> str | None:
    """The one motion of the world that explains the whole path (n, 2) and all radii (n,), or None."""
    unit = size / SIZE
    one = torch.ones_like(time)
    line = torch.stack([one, time], 1)
    (_, speed), off = _residual(line, center)
    (r0, dr), uneven = _residual(line, radius[:, None])
    growth = math.log(max((r0 + dr).item(), 0.1) / max(r0.item(), 0.1))
    if abs(growth) > 0.4:
        still = (center - center.mean(0)).norm(dim=1).max() < slack * 2 * unit
        even = uneven.max() < slack * max(0.4 * unit, 0.08 * abs(dr.item()))
        return ("growing" if growth > 0 else "shrinking") if still and even else None
    if abs(growth) > min(0.2 * slack, 0.25) or uneven.max() > slack * (0.3 * unit + 0.1 * radius.mean()):
        return None
    (across, along), axis = speed.abs().sort()
    straight = off.max() < slack * max(1.2 * unit, 0.08 * along)
    if along > size / 8 and across < min(slack * max(1.5 * unit, 0.15 * along), along / 3) and straight:
        return (("left", "right"), ("up", "down"))[axis[1]][int(speed[axis[1]] > 0)]
    if (center[:, 0] - center[:, 0].mean()).abs().max() < 1.5 * unit:
        hop = (HOPS * time + torch.linspace(0, 1, 41)[:-1, None]) % 1
        bases = torch.stack([one.expand_as(hop), 4 * hop * (1 - hop)], -1)
        tries = [_residual(basis, center[:, 1:]) for basis in bases]
        (_, height), off = min(tries, key=lambda some: some[1].square().mean())
        if -height > 8 * unit and off.max() < max(1.2 * unit, 0.12 * -height):
            return "bouncing"
    path = torch.complex(center[:, 0], center[:, 1])[:, None]
    for turn in (1, -1):
        basis = torch.stack([one + 0j, torch.exp(2j * math.pi * turn * time)], 1)
        (_, ring), off = _residual(basis, path)
        if ring.abs() > 5 * unit and off.max() < max(1.2 * unit, 0.2 * ring.abs()):
            return "circling"
    return None
