"""How far generated samples are from the data.

For samples, float tensors of shape (n, d): distance, density, coverage, copies. For clips: whether they show what the
caption says, how well outlines fit, how much two clips overlap, how roughly things move, and CLIPSIM. A number alone
says little. Compare it with its floor, what the same measure gives for two halves of the data.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import shapes
from ._support.checks import check_tensors


# ---- samples ----
def energy_distance(x: Tensor, y: Tensor) -> float:
    """Compute 2 E|X - Y| - E|X - X'| - E|Y - Y'|, which is 0 only for equal distributions (Szekely & Rizzo 2013).

    Args:
        x: Samples of one distribution, of shape (n, d).
        y: Samples of the other, of shape (m, d).

    Returns:
        The distance in the units of x. Two finite samples of one distribution are not at 0 either, see `energy_floor`.

    >>> energy_distance(torch.zeros(3, 1), torch.ones(5, 1))
    2.0
    """
    _check(x=x, y=y)
    across, within_x, within_y = (torch.cdist(a, b).mean().item() for a, b in ((x, y), (x, x), (y, y)))
    return 2 * across - within_x - within_y


def energy_floor(x: Tensor, generator: torch.Generator) -> float:
    """Average the `energy_distance` between two random halves of one sample, over five ways of halving it.

    Nobody can ask a model to come closer to the data than the data come to themselves.

    Args:
        x: Samples, of shape (n, d); the floor is that of samples of size n / 2.
        generator: Chooses the halves.
    """
    _check(x=x)
    if len(x) < 2:
        raise ValueError(f"n = {len(x)}, expected at least two samples to halve")
    orders = [torch.randperm(len(x), generator=generator) for _ in range(5)]
    return sum(energy_distance(*x[order].tensor_split(2)) for order in orders) / 5


class Coverage(NamedTuple):
    """How many modes have samples near them, and the share of samples (0 to 1) that are near a mode."""

    modes: int
    near: float


def mode_coverage(x: Tensor, centers: Tensor, radius: float) -> Coverage:
    """Count the modes that get at least a tenth of their fair share n / k, and measure the share of samples near one.

    Args:
        x: Samples, of shape (n, d).
        centers: The modes, of shape (k, d).
        radius: How far from its nearest mode a sample counts as near; usually three standard deviations.

    >>> mode_coverage(torch.tensor([[0.0], [0.1], [0.5]]), torch.tensor([[0.0], [1.0]]), radius=0.2)
    Coverage(modes=1, near=0.6666666865348816)
    """
    _check(x=x, centers=centers)
    if not radius > 0:
        raise ValueError(f"radius = {radius}, expected a number above 0")
    distance, which = torch.cdist(x, centers).min(1)
    near = distance <= radius
    counts = torch.bincount(which[near], minlength=len(centers))
    return Coverage(int((counts >= 0.1 * len(x) / len(centers)).sum()), near.float().mean().item())


def nearest_distance(x: Tensor, reference: Tensor) -> Tensor:
    """Measure the distance (n,) from each sample to its nearest neighbour in a reference set. 0 is a copy.

    Copies are closer to the training set than fresh data are, so measure fresh data as a control.

    Args:
        x: Samples, of shape (n, d).
        reference: The set to search, of shape (m, d).

    >>> nearest_distance(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [1.0]]))
    tensor([0., 2.])
    """
    _check(x=x, reference=reference)
    return _distances(x, reference).min(1).values


class Fidelity(NamedTuple):
    """How densely fakes lie where data are, about 1 for fresh data; the share of data with a fake near, 0 to 1."""

    density: float
    coverage: float


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> Fidelity:
    """Measure density and coverage of generated samples (Naeem et al. 2020, Eq. 3 and 4).

    Around each data point is a ball that reaches to its k-th nearest neighbour among the data. Density counts in how
    many balls a fake lies, on average, divided by k. Coverage is the share of balls with a fake in them. All balls
    belong to data. Recall (Kynkaanniemi et al. 2019) puts them around fakes, and a few outliers' large balls raise it.

    Args:
        real: Data, of shape (n, d), more than k of them.
        fake: Generated samples, of shape (m, d).
        k: Which neighbour sets the radius of a ball.

    Returns:
        Density, 0 or more, and coverage, 0 to 1. Fresh data, as many as real, are expected to get 1 and about
        1 - 2^-k.

    >>> density_coverage(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.1], [0.4], [8.0], [8.3]]), k=1)
    Fidelity(density=1.0, coverage=0.6666666865348816)
    """
    _check(real=real, fake=fake)
    if not 1 <= k < len(real):
        raise ValueError(f"k = {k}, expected 1 <= k < {len(real)}, the number of data")
    reach = _distances(real, real).kthvalue(k + 1, dim=1).values  # the nearest of all is the point itself
    inside = _distances(real, fake) < reach[:, None]
    return Fidelity(inside.sum(0).float().mean().item() / k, inside.any(1).float().mean().item())


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Compute the distance of the Gaussians fitted to two samples: |m - n|^2 + tr(S + R - 2 (S R)^(1/2)).

    m, n and S, R are the means and covariances (Dowson & Landau 1982). Among features of images from a classifier it is
    FID (Heusel et al. 2017), and among those of clips FVD (Unterthiner et al. 2018). Fewer samples give a larger
    distance, so compare at equal n, and with a floor: the distance between two samples of the data.

    Args:
        x: Features, of shape (n, d), at least two.
        y: Features, of shape (m, d), at least two.

    Returns:
        The distance in the units of x squared, 0 or more.

    >>> round(frechet_distance(torch.tensor([[-1.0], [1.0]]), torch.tensor([[2.0], [6.0]])), 4)
    18.0
    """
    _check(x=x, y=y)
    if min(len(x), len(y)) < 2:
        raise ValueError(f"got {len(x)} and {len(y)} samples, expected at least two of both")
    x, y = x.double(), y.double()
    s, r = (torch.cov(a.T).reshape(a.shape[1], -1) for a in (x, y))
    values, vectors = torch.linalg.eigh(s)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    both = torch.linalg.eigvalsh(root @ r @ root).clamp(min=0).sqrt().sum()
    return ((x.mean(0) - y.mean(0)).square().sum() + s.trace() + r.trace() - 2 * both).item()


