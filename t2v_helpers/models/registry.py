"""The models by name: what is known of each before anything is loaded. To add a model, add an entry to `MODELS`.

This needs no torch, so that a name, a default or a rule can be looked up at once. What a model costs is in budget.py.
"""

import dataclasses
import math
import os
import pathlib
import re
from collections.abc import Mapping

from .. import ASSETS
from .._support.texts import read_json

SETTINGS = "t2v_settings.json"  # beside model_index.json, where diffusers does not look: what a model was trained for
DTYPES = ("float32", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Model:
    """A model's files, its defaults and its rules.

    repo: its folder, or its id on the hub; revision: the commit to use; also: older ids. scheduler: the class that
    replaces its own. size: width and height, pixels; None: what its network says. frame_step: divides num_frames - 1;
    divisor: divides width and height. gpu_dtype: its precision on a GPU (on a CPU: float32); None: its weights' own;
    float32: the parts that keep single precision there. tokens: how many of a prompt are read; None: its tokenizer's
    limit. english: whether it was trained on English alone.
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
    gpu_dtype: str | None = None
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
        about="one moving thing or two, 54 words; on any CPU, no download",
        steps=10,  # with 20 as many clips are right (python -m t2v_helpers.evaluate --sweep)
        guidance=2.0,  # more makes two seeds' clips more alike, and outlines fit worse (--sweep)
        size=(64, 64),
        gpu_dtype="float32",
        progress=False,
    ),
    "tiny-wan": Model(
        repo=str(ASSETS / "tiny-wan"),
        about="single shapes from a scale model of Wan 2.1; on any CPU, no download",
        pipeline_class="WanPipeline",
        steps=7,  # with 10 outlines fit no better (python -m t2v_helpers.evaluate tiny-wan --steps 10)
        guidance=1.4,  # at 3 outlines fit worse (--guidance 3), at 1.25 a few prompts are missed (--guidance 1.25)
        num_frames=17,
        frame_step=4,
        size=(64, 64),
        divisor=16,
        gpu_dtype="float32",
        tokens=24,
        progress=False,
    ),
    "modelscope": Model(
        repo="ali-vilab/text-to-video-ms-1.7b",
        revision="8227dddca75a8561bf858d604cc5dae52b954d01",
        also=("damo-vilab/text-to-video-ms-1.7b",),
        about="ModelScope, any English; download 3.7 GB, GPU memory 0.8 to 5.4 GB",
        scheduler="DPMSolverMultistepScheduler",
        steps=25,
        size=(256, 256),
        gpu_dtype="float16",
        licence="ModelScope's licence: research, not commercial use (CC-BY-NC-4.0 in its metadata, "
        "CC-BY-NC-ND-4.0 on its card)",
    ),
    "wan": Model(
        repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        revision="0fad780a534b6463e45facd96134c9f345acfa5b",
        about="Wan 2.1 (1.3B), five seconds; download 28.9 GB, GPU memory 4.3 to 23.0 GB",
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
        about="CogVideoX-2b, six seconds; download 13.3 GB, GPU memory 4.1 to 29.3 GB",
        pipeline_class="CogVideoXPipeline",
        guidance=6.0,
        num_frames=49,
        frame_step=8,
        size=(720, 480),
        divisor=16,
        gpu_dtype="float16",  # this one alone was trained in it; its larger siblings are bfloat16
        tokens=226,
        licence="CogVideoX-2b's licence: Apache 2.0",
    ),
    "ltx": Model(
        repo="Lightricks/LTX-Video",
        about="LTX-Video, seven seconds; download 28.4 GB, GPU memory 4.3 to 20.1 GB",
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
# The scale models, by the class of their pipelines.
SCALE = {MODELS[name].pipeline_class: MODELS[name] for name in ("tiny", "tiny-wan")}
CLASSES = tuple(dict.fromkeys(model.pipeline_class for model in MODELS.values()))


def describe(name: str | os.PathLike | Model) -> Model:
    """Look up a model by name.

    Args:
        name: Of `MODELS`, a folder (see `of_folder`), a hub id (org/name), or a `Model`, which is returned.

    Raises:
        ValueError: It is none of these, or the folder's settings are broken.
    """
    if isinstance(name, Model):
        return name
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    for key, model in MODELS.items():
        if name in (key, model.repo, *model.also):
            return model
    if isinstance(name, str) and os.path.isdir(os.path.expanduser(name)):
        return of_folder(name)
    if isinstance(name, str) and re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        return Model(repo=name)
    known = ", ".join(("auto", *MODELS))
    raise ValueError(f"model {name!r}: expected one of {known}, or a folder, or a hub id such as org/name")


def of_class(pipeline_class: str, repo: str = "") -> Model:
    """A `Model` for a repository that is not in `MODELS`: the defaults and rules of its pipeline class."""
    for model in MODELS.values():
        if model.pipeline_class == pipeline_class != Model.pipeline_class and model not in SCALE.values():
            own = {"repo": repo, "revision": None, "also": (), "about": "", "licence": "", "gpu_dtype": None}
            return dataclasses.replace(model, **own)
    return Model(repo=repo)


def of_folder(folder: str | os.PathLike, repo: str = "") -> Model:
    """A `Model` for a pipeline's folder: what its `SETTINGS` say, else its networks' configs, else its kind's defaults.

    The configs tell the size, and for CogVideoX the length. The kind is the scale model if the tokenizer carries its
    words, else the pipeline class; from it come the frames per second, the steps and the guidance that no config has.

    Args:
        folder: With model_index.json and, optionally, `SETTINGS`.
        repo: What to call it; "": the folder.

    Raises:
        ValueError: `SETTINGS` say what cannot be; one line. What else is wrong is reported when it is loaded.
    """
    repo, folder = repo or os.fspath(folder), pathlib.Path(folder).expanduser()

    def config(*names: str) -> dict:
        try:
            found = read_json(folder.joinpath(*names))
        except (OSError, ValueError):
            found = None
        return found if isinstance(found, dict) else {}

    levels = config("vae", "config.json").get("block_out_channels", (1, 2, 4, 4))
    own = own_shape(config("unet", "config.json"), config("transformer", "config.json"), 2 ** (len(levels) - 1))
    kind = config("model_index.json").get("_class_name")
    if "known_words" in config("tokenizer", "tokenizer_config.json"):
        model = dataclasses.replace(SCALE.get(kind, MODELS["tiny"]), repo=repo)
    else:
        model = of_class(kind, repo)
    return dataclasses.replace(model, **own | _said(folder / SETTINGS))


def own_shape(unet: Mapping, transformer: Mapping, scale: int) -> dict:
    """The size, and for CogVideoX the length, that a denoiser's config tells, as fields of `Model`.

    Args:
        unet: Its config; like `transformer`, empty if there is none.
        transformer: Its config.
        scale: Pixels of a latent's side.
    """
    if side := unet.get("sample_size"):
        height, width = (side, side) if isinstance(side, int) else side
        return {"size": (width * scale, height * scale)}
    if "sample_width" not in transformer:
        return {}
    width, height = transformer["sample_width"] * scale, transformer["sample_height"] * scale
    return {"size": (width, height), "num_frames": transformer["sample_frames"]}


def settings(model: Model) -> dict:
    """What `SETTINGS` hold for a model with a size and a dtype: a dict that JSON can hold, read by `of_folder`."""
    width, height = model.size
    clip = {"width": width, "height": height, "num_frames": model.num_frames, "fps": model.fps}
    return clip | {"steps": model.steps, "guidance": model.guidance, "dtype": model.gpu_dtype}


def _said(file: pathlib.Path) -> dict:
    """The fields of `Model` that a file of settings gives."""
    try:
        said = read_json(file)
    except FileNotFoundError:
        return {}
    known = settings(MODELS["tiny"])
    if not isinstance(said, dict) or said.keys() - known or ("width" in said) != ("height" in said):
        raise ValueError(f"{file}: {said!r:.60}, expected an object with some of {', '.join(known)}, width with height")
    for name, value in said.items():
        number = type(value) is int or (type(value) is float and name in ("fps", "guidance") and math.isfinite(value))
        low = {"guidance": 0, "fps": 0.01}.get(name, 1)
        if value not in DTYPES if name == "dtype" else not number or value < low:
            kinds = {"dtype": " or ".join(DTYPES), "guidance": "0, or a number from 1", "fps": "a number from 0.01"}
            raise ValueError(f"{file}: {name} {value!r}, expected {kinds.get(name, 'a whole number from 1')}")
    size = {"size": (said.pop("width"), said.pop("height"))} if "width" in said else {}
    return {"gpu_dtype" if name == "dtype" else name: value for name, value in said.items()} | size


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
