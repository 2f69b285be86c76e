"""How far generated samples are from the data: distance, coverage, novelty, precision and recall; and of clips,
adherence to the caption, CLIPSIM and how different two of them are.

Samples are tensors of floats (n, d), of one d. Every measure has a floor: what it says of two halves of the data.
"""

import typing

import numpy as np
import torch

from . import shapes
from ._support.checks import check_floats, check_values


def _check(**clouds):
    first = next(iter(clouds.values()))
    for name, x in clouds.items():
        check_floats(name, x)
        if x.ndim != 2 or x.numel() == 0 or x.shape[1] != first.shape[-1]:
            wanted = f"(n, {first.shape[-1]})" if first.ndim == 2 and first.numel() else "(n, d)"
            raise ValueError(f"{name} has shape {tuple(x.shape)}, expected {wanted} with n >= 1")
        check_values(name, x)


def energy_distance(x, y):
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|: 0 where two laws are the same, above 0 elsewhere (Szekely & Rizzo 2013).

    x: (n, d), y: (m, d). Returns a float in the units of x. A finite sample is never at 0: compare with the floor.

    >>> energy_distance(torch.zeros(3, 1), torch.ones(5, 1))
    2.0
    """
    _check(x=x, y=y)
    across, within_x, within_y = (torch.cdist(a, b).mean().item() for a, b in ((x, y), (x, x), (y, y)))
    return 2 * across - within_x - within_y


def energy_floor(x, generator, times=5):
    """What `energy_distance` says of two halves of one sample (n, d), on average over `times` ways to halve it.

    No model can be asked to come nearer to the data than the data do themselves: the floor for samples of n / 2.

    >>> energy_floor(torch.zeros(4, 2), torch.Generator().manual_seed(0))
    0.0
    """
    _check(x=x)
    if len(x) < 2 or times < 1:
        raise ValueError(f"n = {len(x)}, times = {times}, expected at least two samples and one way to halve them")
    orders = [torch.randperm(len(x), generator=generator) for _ in range(times)]
    return sum(energy_distance(*x[order].tensor_split(2)) for order in orders) / times


class Coverage(typing.NamedTuple):
    """modes: how many centres have samples near them. near: share of samples that are near a centre, 0 ... 1."""

    modes: int
    near: float


def mode_coverage(x, centers, radius, least=0.1):
    """Count the modes that samples reach, and the samples that reach a mode.

    x: (n, d), centers: (k, d). Near means within `radius` of the nearest centre, in the units of x: three standard
    deviations, usually. A mode counts when it has `least` of its fair share n / k. Returns a `Coverage`.

    >>> mode_coverage(torch.tensor([[0.0], [0.1], [0.5]]), torch.tensor([[0.0], [1.0]]), radius=0.2)
    Coverage(modes=1, near=0.6666666865348816)
    """
    _check(x=x, centers=centers)
    if not radius > 0 or not 0 < least <= 1:
        raise ValueError(f"radius = {radius}, least = {least}, expected radius > 0 and a share, 0 < least <= 1")
    distance, which = torch.cdist(x, centers).min(1)
    near = distance <= radius
    counts = torch.bincount(which[near], minlength=len(centers))
    enough = (counts > 0) & (counts >= least * len(x) / len(centers))
    return Coverage(int(enough.sum()), near.float().mean().item())


def nearest_distance(x, reference):
    """Distance from each of x (n, d) to its nearest neighbour among reference (m, d): (n,). 0 is a copy.

    Alone the number says little. Copies are nearer to the training set than fresh data are: give those as a control.

    >>> nearest_distance(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [1.0]]))
    tensor([0., 2.])
    """
    _check(x=x, reference=reference)
    return _distances(x, reference).min(1).values


def _distances(x, y):
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")  # exact where x equals y


def precision_recall(real, fake, k=3):
    """Precision: share of fake samples that lie where data are. Recall: share of data that lie where fakes are.

    "Where they are" is the union of balls around them, each as far as its k-th nearest neighbour of its own kind
    (Kynkaanniemi et al. 2019, Eq. 1 and 2). real: (n, d), fake: (m, d), both more than k. Returns two floats, 0 ... 1.

    >>> precision_recall(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.1], [0.4], [8.0], [8.3]]), k=1)
    (0.5, 0.3333333432674408)
    """
    _check(real=real, fake=fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(f"k = {k}, expected 1 <= k < {min(len(real), len(fake))}, the smaller number of samples")
    across = _distances(real, fake)
    reach_real, reach_fake = (_distances(a, a).kthvalue(k + 1, dim=1).values for a in (real, fake))  # 1st is itself
    precision = (across <= reach_real[:, None]).any(0).float().mean().item()
    recall = (across <= reach_fake).any(1).float().mean().item()
    return precision, recall


def adherence(clips, captions, colors=shapes.COLORS):
    """Share of clips that show what their caption says, by `shapes.judge`.

    clips: sequence of frames (F, H, W, 3) in [0, 1]; captions: texts or `shapes.Attributes`, one for each clip.
    colors: the judge's palette.
    Returns a dict of shares in [0, 1]: "color", "shape", "motion", and "all" three together.
    """
    if len(clips) != len(captions) or not len(clips):
        raise ValueError(f"got {len(clips)} clips and {len(captions)} captions, expected as many of both, at least one")
    said = [c if isinstance(c, shapes.Attributes) else shapes.parse(c) for c in captions]
    seen = [shapes.judge(clip, colors) for clip in clips]
    right = np.array([[a == b for a, b in zip(*pair, strict=True)] for pair in zip(seen, said, strict=True)])
    shares = dict(zip(shapes.Attributes._fields, right.mean(0).tolist(), strict=True))
    return shares | {"all": right.all(1).mean().item()}


def object_mask(clip):
    """Where a clip (F, H, W, 3) shows an object: bool array (F, H, W), True where a pixel is unlike the background."""
    return np.abs(np.asarray(clip) - np.array(shapes.BACKGROUND)).max(-1) > 0.2


def object_overlap(clip, other):
    """Intersection over union of where two clips show an object, averaged over frames; 1 for equal clips."""
    masks = [object_mask(c) for c in (clip, other)]
    both, either = (masks[0] & masks[1]).sum((1, 2)), (masks[0] | masks[1]).sum((1, 2))
    return float((both / np.maximum(either, 1)).mean())


@torch.no_grad()
def clipsim(texts, clips, tokenizer, text_encoder, video_tower):
    """Cosine of each text with each clip in the tiny CLIP's space: tensor (len(texts), len(clips)) in [-1, 1].

    CLIPSIM, the figure that ModelScope's report gives, is the mean over pairs that belong together (the diagonal).
    """
    ids = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
    text = torch.nn.functional.normalize(text_encoder(ids).pooler_output, dim=1)
    frames = torch.as_tensor(np.stack(clips)).movedim(-1, 1) * 2 - 1
    return text @ video_tower(frames).T


def jerk(center: np.ndarray) -> float:
    """How roughly a thing moves: the mean length of the third difference of its path.

    Zero for uniform motion and for constant acceleration. A path that trembles by independent errors of deviation s in
    each coordinate gives about 5.6 s (sqrt(20 pi / 2) s), so that noise shows before it can be seen.

    Args:
        center: Places (F, 2) in pixels, one for each frame; NaN where the thing is not seen.

    Returns:
        Pixels / frame^3, over the runs of four frames in which it is seen; NaN if there is none.

    >>> jerk(np.array([[0.0, 0], [1, 0], [4, 0], [9, 0], [16, 0]])), jerk(np.array([[0.0, 0], [1, 0], [0, 0], [1, 0]]))
    (0.0, 4.0)
    """
    center = np.asarray(center, dtype=float)
    if center.ndim != 2 or center.shape[1] != 2:
        raise ValueError(f"center has shape {center.shape}, expected (F, 2)")
    lengths = np.linalg.norm(np.diff(center, 3, axis=0), axis=1)
    lengths = lengths[~np.isnan(lengths)]
    return float(lengths.mean()) if len(lengths) else float("nan")


def frechet_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    """Distance of two Gaussians fitted to two samples: |m - n|^2 + tr(S + R - 2 (S R)^(1/2)) (Dowson & Landau 1982).

    In the space of a network's features it is FID (Heusel et al. 2017), and for clips FVD (Unterthiner et al. 2018).
    A finite sample is never at 0, and the fewer samples the higher: compare at equal n, and with a floor, two samples
    of the data.

    Args:
        x: Features (n, d), n >= 2.
        y: Features (m, d), m >= 2.

    Returns:
        The distance, in the units of x squared.

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
