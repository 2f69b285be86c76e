"""A pipeline folder: what its index lists, whether its files are whole, and its networks loaded.

Weights come from safetensors alone, because opening a pickle can run any code. A missing, truncated or incomplete file
is an error that names it; the libraries would fill in random numbers, or an empty vocabulary.
"""

import collections
import functools
import hashlib
import importlib
import pathlib
import re
import typing
from collections.abc import Collection

from .._support.texts import read_json
from .registry import CLASSES, SETTINGS

if typing.TYPE_CHECKING:
    import torch

SMALL = (".json", ".txt", ".model")  # how configs and the files of tokenizers end


class Checkpoint(typing.NamedTuple):
    """A checked pipeline folder; a component's variant is "fp16" or "" for networks, None for the others."""

    folder: pathlib.Path
    pipeline_class: str
    components: dict[str, tuple[str, str, str | None]]  # {name: (library, class name, variant)}


def check(folder: pathlib.Path) -> Checkpoint:
    """Check that a pipeline folder's components are there and its weight files whole; only headers are read."""
    components = {}
    pipeline_class, parts = read_index(folder / "model_index.json")
    for name, (library, kind) in parts.items():
        part, variant = folder / name, None
        if "Tokenizer" in kind:
            _need(part, "tokenizer.json", "vocab.json", "spiece.model")
            need_sentencepiece([file.name for file in part.iterdir()], part)
        elif "Scheduler" in kind:
            _need(part, "scheduler_config.json")
        else:
            _need(part, "config.json")
            names = [file.name for file in part.iterdir()]
            files, variant = weight_files(names, part)
            if len(files) > 1 and not any(name.endswith(".json") and ".index." in name for name in names):
                raise FileNotFoundError(f"{part}/{files[0].split('-')[0]}.safetensors.index.json is missing")
            for file in files:
                _check_header(part / file)
        components[name] = (library, kind, variant)
    return Checkpoint(folder, pipeline_class, components)


