"""The models by name: what is known of each before anything is loaded. To add a model, add an entry to `MODELS`.

This needs no torch, so that a name, a default or a rule can be looked up at once. What a model costs is in budget.py.
"""

import dataclasses
import json
import os
import pathlib
import re

from .. import ASSETS


@dataclasses.dataclass(frozen=True)
class Model:
    """A model's files, its defaults and its rules.

    repo: its folder, or its id on the hub; revision: the commit to use; also: older ids. scheduler: the class that
    replaces its own. size: width and height, pixels; None: what its network says. frame_step: divides num_frames - 1;
    divisor: divides width and height. gpu_dtype: its precision on a GPU (on a CPU: float32); float32: the parts that
    keep single precision there. tokens: how many of a prompt are read; None: its tokenizer's limit. english: whether it
    was trained on English alone.
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
    frame_step: int = 1
    size: tuple[int, int] | None = None
    divisor: int = 8
    fps: int = 8
    gpu_dtype: str = "float16"
    float32: tuple[str, ...] = ()
    tokens: int | None = None
    english: bool = True
    progress: bool = True
    licence: str = ""


# Commits of ModelScope, Wan and CogVideoX are those that main was at; LTX-Video's main still grows, and is used as it
# was when first fetched. That weights are safetensors and classes are diffusers' is checked anyway.
MODELS = {
    "tiny": Model(
        repo=str(ASSETS / "tiny-t2v"),
        about="the scale model of this project: a small world of moving shapes, on any CPU",
        steps=10,  # with 20 as many clips are right (python -m t2v_helpers.evaluate --steps 20)
        guidance=2.0,  # at 4 outlines bulge, at 1 a motion is missed now and then (--guidance 4)
        size=(64, 64),
        gpu_dtype="float32",
        progress=False,
    ),
    "modelscope": Model(
        repo="ali-vilab/text-to-video-ms-1.7b",
        revision="8227dddca75a8561bf858d604cc5dae52b954d01",
        also=("damo-vilab/text-to-video-ms-1.7b",),
        about="1.8 billion weights, for a GPU with 2 GB or more; 3.7 GB to download, once",
        scheduler="DPMSolverMultistepScheduler",
        steps=25,
        size=(256, 256),
        licence="ModelScope's licence: research, not commercial use (CC-BY-NC-4.0 in its metadata, "
        "CC-BY-NC-ND-4.0 on its card)",
    ),
    "wan": Model(
        repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        revision="0fad780a534b6463e45facd96134c9f345acfa5b",
        about="Wan 2.1, the small one: five seconds of film, and a text encoder of 5.7 billion weights",
        pipeline_class="WanPipeline",
        guidance=5.0,
        num_frames=81,
        frame_step=4,
        size=(832, 480),
        divisor=16,
        fps=16,
        gpu_dtype="bfloat16",
        float32=("vae",),
        tokens=512,
        english=False,  # and Chinese
        licence="Wan 2.1's licence: Apache 2.0",
    ),
    "cogvideox": Model(
        repo="THUDM/CogVideoX-2b",
        revision="1137dacfc2c9c012bed6a0793f4ecf2ca8e7ba01",
        also=("zai-org/CogVideoX-2b",),
        about="CogVideoX, the small one: six seconds of film, trained on this one size",
        pipeline_class="CogVideoXPipeline",
        guidance=6.0,
        num_frames=49,
        frame_step=8,
        size=(720, 480),
        divisor=16,
        tokens=226,
        licence="CogVideoX-2b's licence: Apache 2.0",
    ),
    "ltx": Model(
        repo="Lightricks/LTX-Video",
        about="LTX-Video: seven seconds of film from few latents, the quickest of the newer ones",
        pipeline_class="LTXPipeline",
        guidance=3.0,
        num_frames=161,
        frame_step=8,
        size=(704, 512),
        divisor=32,
        fps=24,
        gpu_dtype="bfloat16",
        tokens=128,
        licence="LTX-Video's licence: its own (open weights, with restrictions on use): see its card",
    ),
}
CLASSES = tuple(dict.fromkeys(model.pipeline_class for model in MODELS.values()))


def describe(name: str | os.PathLike | Model) -> Model:
    """Look up a model by name.

    Args:
        name: Of `MODELS`, a folder, a hub id (org/name), or a `Model`, which is returned. A folder whose tokenizer has
            the scale model's words gets the scale model's defaults, other folders those of their pipeline class.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(name, Model):
        return name
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    for key, model in MODELS.items():
        if name in (key, model.repo, *model.also):
            return model
    if isinstance(name, str) and os.path.isdir(os.path.expanduser(name)):
        folder = pathlib.Path(os.path.expanduser(name))
        config = folder / "tokenizer" / "tokenizer_config.json"
        if config.is_file() and b'"known_words"' in config.read_bytes():
            return dataclasses.replace(MODELS["tiny"], repo=name)
        try:
            return of_class(json.loads((folder / "model_index.json").read_bytes())["_class_name"], name)
        except (OSError, ValueError, LookupError, TypeError):
            return Model(repo=name)  # loading it will say what is wrong
    if isinstance(name, str) and re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        return Model(repo=name)
    known = ", ".join(("auto", *MODELS))
    raise ValueError(f"model {name!r}: expected one of {known}, or a folder, or a hub id such as org/name")


def of_class(pipeline_class: str, repo: str = "") -> Model:
    """A `Model` for a repository that is not in `MODELS`: the defaults and rules of its pipeline class."""
    for model in MODELS.values():
        if model.pipeline_class == pipeline_class != Model.pipeline_class:
            return dataclasses.replace(model, repo=repo, revision=None, also=(), about="", licence="")
    return Model(repo=repo)


def check_shape(
    model: Model, num_frames: int | None = None, height: int | None = None, width: int | None = None
) -> None:
    """Refuse a length or size that a model cannot make.

    Args:
        model: Its `frame_step` has to divide num_frames - 1, its `divisor` height and width.
        num_frames: Length of the clip; None, here and below, is the model's own.
        height: In pixels.
        width: In pixels.

    Raises:
        ValueError: A rule is broken; one line that names it.
    """
    step, divisor = model.frame_step, model.divisor
    if num_frames is not None and (num_frames - 1) % step:
        low = (num_frames - 1) // step * step + 1
        raise ValueError(f"num_frames {num_frames}: expected {step}N + 1 for this model, such as {low} or {low + step}")
    if (height or 0) % divisor or (width or 0) % divisor:
        sides = model.size or ("its own", "its own")
        raise ValueError(f"size {width or sides[0]}x{height or sides[1]} pixels: expected multiples of {divisor}")
