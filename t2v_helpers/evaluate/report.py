"""What is measured of a model's clips: every number with its standard error, and with controls beside it.

An error is over prompts: the clips of a prompt are averaged first, because they resemble one another. Where a share is
the same for every prompt it is the spread of Beta(right + 1, wrong + 1), since "all of 40" does not mean "always". The
error of a Fréchet distance is the jackknife's, over ten parts of the prompts.
"""

import itertools
import math
import typing

import numpy as np
import torch

from .. import measures, shapes
from .clips import Clips, Studio

STEPS, GUIDANCE = (2, 4, 6, 10, 20), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the sweep
STRAIGHT, CURVED = ("left", "right", "up", "down"), ("bouncing", "circling")
ONE, TWO, PLAIN = "one thing, trained", "two things, trained pairs", "plain ground"  # the kinds that have controls


class Value(typing.NamedTuple):
    """A mean, its standard error (None for that of a single prompt), and how many numbers it is of."""

    mean: float
    error: float | None
    n: int


def value(numbers, times: int = 1, share: bool = False) -> Value | None:
    """The mean of numbers, `times` of each prompt one after another; NaN, for what was not seen, is left out.

    >>> value([0.0, 2.0, 4.0, 6.0], times=2)
    Value(mean=3.0, error=2.0, n=4)
    """
    numbers = np.asarray(numbers, dtype=float).reshape(-1, times)
    each = np.array([row[~np.isnan(row)].mean() for row in numbers if not np.isnan(row).all()])
    if not len(each):
        return None
    error = float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None
    if share and not each.std() > 0:
        p = (each.sum() + 1) / (len(each) + 2)
        error = float(math.sqrt(p * (1 - p) / (len(each) + 3)))
    return Value(float(each.mean()), error, int((~np.isnan(numbers)).sum()))


def adherence(clips: Clips, scenes: list | None = None) -> dict[str, Value]:
    """Shares of clips in which an attribute of every thing asked for is right, by the strict judge.

    Args:
        clips: Judged clips.
        scenes: What they have to show; None for what was asked for.

    Returns:
        color, shape, motion; attributes: these three; ground; all: attributes and ground, and nothing else to be seen.
        With two things also binding, some attribute is on the other thing, and missing, some attribute is on none.
    """
    scenes = scenes or clips.scenes
    found = [shapes.compare(asked, sight.scene) for asked, sight in zip(scenes, clips.sights, strict=True)]
    shares = {k: [all(getattr(hit, k) for hit in c.hits) for c in found] for k in shapes.Attributes._fields}
    shares["attributes"] = [all(map(all, c.hits)) for c in found]
    shares |= {"ground": [c.ground for c in found], "all": [c.right for c in found]}
    if len(scenes[0].things) == 2:
        shares |= {"binding": [bool(c.binding) for c in found], "missing": [bool(c.missing) for c in found]}
    return {name: value(right, clips.times, share=True) for name, right in shares.items()}


def by_thing(clips: Clips, measure, kind: str, names: tuple) -> Value | None:
    """The mean of `measure(seen thing)` over clips of one thing whose `kind` of attribute, asked for, is in `names`."""
    chosen = [getattr(scene.things[0], kind) in names for scene in clips.scenes]
    numbers = [measure(s.things[0]) if c and s.things else math.nan for c, s in zip(chosen, clips.sights, strict=True)]
    return value(numbers, clips.times)


def outline_iou(clips: Clips, *names: str) -> Value | None:
    """How well outlines fit the ideal ones where shapes of these names were asked for (all, if there are none)."""
    return by_thing(clips, lambda thing: thing.outline, "shape", names or tuple(shapes.SHAPES))


def jerk(clips: Clips, motions: tuple) -> Value | None:
    """How roughly things move where one of these motions was asked for, pixels / frame^3."""
    return by_thing(clips, lambda thing: measures.jerk(thing.center), "motion", motions)


