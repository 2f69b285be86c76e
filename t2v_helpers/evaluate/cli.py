"""Measure a text-to-video model of the shapes' world: does a clip show what its prompt says?

The result is the table of the model card.
"""

import dataclasses
import json
import os
import pathlib
import sys
import time
import typing
from collections.abc import Callable, Sequence

import numpy as np

from .._support import command, files
from ..models import DTYPES, Request, describe, fit, known_words, load_pipeline, make

EPILOG = "Exit code: 0 measured, 2 bad input (one line says why), 130 interrupted."


def generate_clips(
    pipeline: Callable, prompts: Sequence[str], seeds: Sequence[int], asked: Request, batch: int = 18
) -> np.ndarray:
    """A clip for every prompt and seed, from the noise that `generate` draws: (clips, F, H, W, 3), prompt by prompt.

    asked: steps, guidance, length and size of each, completed by `fit`.
    """
    import torch
    from tqdm.auto import tqdm

    jobs, clips = [(prompt, seed) for prompt in prompts for seed in seeds], []
    settings = {name: getattr(asked, name) for name in ("num_frames", "height", "width")}
    settings |= {"num_inference_steps": asked.steps, "guidance_scale": asked.guidance, "output_type": "np"}
    tokens = getattr(getattr(pipeline, "t2v_model", None), "tokens", None)
    settings |= {"max_sequence_length": tokens} if tokens else {}
    with tqdm(total=len(jobs), unit="clip", leave=False, disable=None) as bar:  # None: off if stderr is a file
        for begin in range(0, len(jobs), batch):
            some = jobs[begin : begin + batch]
            noise = [torch.Generator().manual_seed(seed) for _, seed in some]
            with torch.inference_mode():
                clips.append(pipeline([prompt for prompt, _ in some], generator=noise, **settings).frames)
            bar.update(len(some))
    return np.concatenate(clips)


def evaluate(
    pipeline: Callable, seeds: Sequence[int], asked: Request, video_tower: typing.Any = None
) -> list[tuple[str, dict[str, float]]]:
    """Measure every number of the model card: the rows of the table, with clips, and shares or values, by column.

    seeds: of the clips of each caption; a single one leaves "seeds differ" empty. asked: see `generate_clips`.
    video_tower: for CLIPSIM; optional.
    """
    from .. import shapes
    from ..measures import adherence, clipsim, object_overlap, outline_fit

    def share(clips, captions):
        return {"clips": len(clips)} | adherence(clips, captions)

    def clips(prompts, seeds, w=asked.guidance):
        return generate_clips(pipeline, prompts, seeds, dataclasses.replace(asked, guidance=w))

    def render(names, seed):
        return shapes.render(names, seed, asked.num_frames, asked.height)

    trained, held_out, every = shapes.captions(held_out=False), shapes.captions(held_out=True), shapes.COMBINATIONS
    other = [shapes.wordings(names)[(7 * i + 1) % len(shapes.wordings(names))] for i, names in enumerate(every)]
    said, said_held_out = ([prompt for prompt in prompts for _ in seeds] for prompts in (trained, held_out))
    shuffled = [said[i] for i in np.random.default_rng(0).permutation(len(said))]
    rendered = [render(names, 10**7 + i) for i, names in enumerate(every * 5)]
    own = clips(trained, seeds)
    by_prompt = own.reshape(len(trained), len(seeds), *own.shape[1:])
    differ = [object_overlap(a, b) < 0.8 for many in by_prompt for i, a in enumerate(many) for b in many[:i]]
    rows = [
        ("trained captions", share(own, said)),
        ("held-out captions", share(clips(held_out, seeds), said_held_out)),
        ("other wordings", share(clips(other, [11]), every)),
        ("control: captions shuffled", share(own, shuffled)),
        ("control: no guidance (w = 1)", share(clips(trained, [12], 1.0), trained)),
        ("control: no text (w = 0)", share(clips([""], range(100, 100 + len(trained)), 1.0), trained)),
        ("ceiling: rendered clips", share(rendered, every * 5)),
        ("seeds differ", {"clips": len(own), "all": float(np.mean(differ))} if differ else {}),
    ]
    first, real = by_prompt[:, 0], [render(caption, 10**8 + i) for i, caption in enumerate(trained)]
    for what, those in (("generated", first), ("rendered", real)):
        fits = [outline_fit(clip, shapes.parse(caption).shape) for clip, caption in zip(those, trained, strict=True)]
        rows.append((f"outline fit, {what}", {"clips": len(fits), "all": float(np.mean(fits))}))
    if video_tower is not None:
        towers = pipeline.tokenizer, pipeline.text_encoder, video_tower
        some = {"generated": first, "rendered": real, "captions reversed": first[::-1].copy()}
        alike = {what: clipsim(trained, those, *towers).diagonal().mean().item() for what, those in some.items()}
        rows += [(f"CLIPSIM, {what}", {"clips": len(first), "all": value}) for what, value in alike.items()]
    return rows


