"""Run notebook 09 with ModelScope's full architecture on the CPU: make rehearse.

What a reader with a GPU will run has run here before: every cell, with 1.8 billion random weights that lie in a cache
like the hub's, in 16 bits as on a GPU, on a small clip and in few steps. It takes 6 GB of RAM and 8 GB of disk.
"""

import hashlib
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile

import papermill
import torch

from t2v_helpers.benchmark import model
from t2v_helpers.models import MODELS
from tools.course import ROOT

NOTEBOOK = ROOT / "notebooks" / "09_modelscope.ipynb"
CLIP = {"num_frames": 4, "height": 64, "width": 64, "steps": 1}
KNOBS = {"MODEL": "modelscope", "FEW": 1, "CARD": 2, "MANY": 4, "CLIP": CLIP, "DTYPE": "bfloat16"}


def write_cache(cache, config="full"):
    """Draw weights of ModelScope's architecture into a hub cache: files in blobs/, links in snapshots/<commit>/."""
    known = MODELS["modelscope"]
    store = pathlib.Path(cache, f"models--{known.repo.replace('/', '--')}")
    (store / "blobs").mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        model.write_pipeline(folder, model.CONFIGS[config], "cpu")
        for file in [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]:
            with file.open("rb") as opened:
                blob = store / "blobs" / hashlib.file_digest(opened, "sha256").hexdigest()
            link = store / "snapshots" / known.revision / file.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(shutil.move(file, blob), link.parent))


def draw(cache):
    """Write the weights in a process of its own: it ends with the memory that they took."""
    torch.set_default_dtype(torch.bfloat16)  # in float32 they would take twice as much first
    write_cache(cache)


def rehearse(cache, output):
    """Run the notebook with the cache's weights, and print a line for each cell: its seconds, what it printed first."""
    os.environ |= {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = papermill.execute_notebook(NOTEBOOK, output, KNOBS, progress_bar=False, cwd=NOTEBOOK.parent)
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    printed = ["".join(o.get("text", "") for o in cell.outputs if o.get("name") == "stdout") for cell in cells]
    for cell, text in zip(cells, printed, strict=True):
        print(
            f"[{cell.execution_count}] {cell.metadata.papermill.duration:6.1f} s  {text.strip().partition(chr(10))[0]}"
        )
    print(f"{len(cells)} cells in {sum(cell.metadata.papermill.duration for cell in cells) / 60:.1f} minutes: {output}")
    return int("1,835 million weights are loaded" not in "".join(printed))


def main():
    runs = ROOT / "runs"
    runs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs) as cache:
        drawing = multiprocessing.get_context("spawn").Process(target=draw, args=(cache,))
        drawing.start()
        drawing.join()
        return drawing.exitcode or rehearse(cache, runs / "rehearsal.ipynb")


if __name__ == "__main__":
    sys.exit(main())
