"""Measure a text-to-video model of the shapes' world against what its prompts ask for.

    python -m t2v_helpers.evaluate [MODEL] [--prompts 40] [--seeds 2] [--work DIR] [--json FILE] [--strips FILE.png]

prints the tables of the model card: adherence by the strict judge, with binding errors; outlines, smoothness, Fréchet
distance, diversity and CLIPSIM; each with controls and standard errors. `--sweep` tries out steps and guidance.
"""

import json
import os
import pathlib

from .._support import command, files

EPILOG = """In the JSON file a number is [mean, standard error, numbers that it is of].
Exit code: 0 measured, 2 bad input (one line says what), 130 interrupted."""


def kinds_of_scenes(count, times, known=()):
    """What to show: name -> (scenes, clips of each, a wording of each or None), of words that the model knows."""
    from .. import shapes
    from . import clips, report

    kinds = {
        report.ONE: (clips.sample_scenes(1, False, count, known), times, None),
        "one thing, held out": (clips.sample_scenes(1, True, count, known), times, None),
        report.TWO: (clips.sample_scenes(2, False, count, known), times, None),
        "two things, held-out pairs": (clips.sample_scenes(2, True, count, known), times, None),
        report.PLAIN: (clips.sample_scenes(1, False, count, known, grounds=False), max(times, 2), None),
    }
    for name in (report.ONE, report.TWO):
        scenes = kinds[name][0][::2]
        ways = [
            [w for w in shapes.wordings(s) if not known or {*w.replace(",", "").split()} <= {*known}] for s in scenes
        ]
        said = [(texts[1:] or texts)[7 * i % max(1, len(texts) - 1)] for i, texts in enumerate(ways)]
        kinds[f"other wordings, {name.split(',')[0]}"] = (scenes, 1, said)
    return {name: kind for name, kind in kinds.items() if kind[0]}


def table(what, rows):
    """Rows of `Value`s as Markdown, each with its standard error."""
    columns = list(dict.fromkeys(column for values in rows.values() for column in values))
    lines = [f"| {what} | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for name, values in rows.items():
        shown = (values.get(column) for column in columns)
        shown = (f"{v.mean:.3f}" + ("" if v.error is None else f" ± {v.error:.3f}") if v else "" for v in shown)
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.evaluate", __doc__.split("\n")[0], EPILOG)
    about = "tiny, or the folder of a model that was trained on the same world (default: %(default)s)"
    p.add_argument("model", metavar="MODEL", nargs="?", default="tiny", help=about)
    about = "prompts of each kind: one thing or two, trained or held out (default: %(default)s)"
    p.add_argument("--prompts", metavar="N", type=command.count, default=40, help=about)
    about = "clips of each prompt, each from its own random seed (default: %(default)s)"
    p.add_argument("--seeds", metavar="K", type=command.count, default=2, help=about)
    p.add_argument("--steps", metavar="N", type=command.count, help="denoising steps (default: the model's)")
    p.add_argument("--guidance", metavar="G", type=command.number, help="guidance scale (default: the model's)")
    p.add_argument("--device", help="cpu or cuda (default: cuda if there is one)")
    p.add_argument(
        "--work", metavar="DIR", type=pathlib.Path, help="keep finished clips in this folder, to resume there"
    )
    p.add_argument("--json", metavar="FILE", type=pathlib.Path, help="also write the numbers to this file, as JSON")
    about = "also draw film strips of 40 prompts, with the judge's verdicts, as PNG"
    p.add_argument("--strips", metavar="FILE", type=pathlib.Path, help=about)
    about = "measure 2 to 20 steps and guidance 1 to 6; --steps or --guidance takes one of them alone"
    p.add_argument("--sweep", action="store_true", help=about)
    return p


def work(args):
    """Measure the model that the parsed arguments name, print the tables, and write the files."""
    from ..models import describe, load_pipeline, request

    request.check_settings(steps=args.steps, guidance=args.guidance)
    for path in filter(None, (args.json, args.strips)):
        files.check_file(path)
    if args.strips and args.sweep:
        raise ValueError("--strips with --sweep: expected one of them; strips are drawn at one setting")
    model = describe(args.model)
    folder = os.path.expanduser(model.repo)
    if not os.path.isdir(folder):
        raise ValueError(f"model {args.model!r}: expected tiny, or a folder with a model of the shapes' world")
    if args.work:
        files.check_folder(args.work if args.work.exists() else args.work.resolve().parent)

    from ..training import scale_model
    from . import clips, report, strips

    pipe = load_pipeline(args.model, device=args.device)
    known = request.known_words(pipe.tokenizer)
    if not known:
        raise ValueError(f"model {args.model!r}: expected one of the shapes' world, whose tokenizer carries its words")
    if args.work:
        args.work.mkdir(exist_ok=True)
    steps, guidance = args.steps or model.steps, model.guidance if args.guidance is None else args.guidance
    own = scale_model.load_video_tower(folder)
    tower = own or scale_model.load_video_tower(describe("tiny").repo)
    kinds = kinds_of_scenes(args.prompts, args.seeds, known)
    name = clips.identity(folder)
    about = {"model": args.model, "sha256": name, "prompts": args.prompts, "seeds": args.seeds}
    about |= {"device": pipe.device.type, "video tower": "its own" if own else "that of tiny"}
    with clips.Studio(pipe, steps, guidance, name, args.work) as studio:
        if args.sweep:
            tried = [args.steps] if args.steps else report.STEPS
            scales = report.GUIDANCE if args.guidance is None else [args.guidance]
            result = {"settings": about, "panels": report.sweep(studio, kinds, tower, tried, scales)}
        else:
            rows, others, made = report.evaluate(studio, kinds, tower, own is not None)
            about |= {"steps": steps, "guidance": guidance}
            result = {"settings": about, "adherence": rows, "measures": others}
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    tables = result["panels"] if args.sweep else {"strict judge": rows, "measure": others}
    print(*(f"\n{table(what, numbers)}" for what, numbers in tables.items()), sep="\n")
    print("\n±: one standard error, over prompts")
    if args.strips:
        strips.draw_strips([made[name] for name in made if name.startswith(("one", "two"))], args.strips)
    if args.json:
        files.write_whole(args.json, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments, "interrupted; with --work it resumes where it was")