def table(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """The rows as Markdown.

    >>> print(table([("seeds differ", {"clips": 90, "all": 0.5})]).splitlines()[-1])
    | seeds differ | 90 |  |  |  | 0.500 |
    """
    columns = {"clips": "d", "color": ".3f", "shape": ".3f", "motion": ".3f", "all": ".3f"}
    lines = ["| | " + " | ".join(columns).replace("color", "colour") + " |", "| --- |" + " ---: |" * len(columns)]
    for what, values in rows:
        shown = (f"{values[c]:{how}}" if c in values else "" for c, how in columns.items())
        lines.append(f"| {what} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.evaluate", __doc__.split("\n")[0], EPILOG)
    about = "tiny, tiny-wan, or the folder of a model trained on the world of moving shapes; several are measured one "
    p.add_argument("models", metavar="MODEL", nargs="*", help=f"{about}after the other (default: tiny)")
    about = "clips of each plain caption, from as many random seeds (default: %(default)s)"
    p.add_argument("--seeds", metavar="N", type=command.count, default=3, help=about)
    p.add_argument("--steps", metavar="N", type=command.whole, help="denoising steps (default: the model's)")
    about = "guidance scale, 1 or more (default: the model's)"
    p.add_argument("--guidance", metavar="W", type=command.number, help=about)
    p.add_argument("--dtype", choices=DTYPES, help="precision of the networks (default: float32)")
    p.add_argument(
        "--json", metavar="FILE", type=pathlib.Path, help="also write a model's numbers to this file, as JSON"
    )
    return p


def work(args):
    """Measure the models that the parsed arguments name, print their tables, and write the file."""
    asked = Request("a red circle", steps=args.steps, guidance=args.guidance)
    if args.guidance == 0:
        raise ValueError("guidance 0: expected 1 or more; the table has a control without text")
    models = [(name, describe(name)) for name in args.models or ["tiny"]]
    if args.json:
        if len(models) > 1:
            raise ValueError(f"--json is for one model, got {len(models)}: {', '.join(args.models)}")
        files.check_file(args.json)
    for name, model in models:
        if not os.path.isdir(os.path.expanduser(model.repo)):
            raise ValueError(f"model {name!r}: expected tiny, tiny-wan, or a folder with a model of the shapes' world")
    # all are loaded before minutes are spent on one
    loaded = [(name, *_load(name, model, asked, args.dtype)) for name, model in models]
    for number, (name, pipeline, request) in enumerate(loaded):
        begin, rows = time.perf_counter(), _measure(name, pipeline, request, args.seeds)
        print("\n" * (number > 0) + table(rows))
        print(f"\n{time.perf_counter() - begin:.0f} s", file=sys.stderr)
        if args.json:
            files.write_whole(args.json, (json.dumps(dict(rows), indent=1) + "\n").encode())


def _load(name, model, asked, dtype):
    """A model's pipeline, and the request with its own values; ValueError if it is none of this world."""
    pipeline = load_pipeline(model, dtype=dtype)
    from .. import shapes

    if not {word for text in shapes.captions() for word in text.split()} <= set(known_words(pipeline.tokenizer)):
        raise ValueError(f"model {name!r}: expected one of the shapes' world; the judge knows no other captions")
    asked, _ = fit(asked, pipeline)
    if asked.height != asked.width:
        raise ValueError(f"model {name!r} makes {asked.width}x{asked.height} pixels, expected a square to judge")
    return pipeline, asked


def _measure(name, pipeline, asked, seeds):
    """The rows of a model's table; what it is asked for, and how long a clip takes it, are printed above."""
    from ..training import scale_model

    times = []
    for seed in range(4):  # the first one warms up
        begin = time.perf_counter()
        make(dataclasses.replace(asked, seed=seed), pipeline)
        times.append(time.perf_counter() - begin)
    tower = scale_model.load_video_tower(os.path.expanduser(pipeline.t2v_model.repo))
    rows = evaluate(pipeline, range(seeds), asked, tower)
    clip = f"{asked.num_frames} frames of {asked.width}x{asked.height}"
    print(f"{name}: {clip}, {asked.steps} steps, guidance {asked.guidance:g}, {seeds} seeds a caption")
    print(f"one clip takes {np.median(times[1:]):.2f} s here\n")
    return rows


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments)
