"""The command `python -m t2v_helpers "a red circle moving left" --output clip.mp4`."""

import argparse
import warnings

from .._support import command
from .pipelines import fit, load_pipeline, make
from .registry import MODELS
from .request import Request, add_options

EPILOG = """\
models:
  auto        modelscope if a CUDA GPU with enough memory and the weights are there, otherwise tiny; prints why
{models}
  or a pipeline's folder, or a hub id such as org/name
GPU memory is an estimate of weights and tensors, first in the slowest plan, then in the fastest. Torch and CUDA
take more: for modelscope's 5.4 GB, tensors took 5.9 GB on an H100, and torch held 8.1 GB.
print(t2v_helpers.plan("wan")), in Python, shows the details.

On one machine, the same model, memory plan, prompt, seed and settings give the same clip. A file is written
completely or not at all.
Exit code: 0 a clip was written, 2 it failed: bad input, no model, no memory or no disk space (one line says why),
130 interrupted.

examples:
  python -m t2v_helpers "a red circle moving left" --model tiny --output clip.mp4
  python -m t2v_helpers "a panda eating bamboo on a rock" --model modelscope --steps 25 --output panda.mp4
"""


def parser() -> command.Parser:
    """The command line's arguments."""
    shapes = {n: f"{m.num_frames} frames of {m.size[0]}x{m.size[1]}" for n, m in MODELS.items()}
    each = (f"  {n:11} {shapes[n]:21}  {m.about}" for n, m in MODELS.items())
    p = command.Parser("t2v_helpers", "Generate a video from a text prompt.", EPILOG.format(models="\n".join(each)))
    p.add_argument("prompt", metavar="PROMPT", help="what the video shows, in quotes")
    about = "video file to write, ending in .mp4, .gif or .webp (default: %(default)s)"
    p.add_argument("--output", metavar="FILE", default="clip.mp4", help=about)
    about = "a model's name, folder or hub id, see below (default: %(default)s)"
    p.add_argument("--model", metavar="MODEL", default="auto", help=about)
    add_options(p)
    p.add_argument("--frames-dir", metavar="DIR", help="also save the frames to this folder, as numbered PNG files")
    p.add_argument("--overwrite", action="store_true", help="replace files that exist already")
    return p


def work(args: argparse.Namespace) -> None:
    """Generate and save the clip that the parsed arguments ask for."""
    from .. import video

    asked = Request.from_args(args, args.prompt)
    path = video.check_output(args.output, args.overwrite)
    if args.fps is not None:
        video.check_fps(args.fps, path.suffix.lower())
    folder = args.frames_dir and video.check_frames_folder(args.frames_dir, args.overwrite)
    asked.check_shape(args.model)

    pipe = load_pipeline(args.model, dtype=args.dtype)
    asked, notes = fit(asked, pipe)
    for note in notes:
        warnings.warn(note, stacklevel=1)
    frames, fps = make(asked, pipe), args.fps or pipe.t2v_model.fps
    video.save_video(frames, path, fps, overwrite=args.overwrite)
    print(f"{path}: {len(frames)} frames of {asked.width}x{asked.height}, {len(frames) / fps:g} s")
    if folder:
        video.save_frames(frames, folder, overwrite=args.overwrite)
        print(f"{folder}: the frames")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return command.run(parser(), work, arguments)
