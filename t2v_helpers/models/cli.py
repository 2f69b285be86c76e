"""The command line: `python -m t2v_helpers "a red circle moving left" --output clip.mp4`.

Arguments are checked before the output's place, and that before torch and a model are loaded: a mistake is told soon.
"""

import argparse
import re
import sys
import warnings

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


class _Parser(argparse.ArgumentParser):
    def error(self, message):  # argparse prints the usage first: one line is enough
        self.exit(2, f"t2v_helpers: {' '.join(message.split())} (--help says more)\n")


def parser():
    """The command line's arguments."""
    sizes = {name: f"{m.num_frames} frames of {m.size[0]}x{m.size[1]}" for name, m in MODELS.items()}
    models = "\n".join(f"  {name:11} {sizes[name]}: {model.about}" for name, model in MODELS.items())
    p = _Parser(
        prog="python -m t2v_helpers",
        description="Generate a video of what a prompt says.",
        epilog=EPILOG.format(models=models),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("prompt", metavar="PROMPT", help="what to show, in quotes")
    p.add_argument("--output", metavar="FILE", default="clip.mp4", help="mp4, gif or webp (default: %(default)s)")
    p.add_argument("--model", metavar="MODEL", default="auto", help="see below (default: auto)")
    p.add_argument("--seed", metavar="N", type=int, default=0, help="other noise, another clip (default: 0)")
    p.add_argument("--steps", metavar="N", type=int, help="of the sampler (default: the model's)")
    p.add_argument("--guidance", metavar="G", type=float, help="how much to lean on the prompt: 0, or 1 and more")
    p.add_argument("--negative-prompt", metavar="TEXT", help="what to lean away from")
    p.add_argument("--frames", metavar="N", type=int, help="how many (default: the model's, 16)")
    p.add_argument("--size", metavar="WxH", type=_size, help="pixels, multiples of 8 (default: the model's)")
    p.add_argument("--fps", metavar="N", type=float, help="frames per second (default: the model's, 8)")
    p.add_argument("--frames-dir", metavar="DIR", help="save the frames as numbered PNG files, too")
    p.add_argument("--overwrite", action="store_true", help="replace what is there")
    return p


def _size(text):
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}, expected width and height in pixels such as 64x64")
    return int(match[1]), int(match[2])


def run(args):
    """Generate and save the clip that the parsed arguments ask for; ValueError or OSError with one line."""
    from .. import video
    from . import request

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
    """Run the command line; returns the exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = lambda message, *_: print(f"t2v_helpers: {message}", file=sys.stderr)
        try:
            run(parser().parse_args(arguments))
        except (ValueError, OSError) as error:
            print("t2v_helpers:", " ".join(str(error).split()), file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("t2v_helpers: interrupted", file=sys.stderr)
            return 130
    return 0
