"""Film strips with the judge's verdict beside each, to see what the numbers mean."""

import io
import pathlib

import numpy as np

from .. import shapes
from .._support import files
from .clips import Clips

FRAMES, HIGH, TEXT, COLUMNS = 8, 64, 400, 2  # frames of a strip, its height in pixels, the text's width


def verdict(comparison: shapes.Comparison) -> str:
    """What is wrong with a clip, in a few words.

    >>> scene = shapes.read("a red circle growing")
    >>> verdict(shapes.compare(scene, scene)), verdict(shapes.compare(scene, shapes.read("a red star growing by day")))
    ('right', 'missing: circle; ground')
    """
    said = [f"missing: {', '.join(comparison.missing)}"] if comparison.missing else []
    said += [f"on the wrong thing: {', '.join(comparison.binding)}"] if comparison.binding else []
    said += ["ground"] * (not comparison.ground) + [f"{comparison.extra} more"] * (comparison.extra > 0)
    return "; ".join(said) or "right"


def draw_strips(several: list[Clips], path: pathlib.Path, count: int = 40) -> None:
    """Draw `count` clips, as many of each of several lists, and write them as a PNG."""
    from PIL import Image, ImageDraw, ImageFont

    each = -(-count // len(several))
    chosen = [(clips, i) for clips in several for i in range(len(clips.scenes))[:each]][:count]
    rows, width = -(-len(chosen) // COLUMNS), FRAMES * HIGH + TEXT
    sheet = Image.new("RGB", (COLUMNS * width, rows * (HIGH + 4)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for k, (clips, i) in enumerate(chosen):
        x, y = k // rows * width, k % rows * (HIGH + 4)
        frames = clips.frames[i][np.linspace(0, len(clips.frames[i]) - 1, FRAMES).round().astype(int)]
        for j, frame in enumerate(frames):
            sheet.paste(Image.fromarray(frame).resize((HIGH, HIGH)), (x + j * HIGH, y))
        said = verdict(shapes.compare(clips.scenes[i], clips.sights[i].scene))
        lines = [*clips.prompts[i].replace(" and ", "\nand ", 1).split("\n"), said]
        for j, line in enumerate(lines):
            color = "black" if line is not said else "#00693E" if said == "right" else "#B3261E"
            pen.text((x + FRAMES * HIGH + 8, y + 4 + 19 * j), line, fill=color, font=font)
    sheet.save(file := io.BytesIO(), "PNG")
    files.write_whole(path, file.getvalue())
