"""Measure a text-to-video model of the shapes' world: does a clip show what its prompt says?

    python -m t2v_helpers.evaluate [MODEL] [--seeds 3] [--json FILE]

prints the table of the model card: adherence by the judge on captions that were trained on and on those held out,
with its controls (captions shuffled, guidance off, the judge on rendered clips), CLIPSIM and diversity.
"""

import json
import pathlib
import sys
import time

import numpy as np

from .._support import command, files

EPILOG = "Exit code: 0 measured, 2 bad input (one line says what), 130 interrupted."


def generate_clips(pipeline, prompts, seeds, steps, guidance, batch=18):
    """A clip for every prompt and seed, each from noise of its own generator, as `generate` draws it.

    Returns an array (len(prompts) * len(seeds), F, H, W, 3), prompt by prompt.
    """
    import torch

    from .. import shapes

    jobs = [(prompt, seed) for prompt in prompts for seed in seeds]
    clips = []
    for begin in range(0, len(jobs), batch):
        some = jobs[begin : begin + batch]
        with torch.inference_mode():
            clips.append(
                pipeline(
                    [prompt for prompt, _ in some],
                    num_frames=shapes.NUM_FRAMES,
                    height=shapes.SIZE,
                    width=shapes.SIZE,
                    num_inference_steps=steps,
                    guidance_scale=guidance,
                    generator=[torch.Generator().manual_seed(seed) for _, seed in some],
                    output_type="np",
                ).frames
            )
        print(f"  {begin + len(some)}/{len(jobs)}", end="\r", file=sys.stderr, flush=True)
    return np.concatenate(clips)


def evaluate(pipeline, seeds, steps, guidance, video_tower=None):
    """All figures of the model card, as a list of rows: (what, dict of shares or values)."""
    from .. import measures, shapes

    rows, clips = [], {}
    trained, held_out = shapes.captions(held_out=False), shapes.captions(held_out=True)
    for what, prompts in (("trained captions", trained), ("held-out captions", held_out)):
        said = [prompt for prompt in prompts for _ in seeds]
        clips[what] = generate_clips(pipeline, prompts, seeds, steps, guidance)
        rows.append((what, measures.adherence(clips[what], said)))
    combinations = shapes.COMBINATIONS
    other = [shapes.wordings(names)[(7 * i + 1) % len(shapes.wordings(names))] for i, names in enumerate(combinations)]
    reworded = generate_clips(pipeline, other, [11], steps, guidance)
    rows.append(("other wordings", measures.adherence(reworded, combinations)))
    said = [prompt for prompt in trained for _ in seeds]
    shuffled = [said[i] for i in np.random.default_rng(0).permutation(len(said))]
    rows.append(("control: captions shuffled", measures.adherence(clips["trained captions"], shuffled)))
    plain = generate_clips(pipeline, trained, [12], steps, 1.0)
    rows.append(("control: no guidance (w = 1)", measures.adherence(plain, trained)))
    blind = generate_clips(pipeline, [""], range(100, 100 + len(trained)), steps, 1.0)
    rows.append(("control: no text (w = 0)", measures.adherence(blind, trained)))
    rendered = [shapes.render(names, 10**7 + i) for i, names in enumerate(combinations * 5)]
    rows.append(("control: rendered clips", measures.adherence(rendered, combinations * 5)))
    by_prompt = clips["trained captions"].reshape(len(trained), len(seeds), *plain.shape[1:])
    pairs = [measures.object_overlap(a, b) for many in by_prompt for i, a in enumerate(many) for b in many[:i]]
    rows.append(("seeds differ", {"all": float(np.mean([overlap < 0.8 for overlap in pairs]))} if pairs else {}))
    if video_tower is not None:
        first = by_prompt[:, 0]
        real = [shapes.render(caption, 10**8 + i) for i, caption in enumerate(trained)]
        for what, some in (("CLIPSIM, generated", first), ("CLIPSIM, rendered", real)):
            together = measures.clipsim(trained, some, pipeline.tokenizer, pipeline.text_encoder, video_tower)
            rows.append((what, {"all": together.diagonal().mean().item()}))
        apart = measures.clipsim(trained, first[::-1].copy(), pipeline.tokenizer, pipeline.text_encoder, video_tower)
        rows.append(("CLIPSIM, captions reversed", {"all": apart.diagonal().mean().item()}))
    return rows


def table(rows):
    """The rows as Markdown."""
    columns = ("color", "shape", "motion", "all")
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for what, values in rows:
        shown = (f"{values[c]:.3f}" if c in values else "" for c in columns)
        lines.append(f"| {what} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.evaluate", __doc__.split("\n")[0], EPILOG)
    about = "tiny, or the folder of a model that was trained on the same world (default: %(default)s)"
    p.add_argument("model", metavar="MODEL", nargs="?", default="tiny", help=about)
    about = "clips of each caption, each from its own random seed (default: %(default)s)"
    p.add_argument("--seeds", metavar="N", type=command.count, default=3, help=about)
    p.add_argument("--steps", metavar="N", type=command.count, help="denoising steps (default: the model's)")
    p.add_argument("--guidance", metavar="W", type=command.number, help="guidance scale (default: the model's)")
    p.add_argument("--json", metavar="FILE", type=pathlib.Path, help="also write the numbers to this file, as JSON")
    return p


def work(args):
    """Measure the model that the parsed arguments name, print the table, and write the file."""
    from ..models import describe, load_pipeline

    if args.json:
        files.check_file(args.json)
    model = describe(args.model)
    from ..training import scale_model

    pipeline = load_pipeline(args.model)
    steps, guidance = args.steps or model.steps, model.guidance if args.guidance is None else args.guidance
    begin = time.perf_counter()
    rows = evaluate(pipeline, range(args.seeds), steps, guidance, scale_model.load_video_tower(model.repo))
    print(f"{args.model}: {steps} steps, guidance {guidance:g}, {args.seeds} seeds a caption\n\n{table(rows)}")
    print(f"\n{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    if args.json:
        files.write_whole(args.json, (json.dumps(dict(rows), indent=1) + "\n").encode())


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments)
