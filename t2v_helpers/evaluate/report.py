"""What is measured of a model's clips: every number with its standard error, and with controls beside it.

An error is over scenes, each with a random seed of its own; several clips of a scene are averaged first. Where a share
is the same for every scene, the error is the spread of Beta(right + 1, wrong + 1), since "all of 40" doesn't mean
"always". The error of a Fréchet distance is the jackknife's, over ten parts of the clips.
"""

import math
import pathlib
import typing
from collections.abc import Callable, Mapping

import numpy as np
import torch

from .. import measures, shapes
from ..models import Request
from .clips import Clips, Job, draw_scenes, generate_clips, rendered_clips

STEPS, GUIDANCE = (2, 4, 6, 10, 20), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the sweep
STRAIGHT, CURVED = ("left", "right", "up", "down"), ("bouncing", "circling")
ONE, TWO, PLAIN, BLIND = "one thing, trained", "two things, trained pairs", "plain ground, two seeds each", "no text"


class Value(typing.NamedTuple):
    """A mean, its standard error (None for that of a single scene), and how many clips or pairs it is of."""

    mean: float
    error: float | None
    n: int


def value(numbers, times: int = 1, share: bool = False) -> Value | None:
    """Average numbers, `times` of each scene one after another; NaN, for what was not seen, is left out.

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


def ratio(a: np.ndarray, b: np.ndarray) -> Value:
    """Ratio of the means of a and b, numbers of the same scenes."""
    mean = a.mean() / b.mean()
    return Value(float(mean), float((a - mean * b).std(ddof=1) / math.sqrt(len(a)) / b.mean()), len(a))


def adherence(clips: Clips, scenes: list | None = None) -> dict[str, Value]:
    """Shares of clips in which an attribute of every thing asked for is right, according to the strict judge.

    scenes: what they have to show; None: what was asked for. "attributes" are colour, shape and motion together, "all"
    also the ground, and that nothing else is seen. With two things, "binding" is the share in which some attribute is
    on the other thing, and "missing" that in which some attribute is on none.
    """
    scenes = scenes or clips.scenes
    found = [shapes.compare(asked, sight.scene) for asked, sight in zip(scenes, clips.sights, strict=True)]
    shares = {kind: [all(getattr(hit, kind) for hit in c.hits) for c in found] for kind in shapes.Attributes._fields}
    shares["attributes"] = [all(map(all, c.hits)) for c in found]
    shares |= {"ground": [c.ground for c in found], "all": [c.right for c in found]}
    if len(scenes[0].things) == 2:
        shares |= {"binding": [bool(c.binding) for c in found], "missing": [bool(c.missing) for c in found]}
    return {name: value(right, clips.times, share=True) for name, right in shares.items()}


def of_things(clips: Clips, measure: Callable, chosen: Callable) -> Value | None:
    """Average `measure(seen thing)` over the clips of one thing whose attributes, as asked for, are `chosen`."""
    pairs = zip(clips.scenes, clips.sights, strict=True)
    numbers = [measure(s.things[0]) if s.things and chosen(scene.things[0]) else math.nan for scene, s in pairs]
    return value(numbers, clips.times)


def outline_iou(clips: Clips, *names: str) -> Value | None:
    """How well outlines fit the ideal ones where shapes of these names were asked for (all, if there are none)."""
    return of_things(clips, lambda thing: thing.outline, lambda asked: not names or asked.shape in names)


def jerk(clips: Clips, motions: tuple) -> Value | None:
    """How roughly things move where one of these motions was asked for, pixels / frame^3."""
    return of_things(clips, lambda thing: measures.jerk(thing.center), lambda asked: asked.motion in motions)


def overlaps(clips: Clips) -> np.ndarray:
    """How much the things of a scene's first two clips overlap, (scenes,)."""
    frames = clips.frames / np.float32(255)
    return np.array([measures.object_overlap(frames[i], frames[i + 1]) for i in range(0, len(frames), clips.times)])


@torch.inference_mode()
def features(tower: Callable, *several: Clips) -> torch.Tensor:
    """The video tower's vectors of clips, (n, 64)."""
    frames = [torch.as_tensor(clip)[None].movedim(-1, 1) / 127.5 - 1 for clips in several for clip in clips.frames]
    return torch.cat([tower(clip) for clip in frames])


def frechet(x: torch.Tensor, y: torch.Tensor) -> Value | None:
    """Fréchet distance of features of clips of the same scenes; None for fewer than four."""
    if len(x) < 4:
        return None
    part = torch.arange(len(x)) * 10 // len(x)
    left = [measures.frechet_distance(x[part != k], y[part != k]) for k in part.unique()]
    return Value(measures.frechet_distance(x, y), float(math.sqrt((len(left) - 1) * np.var(left))), len(x))


