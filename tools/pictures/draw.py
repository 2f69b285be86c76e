"""Draw the pictures of assets/figures with the project's own code: make figures.

The content comes from the scale model as it runs, and from ModelScope on the meta device. On one machine, a second run
writes the same bytes. `prompts`, `latent_walk` and `word_swaps` move; the others are PNG, 1600 pixels wide.
"""

import io
import pathlib
import re
import sys
import textwrap

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from t2v_helpers import generate, plots
from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import write_whole
from t2v_helpers.figures import diagrams, digit_film
from t2v_helpers.shapes import FPS
from tools import course
from tools.pictures import chains, fight, sheet, stages, sweep, trace

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "assets" / "figures"
LIMIT = 200_000  # bytes of a file
STORY = {
    "The sun comes up": "a yellow circle rising by day",
    "A red truck drives by": "a red square moving right by day",
    "Somebody falls in love": "a red heart growing at dusk",
    "Two hearts jump for joy": "a red heart bouncing and a pink heart bouncing at dusk",
    "A falling star and a satellite": "a yellow star falling and a blue square moving left at night",
    "Somebody turns off the light": "a yellow square shrinking at night",
}
SWAPS = {
    "One noise": "a red circle moving left",
    "blue for red": "a blue circle moving left",
    "square for circle": "a red square moving left",
    "right for left": "a red circle moving right",
}
DRAWN = {
    "gan": diagrams.gan_diagram,
    "gan_beside_diffusion": diagrams.gan_beside_diffusion,
    "gan_against_diffusion": fight.gan_against_diffusion,
    "forward_chain": chains.forward_chain,
    "reverse_chain": chains.reverse_chain,
    "one_clip_twice": chains.one_clip_twice,
    "pipeline": stages.pipeline,
    "beside_modelscope": stages.beside_modelscope,
    "steps_and_guidance": sweep.steps_and_guidance,
}
WALK = "import torch|SEED =|def member|pixels,|class DigitGenerator|def digit_gans|digit_nets =|phi ="  # in its cells
FILES = {"prompts": "prompts.webp", "latent_walk": "latent_walk.webp", "word_swaps": "word_swaps.webp"}
FILES |= {name: f"{name}.png" for name in DRAWN}


def labelled(frames, line, prompt, zoom=3, foot=170):
    """Frames, magnified, with a line of the story and its prompt below them: uint8 (F, H, W, 3)."""
    pictures = []
    for frame in (frames * 255).round().astype(np.uint8).repeat(zoom, 1).repeat(zoom, 2):
        picture = Image.new("RGB", (frame.shape[1] + 8, frame.shape[0] + foot + 4), "#F4F4F4")
        picture.paste(Image.fromarray(frame), (4, 4))
        for text, size, color, wide, y in ((line, 24, "#222222", 15, 36), (prompt, 20, "#666666", 18, 118)):
            place, font = (picture.width / 2, frame.shape[0] + y), ImageFont.load_default(size)
            text = textwrap.fill(text, wide)
            ImageDraw.Draw(picture).multiline_text(place, text, color, font, anchor="mm", align="center")
        pictures.append(np.asarray(picture))
    return np.stack(pictures)


def prompts():
    """README's moving picture: the story of notebook 00 as the scale model films it, as the bytes of a WebP.

    `save_video` would keep every pixel as it is and take six times as many bytes.
    """
    cells = [labelled(generate(prompt, trace.tiny(), seed=0), line, prompt) for line, prompt in STORY.items()]
    return webp(np.concatenate(cells, axis=2))


def word_swaps():
    """Notebook 06's moving picture: the same noise under four prompts, one word changed, as the bytes of a WebP."""
    cells = [labelled(generate(prompt, trace.tiny(), seed=0), line, prompt, zoom=4) for line, prompt in SWAPS.items()]
    return webp(np.concatenate(cells, axis=2))


def latent_walk():
    """Notebook 01's walk through the latent space of three GANs, as the bytes of a WebP: its own cells are run."""
    names = {}
    for cell in course.cells(course.NOTEBOOKS[1], "code"):
        if re.search(WALK, cell.source):
            exec(cell.source, names)
    return webp(digit_film({name: x[::5] for name, x in names["walk"].items()}), quality=60)


def webp(frames, quality=70):
    """Frames (F, H, W, 3) of uint8 as the bytes of a WebP that moves."""
    first, *others = map(Image.fromarray, frames)
    file = io.BytesIO()
    how = {"duration": 1000 // FPS, "loop": 0, "quality": quality, "method": 6, "minimize_size": True}
    first.save(file, "webp", save_all=True, append_images=others, **how)
    return file.getvalue()


MOVING = {"prompts": prompts, "latent_walk": latent_walk, "word_swaps": word_swaps}


def png(draw):
    """What `draw` draws, as the bytes of a PNG; reduced to 256 colours if it would be larger than LIMIT."""
    plt, file = plots.pyplot(), io.BytesIO()
    with plt.rc_context(plots.STYLE):
        draw()
        figure = plt.gcf()
        figure.savefig(file, format="png", dpi=sheet.WIDTH / figure.get_figwidth())
        plt.close(figure)
    if len(file.getvalue()) > LIMIT:
        few = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(file := io.BytesIO(), "png", optimize=True)
    return file.getvalue()


def write(args):
    if unknown := [name for name in args.names if name not in FILES]:
        raise ValueError(f"got {unknown[0]!r}, expected one of {', '.join(FILES)}")
    for name in args.names or FILES:
        path = FOLDER / FILES[name]
        write_whole(path, png(DRAWN[name]) if name in DRAWN else MOVING[name]())
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def main(arguments=None):
    parser = Parser("tools.pictures.draw", "Draw the pictures of assets/figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FILES)}; default: all")
    return run(parser, write, arguments)


if __name__ == "__main__":
    plots.pyplot().switch_backend("agg")
    torch.set_num_threads(1)  # the same order of additions on any number of cores, so that the bytes are the same
    sys.exit(main())