def overlaps(clips: Clips) -> np.ndarray:
    """How much two clips of a prompt overlap, (prompts, pairs), on the plain ground."""
    groups = (clips.frames / np.float32(255)).reshape(-1, clips.times, *clips.frames.shape[1:])
    return np.array([[measures.object_overlap(a, b) for i, a in enumerate(g) for b in g[:i]] for g in groups])


def ratio(a: np.ndarray, b: np.ndarray) -> Value:
    """Ratio of the means of a and b, both (prompts, pairs), by the same prompts."""
    x, y = a.mean(1), b.mean(1)
    mean = x.mean() / y.mean()
    return Value(float(mean), float((x - mean * y).std(ddof=1) / math.sqrt(len(x)) / y.mean()), a.size)


@torch.inference_mode()
def features(studio: Studio, tower, *clips: Clips) -> torch.Tensor:
    """The tower's vectors, (n, 64), of length 1: no training gave another length a meaning."""
    frames, tower = np.concatenate([c.frames for c in clips]), tower.to(studio.device)
    return torch.cat([tower(studio.to_model(frames[i : i + 64])).cpu() for i in range(0, len(frames), 64)])


@torch.inference_mode()
def text_features(studio: Studio, prompts: list) -> torch.Tensor:
    """The text tower's vectors, (n, 64), of length 1."""
    ids = studio.pipe.tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return torch.nn.functional.normalize(studio.pipe.text_encoder(ids.to(studio.device)).pooler_output, dim=1).cpu()


def frechet(x: torch.Tensor, y: torch.Tensor) -> Value | None:
    """Fréchet distance of features (n, d) of clips of the same prompts, with the jackknife's error; None if n < 4."""
    if len(x) < 4:
        return None
    part = torch.arange(len(x)) * 10 // len(x)
    left = [measures.frechet_distance(x[part != k], y[part != k]) for k in part.unique()]
    return Value(measures.frechet_distance(x, y), float(math.sqrt((len(left) - 1) * np.var(left))), len(x))


def seen(clips: Clips) -> Clips:
    """The clips when all are judged."""
    return clips._replace(sights=list(clips.sights))


def evaluate(studio: Studio, kinds: dict, tower=None, own: bool = False) -> tuple[dict, dict, dict]:
    """Measure everything.

    Args:
        studio: Makes the clips.
        kinds: What to show: name -> (scenes, clips of each, a wording of each or None). ONE and PLAIN are among them,
            PLAIN with at least two clips of each scene.
        tower: The video tower whose space holds the Fréchet distance; None for no such distance.
        own: Whether the tower was trained with the model's text encoder, so that CLIPSIM means something.

    Returns:
        Adherence, row -> column -> `Value`; the other measures in the same form; and the generated clips by kind.
    """
    controls = [name for name in (ONE, TWO, PLAIN) if name in kinds]
    trained = [name for name in (ONE, TWO) if name in kinds]
    count = {name: len(scenes) * n for name, (scenes, n, _) in kinds.items()}
    studio.bar.total = sum(count.values()) + sum(count[name] for name in controls) + len(kinds[ONE][0])
    made = {name: studio.generated(scenes, n, said) for name, (scenes, n, said) in kinds.items()}
    blind = studio.generated(kinds[ONE][0], guidance=0)
    drawn = {name: studio.rendered(*kinds[name][:2]) for name in controls}
    coded = {name: studio.reconstructed(drawn[name]) for name in controls}
    columns = {"generated": made, "rendered": drawn, "autoencoder": coded}
    columns = {column: {name: seen(clips) for name, clips in some.items()} for column, some in columns.items()}
    made, drawn, coded = columns.values()
    blind = seen(blind)
    rows = {name: adherence(clips) for name, clips in made.items()}
    for name in trained:
        clips = made[name]
        rows |= {f"rendered: {name}": adherence(drawn[name]), f"autoencoder: {name}": adherence(coded[name])}
        rows[f"captions shuffled: {name}"] = adherence(clips, _rolled(clips.scenes, clips.times))
        asked = clips.scenes[:: clips.times] * len(blind.scenes)
        rows[f"no text: {name}"] = adherence(blind, asked[: len(blind.scenes)])
    plain = {column: some[PLAIN] for column, some in columns.items()}
    others = {f"outline IoU, {s}": {c: outline_iou(clips, s) for c, clips in plain.items()} for s in shapes.SHAPES}
    for what, motions in (("straight", STRAIGHT), ("curved", CURVED)):
        others[f"jerk, {what} (px/frame³)"] = {c: jerk(clips, motions) for c, clips in plain.items()}
    over = {column: overlaps(clips) for column, clips in plain.items()}
    others["overlap of two seeds"] = {c: value(numbers, numbers.shape[1]) for c, numbers in over.items()}
    others["overlap beside the data's"] = {c: ratio(numbers, over["rendered"]) for c, numbers in over.items()}
    if tower is not None:
        again = [studio.rendered(*kinds[name][:2], 2 * 10**7) for name in trained]
        vectors = {c: features(studio, tower, *(some[name] for name in trained)) for c, some in columns.items()}
        real, times = features(studio, tower, *again), made[ONE].times
        others[f"Fréchet distance, n = {len(real)}"] = {c: frechet(x, real) for c, x in vectors.items()}
    if own:
        text = text_features(studio, [prompt for name in trained for prompt in made[name].prompts])
        cosine = {column: (x, text) for column, x in vectors.items()}
        cosine["captions shuffled"] = vectors["generated"], torch.cat(_rolled(list(text.split(1)), times))
        others["CLIPSIM"] = {column: value((x * y).sum(1), times) for column, (x, y) in cosine.items()}
        cosine = features(studio, tower, blind) * text[: times * len(blind.scenes) : times]
        others["CLIPSIM"]["no text"] = value(cosine.sum(1))
    return rows, others, made