def jobs(count: int, first: bool, known: tuple = ()) -> dict[str, Job]:
    """What to show for a table: `count` scenes of one thing and twice as many of two, trained and held out; controls.

    first: whether the model knows only the first world: single things on the plain ground. known: its words.
    """
    some = {ONE: Job(draw_scenes(1, False, count, first=first))}
    some["one thing, held out"] = Job(draw_scenes(1, True, count, first=first))
    if not first:  # shares of two things are nearer to a half, so more clips are needed
        some[TWO] = Job(draw_scenes(2, False, 2 * count))
        some["two things, held-out pairs"] = Job(draw_scenes(2, True, 2 * count))
    some[PLAIN] = Job(draw_scenes(1, False, max(2, count // 2), grounds=False, first=first), 2)
    for name in [name for name in (ONE, TWO) if name in some]:
        scenes = some[name].scenes[: max(1, count // 2)]
        ways = [[w for w in shapes.wordings(s)[1:] if {*w.replace(",", "").split()} <= {*known}] for s in scenes]
        prompts = [way[7 * i % len(way)] for i, way in enumerate(ways)]
        some[f"other wordings, {name.split(',')[0]}"] = Job(scenes, prompts=prompts)
    return some | {BLIND: Job(some[ONE].scenes[: max(1, count // 2)], settings={"guidance": 0})}


def evaluate(
    pipeline: Callable, jobs: Mapping[str, Job], asked: Request, tower: Callable, own: bool, model: str = "",
    folder: pathlib.Path | None = None,
) -> tuple[dict, dict, dict]:  # fmt: skip
    """Measure everything: adherence, row -> column -> `Value`; the other measures in the same form; the clips by job.

    jobs: those of the function of that name. tower: the video tower in whose space the Fréchet distance is measured;
    own: whether it was trained with the model's text encoder, so that CLIPSIM means something. asked, model, folder: as
    in `generate_clips`.
    """
    made = generate_clips(pipeline, jobs, asked, model, folder)
    trained = [name for name in (ONE, TWO) if name in jobs]
    drawn = {name: rendered_clips(jobs[name], asked, 10**7) for name in (*trained, PLAIN)}
    blind = made.pop(BLIND)
    rows = {name: adherence(clips) for name, clips in made.items()}
    for name in trained:
        clips = made[name]
        rows[f"rendered: {name}"] = adherence(drawn[name])
        rows[f"captions shuffled: {name}"] = adherence(clips, _rolled(clips.scenes))
        rows[f"no text: {name}"] = adherence(blind, clips.scenes[: len(blind.scenes)])
    plain = {"generated": made[PLAIN], "rendered": drawn[PLAIN]}
    asked_for = {scene.things[0].shape for scene in made[PLAIN].scenes}
    others = {
        f"outline IoU, {shape}": {column: outline_iou(clips, shape) for column, clips in plain.items()}
        for shape in shapes.SHAPES if shape in asked_for
    }  # fmt: skip
    for what, motions in (("straight", STRAIGHT), ("curved", CURVED)):
        others[f"jerk, {what} (px/frame³)"] = {c: jerk(clips, motions) for c, clips in plain.items()}
    over = {column: overlaps(clips) for column, clips in plain.items()}
    others["overlap of two seeds"] = {c: value(numbers) for c, numbers in over.items()}
    others["overlap beside the data's"] = {"generated": ratio(*over.values())}
    vectors = {"generated": features(tower, *(made[name] for name in trained))}
    vectors["rendered"] = features(tower, *(drawn[name] for name in trained))
    real = features(tower, *(rendered_clips(jobs[name], asked, 2 * 10**7) for name in trained))
    others[f"Fréchet distance, n = {len(real)}"] = {c: frechet(x, real) for c, x in vectors.items()}
    if own:
        texts = [prompt for name in trained for prompt in made[name].prompts]
        text = _text_features(pipeline, texts)
        vectors["captions shuffled"] = torch.stack(_rolled(list(vectors["generated"])))
        others["CLIPSIM"] = {column: value((x * text).sum(1)) for column, x in vectors.items()}
    return rows, {name: numbers for name, numbers in others.items() if any(numbers.values())}, made


@torch.inference_mode()
def _text_features(pipeline, texts):
    ids = pipeline.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    pooled = pipeline.text_encoder(ids.to(pipeline.text_encoder.device)).pooler_output
    return torch.nn.functional.normalize(pooled.float(), dim=1).cpu()


def _rolled(values):
    """Every scene's value in another one's place."""
    half = len(values) // 2
    return values[half:] + values[:half]


def sweep(
    pipeline: Callable, jobs: Mapping[str, Job], asked: Request, tower: Callable, model: str = "",
    folder: pathlib.Path | None = None,
) -> dict:  # fmt: skip
    """Measure what the number of steps does at the guidance asked for, and guidance at the number of steps asked for.

    Returns name of the measure -> "steps", "guidance" or "rendered" -> number, as a text -> `Value`. jobs: PLAIN and
    TWO are taken of them; the other arguments are as in `evaluate`.
    """
    some = [name for name in (PLAIN, TWO) if name in jobs]
    tried = {("steps", str(n)): {"steps": n} for n in STEPS}
    tried |= {("guidance", f"{w:g}"): {"guidance": w} for w in GUIDANCE}
    wanted = {(*at, name): jobs[name]._replace(settings=how) for at, how in tried.items() for name in some}
    made = generate_clips(pipeline, wanted, asked, model, folder)
    made |= {("rendered", "", name): rendered_clips(jobs[name], asked, 10**7) for name in some}
    real, panels = features(tower, *(rendered_clips(jobs[name], asked, 2 * 10**7) for name in some)), {}
    for what, at in (*tried, ("rendered", "")):
        plain, *two = (made[what, at, name] for name in some)
        found = {"one thing: all right": adherence(plain)["all"]}
        if two:
            shares = adherence(*two)
            found |= {"two things: all right": shares["all"], "two things: misbound": shares["binding"]}
            found |= {f"two things: {kind}": shares[kind] for kind in shapes.Attributes._fields}
        found["outline IoU"] = outline_iou(plain)
        found["jerk, straight (px/frame³)"] = jerk(plain, STRAIGHT)
        found["overlap of two seeds"] = value(overlaps(plain))
        found["Fréchet distance"] = frechet(features(tower, plain, *two), real)
        for name, number in found.items():
            panels.setdefault(name, {}).setdefault(what, {})[at] = number
    return panels
