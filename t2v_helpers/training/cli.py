"""The command line of `python -m t2v_helpers.training`."""

import argparse
import dataclasses
import math
import pathlib
import sys

from .stages import RECIPE, train
from .worlds import Folder, whole

ABOUT = "Train the scale model: stages, each on its own, as ModelScope's were trained."
EPILOG = """\
One process or many, on CPUs or GPUs: accelerate launch --num_processes 2 -m t2v_helpers.training ...
(--cpu without a GPU, --mixed_precision bf16 with one). Batches are those of all processes together. --data names a
folder with clips and metadata.jsonl, a line for each clip: {"file_name": "0.webp", "text": "a red circle moving left"}.
Exit code: 0 trained, 2 bad input or a loss that runs away (one line says what), 130 interrupted.
"""


def parser():
    """The command line's arguments."""
    p = argparse.ArgumentParser(
        "python -m t2v_helpers.training",
        description=ABOUT,
        epilog=EPILOG,
    )
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("--output", type=pathlib.Path, required=True, help="folder for the trained pipeline")
    p.add_argument(
        "--work",
        type=pathlib.Path,
        default=pathlib.Path("runs/tiny-t2v"),
        help="folder for checkpoints, metrics and samples; an interrupted run goes on from it",
    )
    p.add_argument("--data", type=pathlib.Path, metavar="DIR", help="clips to train on; left out, they are rendered")
    p.add_argument("--scenes", type=int, metavar="N", default=120_000, help="scenes to render (default 120000)")
    for name, stage in RECIPE.items():
        p.add_argument(f"--{name}-steps", type=int, metavar="N", default=stage.steps, help=f"default {stage.steps}")
        p.add_argument(f"--{name}-batch", type=int, metavar="N", default=stage.batch, help=f"default {stage.batch}")
        p.add_argument(f"--{name}-lr", type=float, metavar="X", default=stage.lr, help=f"default {stage.lr:g}")
    p.add_argument("--every", type=int, metavar="N", help="steps between checkpoints (default: 100 to 500)")
    return p


def recipe_of(given):
    """The RECIPE with what the command line says instead; ValueError for a number that no training can have."""
    recipe = {}
    for name, stage in RECIPE.items():
        changed = {key: getattr(given, f"{name}_{key}") for key in ("steps", "batch", "lr")}
        for key, value in (changed | {"every": given.every or stage.every}).items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} {key} {value}: expected a number above 0")
        recipe[name] = dataclasses.replace(stage, **changed, every=given.every or stage.every)
    return recipe


def main(arguments=None):
    """The command line; returns the exit code."""
    from accelerate import Accelerator

    given = parser().parse_args(arguments)
    try:
        recipe = recipe_of(given)
        world = Folder(given.data) if given.data else whole(given.scenes)
        train(Accelerator(), recipe, given.work, given.output, world)
    except (ValueError, OSError, FloatingPointError) as error:
        print("t2v_helpers.training:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"t2v_helpers.training: interrupted; the same command goes on from {given.work}", file=sys.stderr)
        return 130
    return 0