def fingerprint(found: Checkpoint) -> str:
    """A SHA-256 of all that a pipeline is loaded from: file names and contents, wherever they lie and however old.

    A file of the hub's cache is not read: there it is a link to a blob that is named after its content.
    """
    files = {found.folder / name for name in ("model_index.json", SETTINGS) if (found.folder / name).is_file()}
    for name, (_, _, variant) in found.components.items():
        inside = [file for file in (found.folder / name).iterdir() if file.is_file()]
        files |= {file for file in inside if file.suffix in SMALL}
        if variant is not None:
            files |= {found.folder / name / file for file in weight_files([file.name for file in inside], name)[0]}
    lines = []
    for file in sorted(files):
        blob, stat = file.resolve(), file.stat()
        named = blob.parent.name == "blobs" and re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", blob.name)
        what = blob.name if named else _digest(blob, stat.st_size, stat.st_mtime_ns)
        lines.append(f"{file.relative_to(found.folder).as_posix()} {what}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@functools.lru_cache(maxsize=1000)
def _digest(file: pathlib.Path, size: int, changed: int) -> str:
    """A file's SHA-256, computed once for a size and a time of change."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def own_dtype(found: Checkpoint) -> str:
    """The precision to run a pipeline's denoiser in on a GPU: that of its weights, by the headers of their files.

    Weights of 32 bits run in 16. For the networks of ModelScope's class that is float16, in which it was published; for
    transformers it is bfloat16, which has the range of float32, because few of them were trained to stay in float16's.
    """
    import safetensors

    name = "unet" if "unet" in found.components else "transformer"
    file = weight_files([file.name for file in (found.folder / name).iterdir()], name)[0][0]
    with safetensors.safe_open(found.folder / name / file, framework="numpy") as tensors:
        kinds = collections.Counter(tensors.get_slice(key).get_dtype() for key in tensors.keys())
    by_class = "float16" if name == "unet" else "bfloat16"
    return {"F16": "float16", "BF16": "bfloat16"}.get(kinds.most_common(1)[0][0], by_class)


def read_index(file: pathlib.Path) -> tuple[str, dict[str, tuple[str, str]]]:
    """The pipeline class that a model_index.json names, and its components: {name: (library, class name)}."""
    try:
        index = read_json(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"{file.parent} is not a pipeline: it has no {file.name}") from None
    asked = index.get("_class_name") if isinstance(index, dict) else None
    if asked not in CLASSES:
        raise ValueError(f"{file} is for the pipeline {asked!r}, expected {' or '.join(CLASSES)}")
    parts = {name: tuple(v) for name, v in index.items() if isinstance(v, list) and len(v) == 2 and v[0] is not None}
    for name, (library, kind) in parts.items():
        if library not in ("diffusers", "transformers") or re.match("Auto(Model|Tok|Proc|Conf)", kind):
            raise ValueError(f"{file}: {name} is {library}.{kind}, expected a named class of diffusers or transformers")
    return asked, parts


def weight_files(names: list[str], where: str | pathlib.Path) -> tuple[list[str], str]:
    """Choose the weights to read among a component's file names: ([one, or all shards], "fp16" if there, else "")."""
    for variant in ("fp16", ""):
        stem = "(diffusion_pytorch_)?model" + (variant and rf"\.{variant}")
        if whole := sorted(name for name in names if re.fullmatch(rf"{stem}\.safetensors", name)):
            return whole, variant
        if shards := sorted(name for name in names if re.fullmatch(rf"{stem}-\d+-of-\d+\.safetensors", name)):
            first, count = re.fullmatch(r"(.+)-\d+-of-(\d+)\.safetensors", shards[0]).groups()
            every = [f"{first}-{number:05}-of-{count}.safetensors" for number in range(1, int(count) + 1)]
            if missing := [name for name in every if name not in shards]:
                raise FileNotFoundError(f"{where}/{missing[0]} is missing")
            return every, variant
    if pickled := sorted(name for name in names if name.endswith((".bin", ".ckpt", ".pt", ".pth"))):
        why = f"only pickled weights ({pickled[0]}), which are not opened because they can run any code"
        raise ValueError(f"{where} has {why}: expected safetensors (hf.co/spaces/safetensors/convert makes them)")
    raise FileNotFoundError(f"{where} has no weights: expected a file such as model.safetensors")


def _need(part: pathlib.Path, *any_of: str) -> None:
    if not any((part / name).is_file() for name in any_of):
        raise FileNotFoundError(f"{part / any_of[0]} is missing")


def need_sentencepiece(names: Collection[str], where: str | pathlib.Path) -> None:
    """Raise ValueError if a tokenizer's files can be read only with packages that are not installed here."""
    if {"tokenizer.json", "vocab.json"} & set(names):
        return
    from transformers.utils import is_protobuf_available, is_sentencepiece_available

    # transformers 5 converts a SentencePiece model with both of them. Wan's pipeline uses ftfy only if it is there.
    here = {"sentencepiece": is_sentencepiece_available(), "protobuf": is_protobuf_available()}
    if lacking := " ".join(name for name, there in here.items() if not there):
        install = f"pip install {lacking}, then restart Python"
        raise ValueError(f"{where}/spiece.model needs packages that are not installed here: {install}")


def _check_header(file: pathlib.Path) -> None:
    import safetensors

    _need(file.parent, file.name)  # in the hub's cache it may be a link whose blob is gone
    try:
        with safetensors.safe_open(file, framework="numpy"):
            pass
    except (safetensors.SafetensorError, OSError) as error:
        again = f"delete {file.resolve()} and get it again"
        raise ValueError(f"{file} is broken or cut short ({one_line(error)}): {again}") from None


def load_models(
    found: Checkpoint, dtype: "torch.dtype", float32: typing.Collection[str] = (), int8: typing.Collection[str] = ()
) -> dict:
    """Load the networks of a checked folder on the CPU: {component: model}.

    float32: those in single precision. int8: those whose linear layers are stored in eight bits, while they are read.
    """
    import torch

    models = {}
    for name, (library, kind, variant) in found.components.items():
        if variant is None:
            continue
        part = found.folder / name
        files = weight_files([file.name for file in part.iterdir()], part)[0]
        file = part / files[0] if len(files) == 1 else part
        options = {"use_safetensors": True, "output_loading_info": True, "variant": variant or None}
        options |= {"dtype": torch.float32 if name in float32 else dtype}
        if name in int8:
            options["quantization_config"] = _int8(library)
        try:
            model, info = getattr(importlib.import_module(library), kind).from_pretrained(str(part), **options)
        except Exception as error:  # each library has its own, many of several lines
            raise ValueError(f"{file} cannot be loaded as {kind} ({one_line(error)})") from error
        if lacks := sorted(info["missing_keys"]):
            raise ValueError(f"{file} lacks {len(lacks)} of the tensors that {kind} needs, such as {lacks[0]}")
        models[name] = model
    return models


def need_torchao() -> None:
    """Raise ValueError if torchao, which stores weights in eight bits, is not installed."""
    if importlib.util.find_spec("torchao") is None:
        raise ValueError("weights in eight bits need torchao, which is not installed: pip install torchao")


def _int8(library: str) -> typing.Any:
    """How transformers or diffusers store linear layers in eight bits, with one scale a row."""
    from torchao.quantization import Int8WeightOnlyConfig

    return importlib.import_module(library).TorchAoConfig(Int8WeightOnlyConfig())


def stored_bytes(model: "torch.nn.Module") -> int:
    """Bytes of a network's weights as they are stored: of eight-bit ones the integers and their scales."""

    def size(p: "torch.Tensor") -> int:
        inner = p.__tensor_flatten__()[0] if hasattr(p, "__tensor_flatten__") else ()
        return sum(getattr(p, name).nbytes for name in inner) or p.nbytes

    return sum(size(p) for p in model.parameters())


def one_line(error: BaseException) -> str:
    """An exception's message as one line of at most 200 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
