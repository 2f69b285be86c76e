"""nbconvert's settings for `make notebooks`: run a notebook in a fresh kernel and replace it if nothing fails.

Metadata that differs from machine to machine (times, the kernel's version) is dropped. Figures get a white ground
and a palette of 256 colours, dithered, which makes the files a third as large. It covers rare colours too: the usual
method drops the colour of a single word. A widget that can say in HTML what it shows is stored as that: a page without
a kernel prefers the widget, and then shows nothing.
"""

import base64
import io

from nbconvert.preprocessors import Preprocessor
from PIL import Image, ImageChops

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
                plain = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1)
                off = ImageChops.difference(picture, plain.convert("RGB")).convert("L").point(lambda by: 255 * (by > 1))
                plain.paste(picture.quantize(palette=plain), mask=off)  # dithered, where the palette lacks the colour
                picture = plain
                picture.save(file := io.BytesIO(), "png", optimize=True)
                data["image/png"] = base64.b64encode(file.getvalue()).decode()
        return cell, resources


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
