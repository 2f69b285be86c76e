"""Run notebook 09 with ModelScope's full architecture, and 11 with Wan's, on the CPU: make rehearse.

What a reader with a GPU will run has run here before: every cell, with random weights that lie in a cache like the
hub's, on a small clip and in few steps. ModelScope has its 1.8 billion weights, in 16 bits as on a GPU. Wan has all of
transformer and autoencoder, in 32 bits; its text encoder keeps 2 of 24 layers, for all of them don't fit into 16 GB.
It takes 14 GB of RAM and 8 GB of disk.
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
from t2v_helpers.models import MODELS, counting
from t2v_helpers.training import wan
from tools.course import ROOT

CLIP = {"num_frames": 4, "height": 64, "width": 64, "steps": 1}
REHEARSED = {  # the notebook, what it is run with, and what it has to print
    "modelscope": (
        "09_modelscope",
        {"MODEL": "modelscope", "FEW": 1, "MEDIUM": 2, "MANY": 4, "CLIP": CLIP, "DTYPE": "bfloat16"},
        "1,835.3 million weights are loaded",
    ),
    "wan": (
        "11_inside_a_video_transformer",
        {"WAN": "yes", "WAN_CLIP": CLIP | {"num_frames": 5}},
        "a clip of 5 frames of 64 x 64 pixels",
    ),
}


def write_modelscope(folder, config="full"):
    """A pipeline like ModelScope's with random weights; config: a name of `model.CONFIGS`."""
    model.write_pipeline(folder, model.CONFIGS[config], "cpu")


def write_wan(folder, layers=2):
    """A pipeline like Wan's with random weights; layers: of the text encoder."""
    import diffusers
    import transformers

    tokenizer = wan.new_tokenizer(["a panda eating bamboo on a rock"])
    text = counting.T5_XXL | {"num_layers": layers, "vocab_size": counting.VOCABULARY["UMT5"]}
    text_encoder = transformers.UMT5EncoderModel(transformers.UMT5Config(**text))
    transformer = diffusers.WanTransformer3DModel(**counting.WAN)
    scheduler = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    vae = diffusers.AutoencoderKLWan()
    diffusers.WanPipeline(tokenizer, text_encoder, vae, scheduler, transformer).save_pretrained(folder)


def write_cache(cache, name, write):
    """Write a model's pipeline into a hub cache: files in blobs/, links in snapshots/<commit>/."""
    known = MODELS[name]
    store = pathlib.Path(cache, f"models--{known.repo.replace('/', '--')}")
    (store / "blobs").mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        write(folder)
        for file in [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]:
            with file.open("rb") as opened:
                blob = store / "blobs" / hashlib.file_digest(opened, "sha256").hexdigest()
            link = store / "snapshots" / known.revision / file.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(shutil.move(file, blob), link.parent))


def draw(cache, name):
    """Write the weights in a process of its own: it ends with the memory that they took."""
    torch.set_default_dtype(torch.bfloat16)  # in float32 they would take twice as much first
    write_cache(cache, name, {"modelscope": write_modelscope, "wan": write_wan}[name])


def rehearse(cache, name, output):
    """Run the notebook with the cache's weights, and print a line for each cell: its seconds, what it printed first."""
    notebook, knobs, expected = REHEARSED[name]
    notebook = ROOT / "notebooks" / f"{notebook}.ipynb"
    os.environ |= {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = papermill.execute_notebook(notebook, output, knobs, progress_bar=False, cwd=notebook.parent)
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    printed = ["".join(o.get("text", "") for o in cell.outputs if o.get("name") == "stdout") for cell in cells]
    for cell, text in zip(cells, printed, strict=True):
        seconds = cell.metadata.papermill.duration
        print(f"[{cell.execution_count}] {seconds:6.1f} s  {text.strip().partition(chr(10))[0]}")
    print(f"{len(cells)} cells in {sum(cell.metadata.papermill.duration for cell in cells) / 60:.1f} minutes: {output}")
    return int(expected not in "".join(printed))


def main():
    runs = ROOT / "runs"
    runs.mkdir(exist_ok=True)
    for name in sys.argv[1:] or REHEARSED:
        with tempfile.TemporaryDirectory(dir=runs) as cache:
            drawing = multiprocessing.get_context("spawn").Process(target=draw, args=(cache, name))
            drawing.start()
            drawing.join()
            if failed := drawing.exitcode or rehearse(cache, name, runs / f"rehearsal-{name}.ipynb"):
                return failed
    return 0


if __name__ == "__main__":
    sys.exit(main())
