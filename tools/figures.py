"""Draw the pictures of assets/figures with the project's own code: make figures.

Usage: python tools/figures.py [name ...] [--folder FOLDER]
Without a name all are drawn. On one machine a second run writes the same bytes. What is drawn comes from the scale
model as it runs, and from ModelScope on the meta device; all but `prompts` are PNG, 1600 pixels wide.
Exit code 2, with one line and nothing written, for what cannot be done.
"""

import argparse
import io
import pathlib
import sys
import textwrap

import figures_chains
import figures_sheet
import figures_stages
import figures_trace
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from t2v_helpers import generate, plots
from t2v_helpers._support.files import write_whole
from t2v_helpers.figures import diagrams
from t2v_helpers.shapes import FPS

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "assets" / "figures"
LIMIT = 200_000  # bytes of a file
PROMPTS = (
    "a red circle moving left",
    "a yellow triangle growing",
    "a cyan square falling",
    "a purple disc, moves up",
    "a green box is shrinking",
    "sliding to the right, a blue triangle",
)
DRAWN = {
    "gan": diagrams.gan_diagram,
    "gan_beside_diffusion": diagrams.gan_beside_diffusion,
    "forward_chain": figures_chains.forward_chain,
    "reverse_chain": figures_chains.reverse_chain,
    "pipeline": figures_stages.pipeline,
    "beside_modelscope": figures_stages.beside_modelscope,
}
FILES = {"prompts": "prompts.webp"} | {name: f"{name}.png" for name in DRAWN}


def labelled(frames, text, zoom=3, foot=98):
    """Frames with their prompt under them, every pixel drawn as a square: uint8 (F, H, W, 3)."""
    pictures, text = [], textwrap.fill(text, 16)
    for frame in (frames * 255).round().astype(np.uint8).repeat(zoom, 1).repeat(zoom, 2):
        picture = Image.new("RGB", (frame.shape[1] + 8, frame.shape[0] + foot + 4), "#F4F4F4")
        picture.paste(Image.fromarray(frame), (4, 4))
        middle = (picture.width / 2, picture.height - foot / 2)
        draw = ImageDraw.Draw(picture)
        draw.multiline_text(middle, text, "#222222", ImageFont.load_default(25), anchor="mm", align="center")
        pictures.append(np.asarray(picture))
    return np.stack(pictures)


def prompts():
    """README's moving picture, what the scale model makes of six prompts, as the bytes of a WebP.

    Not by `save_video`, which keeps every pixel as it is: that takes six times as many bytes.
    """
    pipeline = figures_trace.tiny()
    cells = [labelled(generate(prompt, pipeline, seed=seed), prompt) for seed, prompt in enumerate(PROMPTS)]
    rows = [np.concatenate(cells[i : i + 3], axis=2) for i in (0, 3)]
    first, *others = map(Image.fromarray, np.concatenate(rows, axis=1))
    file = io.BytesIO()
    first.save(file, "webp", save_all=True, append_images=others, duration=1000 // FPS, loop=0, quality=80, method=6)
    return file.getvalue()


def png(draw):
    """What `draw` draws, as the bytes of a PNG that is 1600 pixels wide; with 256 colours where all would take more
    than LIMIT, as the pixels of noise do."""
    plt, file = plots.pyplot(), io.BytesIO()
    with plt.rc_context(plots.STYLE):
        draw()
        figure = plt.gcf()
        figure.savefig(file, format="png", dpi=figures_sheet.WIDTH / figure.get_figwidth())
        plt.close(figure)
    if len(file.getvalue()) > LIMIT:
        few = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        file = io.BytesIO()
        few.save(file, "png", optimize=True)
    return file.getvalue()


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Draw the pictures of assets/figures.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which, of {', '.join(FILES)}; default: all")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER, help="default: assets/figures")
    chosen = parser.parse_args(arguments)
    try:
        for name in chosen.names:
            if name not in FILES:
                raise ValueError(f"got {name!r}, expected one of {', '.join(FILES)}")
        chosen.folder.mkdir(parents=True, exist_ok=True)
        for name in chosen.names or FILES:
            path = chosen.folder / FILES[name]
            write_whole(path, png(DRAWN[name]) if name in DRAWN else prompts())
            print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")
    except (ValueError, OSError) as error:
        print(f"figures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    plots.pyplot().switch_backend("agg")
    torch.set_num_threads(1)  # in the same order on any number of cores, so that the bytes are the same
    sys.exit(main())
