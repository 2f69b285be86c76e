"""The models by name: what there is to know of each before anything of it is loaded, and how to fit it into memory.

A model joins by a line in `MODELS`. This is apart from pipelines.py so that a name, a default or a plan can be looked
up without torch.
"""

import dataclasses
import os
import pathlib
import re

PLANS = ("on the card", "one model at a time", "one layer at a time")


@dataclasses.dataclass(frozen=True)
class Model:
    """A model's files, its defaults and its needs.

    repo: its folder, or its id on the hub; revision: the commit to take; also: older ids; about: a few words.
    steps, guidance, num_frames, size (pixels, width and height) and fps: its defaults. scheduler: the class that takes
    the place of its own. gpu_dtype: its precision on a GPU (on a CPU: float32). parameters: the weights of each part,
    counted. working_bytes: GPU memory beside the weights for one clip of the default length and size.
    """

    repo: str
    revision: str | None = None
    also: tuple[str, ...] = ()
    about: str = ""
    pipeline_class: str = "TextToVideoSDPipeline"
    scheduler: str | None = None
    steps: int = 50
    guidance: float = 9.0
    num_frames: int = 16
    size: tuple[int, int] = (256, 256)
    fps: int = 8
    gpu_dtype: str = "float16"
    parameters: dict[str, int] = dataclasses.field(default_factory=dict)
    working_bytes: float = 1.3e9
    progress: bool = True
    licence: str = ""


MODELS = {
    "tiny": Model(
        repo=str(pathlib.Path(__file__).resolve().parent.parent / "assets" / "tiny-t2v"),
        about="the scale model of this project: a small world of moving shapes, on any CPU",
        steps=20,
        guidance=2.0,  # at 4 outlines bulge, at 1 some motions are missed (python -m t2v_helpers.evaluate --guidance 4)
        size=(64, 64),
        gpu_dtype="float32",
        working_bytes=0.3e9,
        progress=False,
    ),
    "modelscope": Model(
        repo="ali-vilab/text-to-video-ms-1.7b",
        revision="8227dddca75a8561bf858d604cc5dae52b954d01",
        also=("damo-vilab/text-to-video-ms-1.7b",),
        about="1.8 billion weights, for a GPU with 2 GB or more; 3.7 GB to download, once",
        scheduler="DPMSolverMultistepScheduler",
        steps=25,
        parameters={"text_encoder": 340_387_840, "unet": 1_411_233_860, "vae": 83_653_863},
        licence="ModelScope's licence: research, not commercial use (CC-BY-NC-4.0 in its metadata, "
        "CC-BY-NC-ND-4.0 on its card)",
    ),
}


def describe(name):
    """The `Model` behind a name of MODELS, a folder or a hub id (org/name); ValueError if it is none of them.

    A folder whose tokenizer carries the scale model's words takes the scale model's defaults. What is not in MODELS
    takes the pipeline class's own (50 steps, guidance 9) and keeps its scheduler.

    >>> describe("modelscope").steps
    25
    """
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    for key, model in MODELS.items():
        if name in (key, model.repo, *model.also):
            return model
    if isinstance(name, str) and os.path.isdir(os.path.expanduser(name)):
        config = pathlib.Path(os.path.expanduser(name)) / "tokenizer" / "tokenizer_config.json"
        scale = config.is_file() and b'"known_words"' in config.read_bytes()
        return dataclasses.replace(MODELS["tiny"], repo=name) if scale else Model(repo=name)
    if isinstance(name, str) and re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        return Model(repo=name)
    known = ", ".join(("auto", *MODELS))
    raise ValueError(f"model {name!r}: expected one of {known}, or a folder, or a hub id such as org/name")


def plan_memory(free_bytes, weight_bytes=None, working_bytes=1.3e9):
    """How to fit a pipeline into a GPU's free memory: the first of PLANS whose need is met, or the last.

    free_bytes: GPU memory that is free. weight_bytes: {part: bytes}; ModelScope's in half precision if not given.
    working_bytes: for activations. Those of ModelScope's UNet at 16 frames of 256 x 256 with guidance peak at 0.70 GB
    (counted on the meta device); 0.6 GB more are set aside for convolution workspaces and fragments, a guess.

    | plan | on the card | ModelScope needs |
    | --- | --- | --- |
    | on the card | every part: 1.835 B weights of 2 bytes | 3.67 + 1.3 = 5.0 GB |
    | one model at a time | the largest, the UNet: 1.411 B | 2.82 + 1.3 = 4.1 GB |
    | one layer at a time | a layer, and the next one on its way: the slowest | 1.3 GB and a little |

    >>> plan_memory(16e9), plan_memory(4.5e9), plan_memory(2e9)
    ('on the card', 'one model at a time', 'one layer at a time')
    """
    if weight_bytes is None:
        weight_bytes = {part: 2 * count for part, count in MODELS["modelscope"].parameters.items()}
    needs = (sum(weight_bytes.values()), max(weight_bytes.values()), -working_bytes)
    fits = [plan for plan, need in zip(PLANS, needs, strict=True) if need + working_bytes <= free_bytes]
    return fits[0]
