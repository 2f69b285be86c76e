"""Says what a clip of the world shows, from its pixels alone."""

import math

import numpy as np
import torch

from .captions import COLORS, SHAPES, Attributes
from .render import BACKGROUND, SIZE, coverage


def judge(frames, colors=COLORS):
    """Say what a clip shows, from its pixels alone: `Attributes`, with None for what cannot be told.

    Colour: the mean over the object's core, next to the palette. Motion: the straight line through the centroid's
    path, and the trend of the object's size. Shape: the outline of equal area and centroid that overlaps best.
    frames: float array (F, H, W, 3) in [0, 1]; the object has to be seen in every frame. colors: the palette.
    """
    color, cover = _look(frames, colors)
    if cover is None:
        return Attributes(color, None, None)
    center, area = _moments(cover)
    return Attributes(color, _judge_shape(cover, center, area), _judge_motion(center, area, cover.shape[1]))


def track(frames, colors=COLORS):
    """Where a clip shows its object: centres (F, 2), x to the right and y down, and radii (F,), in pixels.

    The radius is that of the circle of equal area. frames, colors: as `judge` takes them. Raises ValueError where no
    object of these colours is seen in every frame.
    """
    _, cover = _look(frames, colors)
    if cover is None:
        raise ValueError("no object is seen in every frame of the clip, expected one to follow")
    center, area = _moments(cover)
    return center, (area / math.pi).sqrt()


def _look(frames, colors):
    """The colour of the object, and how much of each pixel it covers (F, size, size); None for what cannot be told."""
    frames = torch.tensor(np.asarray(frames), dtype=torch.float32)
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


def _moments(cover):
    """Centroid (F, 2) in pixels, x first, and area (F,) of the covered pixels."""
    axis, area = torch.arange(cover.shape[1]) + 0.5, cover.sum((1, 2))
    center = torch.stack([(cover.sum(1) * axis).sum(1), (cover.sum(2) * axis).sum(1)], 1) / area[:, None]
    return center, area


def _judge_shape(cover, center, area):
    radius = (area / math.pi).sqrt()
    error = {
        shape: ((cover - coverage(shape, center, radius, cover.shape[1])).abs().sum((1, 2)) / area).mean()
        for shape in SHAPES
    }
    best = min(error, key=error.get)
    return best if error[best] < 0.3 else None


def _judge_motion(center, area, size):
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