def _rolled(values, times):
    """Every prompt's values in another one's place."""
    half = times * (len(values) // times // 2)
    return values[half:] + values[:half]


def sweep(studio: Studio, kinds: dict, tower=None, steps: tuple = STEPS, guidance: tuple = GUIDANCE) -> dict:
    """Measure what the number of steps and the guidance scale do to each of a few measures.

    Args:
        studio: Makes the clips.
        kinds: PLAIN and perhaps TWO, as in `evaluate`; others are left out.
        tower: As in `evaluate`.
        steps: Numbers of denoising steps.
        guidance: Guidance scales.

    Returns:
        Name of the measure -> "10 steps" -> guidance scale, as a text -> `Value`; and "rendered" in place of a number
        of steps, with one value, under "", for clips that the program draws of the same captions.
    """
    some, made = [kinds[name] for name in (PLAIN, TWO) if name in kinds], {}
    studio.bar.total = len(steps) * len(guidance) * sum(len(scenes) * n for scenes, n, _ in some)
    for t, w in itertools.product(steps, guidance):  # all are generated first, while the judges are at work
        made[f"{t} steps", f"{w:g}"] = [studio.generated(*kind, t, w) for kind in some]
    made["rendered", ""] = [studio.rendered(*kind[:2]) for kind in some]
    again = [studio.rendered(*kind[:2], 2 * 10**7) for kind in some]
    real = None if tower is None else features(studio, tower, *again)
    panels = {}
    for (line, at), several in made.items():
        plain, *two = map(seen, several)
        found = {"one thing: all right": adherence(plain)["all"]}
        if two:
            shares = adherence(*two)
            found |= {"two things: six attributes": shares["attributes"], "two things: misbound": shares["binding"]}
        found |= {"outline IoU": outline_iou(plain), "jerk, straight (px/frame³)": jerk(plain, STRAIGHT)}
        found["overlap of two seeds"] = value(over := overlaps(plain), over.shape[1])
        if tower is not None:
            found["Fréchet distance"] = frechet(features(studio, tower, *several), real)
        for name, number in found.items():
            panels.setdefault(name, {}).setdefault(line, {})[at] = number
    return panels
