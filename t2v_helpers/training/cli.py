"""The command line of `python -m t2v_helpers.training`."""

import dataclasses
import pathlib

from .._support import command
from ..models import MODELS, check_shape
from . import stages, transformer
from .worlds import Folder, first, whole

WAYS = {"tiny": stages, "tiny-wan": transformer}  # each with a RECIPE and a function that trains by it
SCENES = 140_000
ABOUT = """\
Train a scale model in stages. For tiny: the autoencoder; the UNet with the text encoder, first on single frames, then
on clips; and the video tower (the stage "clip"). For tiny-wan: the autoencoder on frames, then on clips; the text
encoder; and the transformer, on frames and then three times on clips.
"""
EPILOG = """\
To share each batch out among several processes,
  on GPUs:  accelerate launch --num_processes 2 -m t2v_helpers.training ...  (before -m: --mixed_precision bf16)
  on CPUs:  OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m t2v_helpers.training ...

--data names a folder of clips: mp4, mov, mkv, webm, avi, GIF, WebP, .apng, or folders of pictures, also in subfolders.
Captions come from metadata.jsonl, a line for each clip: {"file_name": "0.webp", "text": "a red circle moving left"};
from metadata.csv, with the columns file_name and text; or from a text file beside each clip, 0.txt for 0.webp.
With the defaults, tiny is for a GPU: its steps took 15 minutes on an H100 and an H200 (most of the video tower's ran
on a CPU core, in 24). On a laptop that would take days: ask for fewer steps and smaller batches.
tiny-wan's default steps took 141 minutes on two busy CPU cores.
Exit code: 0 trained, 2 bad input or a loss that diverges (one line says why), 130 interrupted. The launchers above
turn any but 0 into 1.
"""


def parser():
    """The command line's arguments."""
    p = command.Parser("t2v_helpers.training", ABOUT, EPILOG)
    path, count, default = pathlib.Path, command.count, "(default: %(default)s)"
    about = f"which of the scale models {default}"
    p.add_argument("--model", choices=list(WAYS), default="tiny", help=about)
    p.add_argument("--output", metavar="DIR", type=path, required=True, help="folder for the trained pipeline")
    about = "folder for checkpoints, metrics and samples; an interrupted run resumes from it"
    p.add_argument("--work", metavar="DIR", type=path, help=f"{about} (default: runs/tiny-t2v, or runs/tiny-wan)")
    p.add_argument("--data", metavar="DIR", type=path, help="folder of clips to train on (default: rendered clips)")
    about = f"scenes to render for tiny (default: {SCENES})"
    p.add_argument("--scenes", metavar="N", type=count, help=about)
    about = "scale clips to cover this square, 16x16 or more, and crop the rest; a multiple of 8 (tiny-wan: of 16)"
    p.add_argument("--size", metavar="NxN", type=command.size, help=f"{about} (default: unchanged)")
    about = "frames to take of each clip (tiny-wan: 5, 9, 13 ...): with --fps the first N, else N spread over the clip"
    p.add_argument("--frames", metavar="N", type=count, help=f"{about} (default: all)")
    about = "frames per second to take of each clip (default: all), and the rate of a folder of pictures (default: 8)"
    p.add_argument("--fps", metavar="N", type=command.positive, help=about)
    about = "accept any captions; without this, each names one thing on the plain ground, and the judge of the shapes'"
    about += " world checks that its clip shows it"
    p.add_argument("--any-captions", action="store_true", help=about)
    for name in dict.fromkeys(name for way in WAYS.values() for name in way.RECIPE):
        by_model = {model: way.RECIPE[name] for model, way in WAYS.items() if name in way.RECIPE}
        for what, kind, letter, about in (
            ("steps", count, "N", "training steps"),
            ("batch", count, "N", "examples in a batch"),
            ("lr", command.positive, "X", "peak learning rate"),
        ):
            values = ", ".join(f"{model}: {getattr(stage, what)}" for model, stage in by_model.items())
            about = f"{about} of the stage {name!r} (default: {values})"
            p.add_argument(f"--{name}-{what}", metavar=letter, type=kind, help=about)
    about = "steps between checkpoints (default: 100 to 1400, by stage)"
    p.add_argument("--every", metavar="N", type=count, help=about)
    return p


def work(given):
    """Train by the model's RECIPE, with what the parsed arguments say instead."""
    way = WAYS[given.model]
    given.work = given.work or pathlib.Path("runs", pathlib.Path(MODELS[given.model].repo).name)
    for name in {name for other in WAYS.values() for name in other.RECIPE} - set(way.RECIPE):
        if asked := [key for key in ("steps", "batch", "lr") if getattr(given, f"{name}_{key}") is not None]:
            raise ValueError(f"--{name}-{asked[0]}: expected a stage of {given.model}: {', '.join(way.RECIPE)}")
    if unused := [
        name for name in ("size", "frames", "fps", "any_captions") if getattr(given, name) and not given.data
    ]:
        raise ValueError(f"--{unused[0].replace('_', '-')} is for clips of your own, expected --data as well")
    if given.scenes and (given.data or given.model != "tiny"):
        raise ValueError("--scenes is for the rendered clips of tiny, expected neither --data nor another model")
    for name in ("output", "work"):
        if (folder := getattr(given, name)).exists() and not folder.is_dir():
            raise ValueError(f"--{name} {folder} is a file, expected a folder or the name of a new one")
    shape = {"size": given.size, "num_frames": given.frames, "fps": given.fps}
    if given.data:
        world = Folder(given.data, judged=not given.any_captions, **shape)
    elif given.model == "tiny":
        world = whole(given.scenes or SCENES)
    else:
        world = first(MODELS[given.model].num_frames)
    check_shape(MODELS[given.model], world.num_frames, world.size, world.size)
    if not world.judged:
        print("captions of any kind: the judge is not asked, so metrics have no adherence, and evaluate cannot be used")
    import torch
    from accelerate import Accelerator

    recipe = {}
    for name, stage in way.RECIPE.items():
        own = {key: getattr(given, f"{name}_{key}") for key in ("steps", "batch", "lr")}
        own = {key: value for key, value in own.items() if value is not None}
        recipe[name] = dataclasses.replace(stage, **own, every=given.every or stage.every)
    cpu = not torch.cuda.is_available()  # on a Mac as well: Apple's GPU lacks the video tower's 3-D pooling
    way.train(Accelerator(cpu=cpu), recipe, given.work, given.output, world)


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments, "interrupted; the same command resumes from %(work)s")
