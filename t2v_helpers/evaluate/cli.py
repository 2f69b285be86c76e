"""Measure a text-to-video model of the shapes' world: does a clip show what its prompt says?

The result is the tables of the model card.
"""

import json
import os
import pathlib
import time

from .._support import command, files
from ..models import DTYPES, Request, describe, fit, identity, known_words, load_pipeline, make

EPILOG = """In the JSON file, each measurement is [mean, standard error, number of clips or pairs].
Exit code: 0 measured, 2 bad input (one line says why), 130 interrupted."""


def table(what, rows):
    """Rows of `Value`s as Markdown: how many clips or pairs the first is of, and each with its standard error.

    >>> print(table("row", {"one": {"all": (0.5, 0.1, 25)}, "two": {"more": (1, None, 9)}}))
    | row | n | all | more |
    | --- | ---: | ---: | ---: |
    | one | 25 | 0.500 ± 0.100 |  |
    | two | 9 |  | 1.000 |
    """
    columns = list(dict.fromkeys(column for values in rows.values() for column in values))
    lines = [f"| {what} | n | {' | '.join(columns).replace('color', 'colour')} |"]
    lines += ["| --- |" + " ---: |" * (1 + len(columns))]
    for name, values in rows.items():
        numbers = [values.get(column) for column in columns]
        shown = [f"{v[0]:.3f}" + ("" if v[1] is None else f" ± {v[1]:.3f}") if v else "" for v in numbers]
        lines.append(f"| {name} | {next((v[2] for v in numbers if v), '')} | {' | '.join(shown)} |")
    return "\n".join(lines)


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.evaluate", __doc__.split("\n")[0], EPILOG)
    about = "tiny, tiny-wan, or the folder of a model trained on the world of moving shapes; several are measured one "
    p.add_argument("models", metavar="MODEL", nargs="*", help=f"{about}after the other (default: tiny)")
    about = "how many trained and how many held-out scenes of one thing, at most 224 (tiny-wan has 90 and 18); of two, "
    about += "twice as many (default: %(default)s)"
    p.add_argument("--scenes", metavar="N", type=command.count, default=40, help=about)
    p.add_argument("--steps", metavar="N", type=command.whole, help="denoising steps (default: the model's)")
    about = "guidance scale, 1 or more (default: the model's)"
    p.add_argument("--guidance", metavar="W", type=command.number, help=about)
    p.add_argument("--dtype", choices=DTYPES, help="precision of the networks (default: float32)")
    about = "measure 2 to 20 steps, and guidance 1 to 6, instead"
    p.add_argument("--sweep", action="store_true", help=about)
    about = "keep finished clips in this folder, and resume there; created if it does not exist (its parent must)"
    p.add_argument("--work", metavar="DIR", type=pathlib.Path, help=about)
    about = "also write a model's numbers to this file, as JSON"
    p.add_argument("--json", metavar="FILE", type=pathlib.Path, help=about)
    about = "also draw film strips of up to 40 prompts, with the judge's verdicts, as PNG"
    p.add_argument("--strips", metavar="FILE", type=pathlib.Path, help=about)
    return p


def work(args):
    """Measure the models that the parsed arguments name, print their tables, and write the files."""
    asked = Request("a red circle moving left", steps=args.steps, guidance=args.guidance)
    if args.guidance == 0:
        raise ValueError("guidance 0: expected 1 or more; the table has a control without text")
    models = [(name, describe(name)) for name in args.models or ["tiny"]]
    for option, path in (("--json", args.json), ("--strips", args.strips)):
        if path:
            if len(models) > 1:
                raise ValueError(f"{option} is for one model, got {len(models)}: {', '.join(args.models)}")
            files.check_file(path)
    if args.strips and args.sweep:
        raise ValueError("--strips with --sweep: expected one of them; strips are drawn at one setting")
    if args.work:
        files.check_folder(args.work if args.work.exists() else args.work.resolve().parent)
    for name, model in models:
        if not os.path.isdir(os.path.expanduser(model.repo)):
            raise ValueError(f"model {name!r}: expected tiny, tiny-wan, or a folder with a model of the shapes' world")
    # all are loaded before minutes are spent on one
    loaded = [(name, *_load(name, model, asked, args.dtype)) for name, model in models]
    if args.work:
        args.work.mkdir(exist_ok=True)
    for number, (name, pipeline, request, first) in enumerate(loaded):
        print("\n" * (number > 0), end="")
        _measure(name, pipeline, request, first, args)


def _load(name, model, asked, dtype):
    """A model's pipeline, the request with its own values, and whether it knows only the first world.

    ValueError if it is none of this world.
    """
    pipeline = load_pipeline(model, dtype=dtype)
    from .. import shapes

    known = set(known_words(pipeline.tokenizer))
    first = not set(shapes.words()) <= known
    if first and not {word for text in shapes.captions(first=True) for word in text.split()} <= known:
        raise ValueError(f"model {name!r}: expected one of the shapes' world; the judge knows no other captions")
    asked, _ = fit(asked, pipeline)
    if asked.height != asked.width:
        raise ValueError(f"model {name!r} makes {asked.width}x{asked.height} pixels, expected a square to judge")
    return pipeline, asked, first


def _measure(name, pipeline, asked, first, args):
    """Measure one model, print its tables, and write its files."""
    from ..training import scale_model
    from . import report, strips

    begin = time.perf_counter()
    for times in range(3):  # the first one warms up
        make(asked, pipeline)
        begin = begin if times else time.perf_counter()
    seconds = (time.perf_counter() - begin) / 2
    own = scale_model.load_video_tower(os.path.expanduser(pipeline.t2v_model.repo))
    tower = own or scale_model.load_video_tower(describe("tiny").repo)
    jobs = report.jobs(args.scenes, first, known_words(pipeline.tokenizer))
    settings = {"frames": asked.num_frames, "size": asked.width, "steps": asked.steps, "guidance": asked.guidance}
    settings |= {"scenes": args.scenes, "video tower": "its own" if own else "that of tiny"}
    kept = identity(pipeline), args.work
    if args.sweep:
        panels = report.sweep(pipeline, jobs, asked, tower, *kept)
        tables = {"panels": panels}
        shown = {
            what: {name: panel[what] for name, panel in panels.items()} for what in ("steps", "guidance", "rendered")
        }
    else:
        rows, others, made = report.evaluate(pipeline, jobs, asked, tower, own is not None, *kept)
        tables = {"adherence": rows, "measures": others}
        shown = {"strict judge": rows, "measure": others}
    print(f"{name}: {', '.join(f'{key} {value}' for key, value in settings.items())}")
    print(f"one clip takes {seconds:.2f} s here")
    print(*(f"\n{table(what, numbers)}" for what, numbers in shown.items()), sep="\n")
    print("\n±: one standard error")
    if args.strips:
        strips.draw_strips([made[kind] for kind in made if kind.startswith(("one", "two"))], args.strips)
    if args.json:
        numbers = json.dumps({"settings": settings} | tables, indent=1, ensure_ascii=False)
        files.write_whole(args.json, (numbers + "\n").encode())


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments, "interrupted; with --work it resumes where it was")