# ---- clips: frames of shape (F, H, W, 3) in [0, 1] ----
def adherence(
    clips: Sequence[np.ndarray],
    captions: Sequence[str | shapes.Attributes | shapes.Scene],
    colors: Mapping = shapes.COLORS,
    fit: float = 0.9,
) -> dict[str, float]:
    """Measure the share of clips that show what their caption says, according to `shapes.look`.

    Args:
        clips: Clips of the moving shapes.
        captions: A text, `shapes.Attributes` or `shapes.Scene` for each clip.
        colors: The judge's palette, {name: (red, green, blue)}.
        fit: How well an outline has to fit for its shape to count, see `shapes.look`.

    Returns:
        Shares from 0 to 1: of clips in which the "color", the "shape", the "motion" of every thing is right, and "all"
        of those in which these and the ground are, and nothing else is seen.

    >>> adherence([shapes.render("a red circle moving left", seed=0)], ["a blue circle moving left"])
    {'color': 0.0, 'shape': 1.0, 'motion': 1.0, 'all': 0.0}
    """
    if len(clips) != len(captions) or not len(clips):
        raise ValueError(f"got {len(clips)} clips and {len(captions)} captions, expected as many of both, at least one")
    said = [shapes.read(c) if isinstance(c, str) else c for c in captions]
    found = [shapes.compare(c, shapes.look(clip, colors, fit).scene) for c, clip in zip(said, clips, strict=True)]
    kinds = shapes.Attributes._fields
    shares = {kind: sum(all(getattr(hit, kind) for hit in one.hits) for one in found) / len(found) for kind in kinds}
    return shares | {"all": sum(one.right for one in found) / len(found)}


def object_mask(clip: np.ndarray) -> np.ndarray:
    """Mark the pixels of a clip (F, H, W, 3) that show an object, not the ground: booleans (F, H, W)."""
    clip = np.asarray(clip)
    return np.abs(clip - shapes.ground_of(clip)).max(-1) > 0.2


def object_overlap(clip: np.ndarray, other: np.ndarray) -> float:
    """Measure how much the objects of two clips overlap: intersection over union, averaged over frames, 0 to 1.

    Args:
        clip: Frames of the moving shapes, (F, H, W, 3).
        other: Frames of the same shape.
    """
    masks = [object_mask(c) for c in (clip, other)]
    both, either = (masks[0] & masks[1]).sum((1, 2)), (masks[0] | masks[1]).sum((1, 2))
    return float((both / np.maximum(either, 1)).mean())


