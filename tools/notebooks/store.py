"""nbconvert's settings for `make notebooks`: run a notebook in a fresh kernel and replace it if nothing fails.

Metadata that differs from machine to machine (times, the kernel's version) is dropped. Figures get a white ground
and a palette of 256 colours, which makes the files about half as large. It covers rare colours too: the usual method
drops the colour of a single word. A widget that can say in HTML what it shows is stored as that: a page without
a kernel prefers the widget, and then shows nothing.
"""

import base64
import io

import numpy as np
from nbconvert.preprocessors import Preprocessor
from PIL import Image

WIDGET = "application/vnd.jupyter.widget-view+json"


class Palette(Preprocessor):
    """Store each PNG with at most 256 colours."""

    enabled = True

    def preprocess_cell(self, cell, resources, index):
        """Replace the pictures among a cell's outputs."""
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            if "image/png" in data:
                picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
                with_palette(picture).save(file := io.BytesIO(), "png", optimize=True)
                data["image/png"] = base64.b64encode(file.getvalue()).decode()
        return cell, resources


def with_palette(picture, exact=128):
    """An RGB picture with 256 colours: the most frequent ones as they are, the others from a palette, dithered."""
    codes = np.asarray(picture, dtype=int) @ (65536, 256, 1)
    colors, where, counts = np.unique(codes, return_inverse=True, return_counts=True)
    kept = np.argsort(-counts)[:exact]
    rest = picture.quantize(256 - len(kept), Image.Quantize.MAXCOVERAGE, kmeans=1).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([colors[i] >> shift & 255 for i in kept for shift in (16, 8, 0)] + rest[: 768 - 3 * len(kept)])
    place = np.full(len(colors), 256)
    place[kept] = np.arange(len(kept))
    place = place[where.reshape(codes.shape)]
    stored = Image.fromarray(np.where(place < 256, place, picture.quantize(palette=palette)).astype(np.uint8), "P")
    stored.putpalette(palette.getpalette())
    return stored


class Still(Preprocessor):
    """Store the HTML of a widget that has some, and not the widget."""

    enabled = True

    def preprocess(self, notebook, resources):
        """Drop widgets that have HTML, and the state of all of them if none is left."""
        data = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
        for one in data:
            if "text/html" in one:
                one.pop(WIDGET, None)
        if not any(WIDGET in one for one in data):
            notebook.metadata.pop("widgets", None)
        return notebook, resources


c = get_config()  # noqa: F821
c.ExecutePreprocessor.enabled = True
c.ExecutePreprocessor.timeout = 600  # seconds a cell
c.ExecutePreprocessor.record_timing = False
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {("tags",)}
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {("kernelspec",), ("language_info", "name"), ("widgets",)}
c.NotebookExporter.preprocessors = ["nbconvert.preprocessors.CoalesceStreamsPreprocessor", Palette, Still]
