"""nbconvert's settings for `make notebooks`: run a notebook in a fresh kernel and replace it if nothing fails.

Metadata that differs from machine to machine (times, the kernel's version) is dropped. Figures get a white ground
and a palette of 256 colours: nobody sees the difference, and the files are a third as large.
"""

import base64
import io

from nbconvert.preprocessors import Preprocessor
from PIL import Image


class Palette(Preprocessor):
    """Store each PNG with at most 256 colours."""

    enabled = True

    def preprocess_cell(self, cell, resources, index):
        """Replace the pictures among a cell's outputs."""
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            if "image/png" in data:
                picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
                picture.quantize(256, dither=Image.Dither.NONE).save(file := io.BytesIO(), "png", optimize=True)
                data["image/png"] = base64.b64encode(file.getvalue()).decode()
        return cell, resources


c = get_config()  # noqa: F821
c.ExecutePreprocessor.enabled = True
c.ExecutePreprocessor.timeout = 600  # seconds a cell
c.ExecutePreprocessor.record_timing = False
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {("tags",)}
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {("kernelspec",), ("language_info", "name"), ("widgets",)}
c.NotebookExporter.preprocessors = ["nbconvert.preprocessors.CoalesceStreamsPreprocessor", Palette]
