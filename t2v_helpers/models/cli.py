"""The command line: `python -m t2v_helpers "a red circle moving left" --output clip.mp4`.

Arguments are checked before the output's place, and that before torch and a model are loaded: a mistake is told soon.
"""

from .._support import command
from . import request
from .registry import MODELS

EPILOG = """\
models:
  auto        modelscope where a CUDA GPU and its weights are there already, else tiny; it says which and why
{models}
  or the path of a pipeline's folder, or a hub id such as org/name

The same prompt, seed and settings give the same clip. A file appears whole or not at all.
Exit code: 0 a clip was written, 2 bad input or no model (one line says what), 130 interrupted.

examples:
  python -m t2v_helpers "a red circle moving left" --model tiny --output clip.mp4
  python -m t2v_helpers "a panda eating bamboo on a rock" --model modelscope --steps 25 --output panda.mp4
"""


def parser():
    """The command line's arguments."""
    sizes = {name: f"{m.num_frames} frames of {m.size[0]}x{m.size[1]}" for name, m in MODELS.items()}
    models = "\n".join(f"  {name:11} {sizes[name]}: {model.about}" for name, model in MODELS.items())
    p = command.Parser("t2v_helpers", "Generate a video of what a prompt says.", EPILOG.format(models=models))
    p.add_argument("prompt", metavar="PROMPT", help="what the video shows, in quotes")
    about = "video file to write, ending in .mp4, .gif or .webp (default: %(default)s)"
    p.add_argument("--output", metavar="FILE", default="clip.mp4", help=about)
    p.add_argument("--model", metavar="MODEL", default="auto", help="see the list below (default: %(default)s)")
    request.add_options(p)
    p.add_argument("--frames-dir", metavar="DIR", help="also save the frames to this folder, as numbered PNG files")
    p.add_argument("--overwrite", action="store_true", help="replace files that exist already")
    return p


def run(args):
    """Generate and save the clip that the parsed arguments ask for; ValueError or OSError with one line."""
    from .. import video

    width, height = args.size or (None, None)
    settings = {"seed": args.seed, "steps": args.steps, "guidance": args.guidance, "num_frames": args.frames}
    settings |= {"height": height, "width": width}
    request.check_settings(**settings)
    request.check_prompt(args.prompt)
    path = video.check_output(args.output, args.overwrite)
    if args.fps is not None:
        video.check_fps(args.fps, path.suffix.lower())
    folder = args.frames_dir and video.check_frames_folder(args.frames_dir, args.overwrite)

    from .pipelines import generate, load_pipeline

    pipe = load_pipeline(args.model)
    frames = generate(args.prompt, pipe, negative_prompt=args.negative_prompt, **settings)
    fps = args.fps or pipe.t2v_model.fps
    video.save_video(frames, path, fps, overwrite=args.overwrite)
    print(f"{path}: {len(frames)} frames of {frames.shape[2]}x{frames.shape[1]}, {len(frames) / fps:g} s")
    if folder:
        video.save_frames(frames, folder, overwrite=args.overwrite)
        print(f"{folder}: the frames")


def main(arguments=None):
    """Run the command; returns the exit code."""
    return command.run(parser(), run, arguments)
