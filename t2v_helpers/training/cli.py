"""The command line of `python -m t2v_helpers.training`."""

import dataclasses
import pathlib

from .._support import command
from .stages import RECIPE, train
from .worlds import Folder, Rendered

ABOUT = "Train the scale model: three stages, each on its own, as ModelScope's were trained."
EPILOG = """\
One process or many, on CPUs or GPUs: accelerate launch --num_processes 2 -m t2v_helpers.training ...
(--cpu without a GPU, --mixed_precision bf16 with one). Batches are those of all processes together. --data names a
folder with clips and metadata.jsonl, a line for each clip: {"file_name": "0.webp", "text": "a red circle moving left"}.
Exit code: 0 trained, 2 bad input or a loss that diverges (one line says what), 130 interrupted.
"""


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.training", ABOUT, EPILOG)
    path, count, default = pathlib.Path, command.count, "(default: %(default)s)"
    p.add_argument("--output", metavar="DIR", type=path, required=True, help="folder for the trained pipeline")
    about = f"folder for checkpoints, metrics and samples; an interrupted run resumes from it {default}"
    p.add_argument("--work", metavar="DIR", type=path, default=path("runs/tiny-t2v"), help=about)
    p.add_argument("--data", metavar="DIR", type=path, help="folder of clips to train on (default: clips are rendered)")
    for name, stage in RECIPE.items():
        for what, kind, letter, about in (
            ("steps", count, "N", "training steps"),
            ("batch", count, "N", "examples in a batch"),
            ("lr", command.positive, "X", "peak learning rate"),
        ):
            about, value = f"{about} of the stage {name!r} {default}", getattr(stage, what)
            p.add_argument(f"--{name}-{what}", metavar=letter, type=kind, default=value, help=about)
    p.add_argument("--every", metavar="N", type=count, help="steps between checkpoints (default: 100 to 500)")
    return p


def work(given):
    """Train by the RECIPE, with what the parsed arguments say instead."""
    world, recipe = Folder(given.data) if given.data else Rendered(), {}
    from accelerate import Accelerator

    for name, stage in RECIPE.items():
        own = {key: getattr(given, f"{name}_{key}") for key in ("steps", "batch", "lr")}
        recipe[name] = dataclasses.replace(stage, **own, every=given.every or stage.every)
    train(Accelerator(), recipe, given.work, given.output, world)


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments, "interrupted; the same command resumes from %(work)s")