def outline_fit(clip: np.ndarray, shape: str) -> float:
    """Measure how well the object's outline fits the ideal one, in the best place and size: 1 is a perfect fit.

    A pixel belongs to the object if more than half of it is covered, so soft edges cost nothing. From centroid and
    area, the search moves and scales the ideal outline by 1, 1/2 and 1/4 pixel as long as that helps.

    Args:
        clip: Frames (F, H, W, 3) of one moving shape on the plain ground. (On the others, use `shapes.outline_iou`.)
        shape: A name of `shapes.SHAPES`.

    Returns:
        Intersection over union, averaged over frames, 0 to 1. Rendered clips get 0.996 on average.

    >>> round(outline_fit(shapes.render("a red square growing", seed=0), "square"), 2)
    1.0
    """
    contrast = np.abs(np.asarray(clip) - np.array(shapes.BACKGROUND)).max(-1)
    mask = torch.from_numpy(contrast > 0.5 * np.median(contrast[contrast >= 0.5 * contrast.max()]))
    (f, y, x), area = mask.nonzero(as_tuple=True), mask.sum((1, 2))
    if not area.all():
        return 0.0
    center = torch.stack([torch.bincount(f, k + 0.5) / area for k in (x, y)], 1)
    place, best = torch.cat([center, (area / np.pi).sqrt()[:, None]], 1).float(), torch.zeros(len(mask))
    for step in (0.0, 1.0, 0.5, 0.25):
        for nudge in step * torch.cat([torch.eye(3), -torch.eye(3)]):
            ideal = shapes.coverage(shape, (place + nudge)[:, :2], (place + nudge)[:, 2], mask.shape[1]) > 0.5
            fit = (mask & ideal).sum((1, 2)) / (mask | ideal).sum((1, 2))
            place = torch.where((fit > best)[:, None], place + nudge, place)
            best = best.maximum(fit)
    return best.mean().item()


def jerk(center: np.ndarray) -> float:
    """Measure how roughly a thing moves: the mean length of the third difference of its path.

    It is 0 at constant speed and at constant acceleration. If each coordinate trembles with standard deviation s,
    independently in every frame, it is s sqrt(10 pi), about 5.6 s, so it shows noise that the eye still misses.

    Args:
        center: Places, of shape (F, 2), in pixels; NaN where the thing is not seen.

    Returns:
        Pixels / frame^3, averaged over the runs of four frames in which the thing is seen; NaN if there is none.

    >>> jerk(np.array([[0.0, 0], [1, 0], [4, 0], [9, 0], [16, 0]])), jerk(np.array([[0.0, 0], [1, 0], [0, 0], [1, 0]]))
    (0.0, 4.0)
    """
    center = np.asarray(center, dtype=float)
    if center.ndim != 2 or center.shape[1] != 2:
        raise ValueError(f"center has shape {center.shape}, expected (F, 2)")
    lengths = np.linalg.norm(np.diff(center, 3, axis=0), axis=1)
    lengths = lengths[~np.isnan(lengths)]
    return float(lengths.mean()) if len(lengths) else float("nan")


@torch.no_grad()
def clipsim(
    texts: Sequence[str],
    clips: Sequence[np.ndarray],
    tokenizer: Callable,
    text_encoder: Callable,
    video_tower: Callable,
) -> Tensor:
    """Compare texts with clips by the cosine of their embeddings in the scale model's CLIP: (len(texts), len(clips)).

    CLIPSIM, which ModelScope's report gives, is the mean over the pairs that belong together: the diagonal.

    Args:
        texts: Captions.
        clips: Clips of one shape.
        tokenizer: The scale model's.
        text_encoder: The scale model's.
        video_tower: The other half of its CLIP, which embeds clips (b, 3, F, H, W).
    """
    ids = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
    text = torch.nn.functional.normalize(text_encoder(ids).pooler_output, dim=1)
    frames = torch.as_tensor(np.stack(clips)).movedim(-1, 1) * 2 - 1
    return text @ video_tower(frames).T


def _distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")  # exactly 0 where x equals y


def _check(**clouds: Tensor) -> None:
    """Check that the arguments are samples (n, d) of one d."""
    check_tensors(**clouds)
    d = next(iter(clouds.values())).shape[-1]
    for name, x in clouds.items():
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"{name} has shape {tuple(x.shape)}, expected (n, {d})")
