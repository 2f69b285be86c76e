"""A model's files: found in a folder, in the hub's cache or on the hub, and checked before minutes go into loading.

It is apart from pipelines.py because it knows files, not models, and from hub.py, which fetches them. Weights
come from safetensors alone, since a pickle can run any code when it is opened, and only classes of diffusers and
transformers are built. A file that is missing, cut short or incomplete is named; the libraries underneath would put
random numbers for a missing tensor and an empty vocabulary for a missing tokenizer, and go on.
"""

import importlib
import importlib.util
import json
import os
import pathlib
import re


def locate(repo, revision, classes):
    """Find a pipeline's folder, download it if it is a hub id that the cache does not hold whole, and check it.

    repo: a folder, or a hub id; what the cache holds is read from there without asking the hub. revision: a commit;
    None is main, as it was when it was fetched. classes: the pipeline classes that may be asked for.
    Returns (folder, components), see `check_folder`. Raises FileNotFoundError, ValueError, ConnectionError or OSError.
    """
    folder = pathlib.Path(os.path.expanduser(repo))
    if not folder.is_dir():
        if folder.is_absolute():
            raise FileNotFoundError(f"the folder {folder} is missing")
        try:
            return check_cache(repo, revision, classes)
        except FileNotFoundError as missing:
            from . import hub

            folder = hub.fetch(repo, revision, classes, missing)
    return folder, check_folder(folder, classes)


def check_cache(repo, revision, classes):
    """As `locate`, but in the hub's cache alone: FileNotFoundError if a file is not there."""
    from huggingface_hub import try_to_load_from_cache

    index = try_to_load_from_cache(repo, "model_index.json", revision=revision)
    if not isinstance(index, str):
        raise FileNotFoundError(f"{repo} is no folder here and not in the hub's cache")
    folder = pathlib.Path(index).parent
    return folder, check_folder(folder, classes)


def check_folder(folder, classes):
    """Check that every component of a pipeline folder is there and that its weight files are whole.

    Only headers are read, so it costs milliseconds; a bit that flipped inside a tensor is not seen.
    Returns {component: (library, class name, variant)}; variant is "fp16" or "" for models, None for the others.
    """
    components = {}
    for name, (library, kind) in read_index(folder / "model_index.json", classes).items():
        part, variant = folder / name, None
        if "Tokenizer" in kind:
            _need(part, "tokenizer.json", "vocab.json", "spiece.model")
            _check_tokenizer(part)
        elif "Scheduler" in kind:
            _need(part, "scheduler_config.json")
        else:
            _need(part, "config.json")
            names = [file.name for file in part.iterdir()]
            files, variant = choose(names, part)
            if len(files) > 1 and not any(name.endswith(".json") and ".index." in name for name in names):
                raise FileNotFoundError(f"{part}/{files[0].split('-')[0]}.safetensors.index.json is missing")
            for file in files:
                _check_header(part / file)
        components[name] = (library, kind, variant)
    return components


def read_index(file, classes):
    """The components that a model_index.json lists: {component: (library, class name)}."""
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{file.parent} is not a pipeline: it has no {file.name}") from None
    except ValueError:
        raise ValueError(f"{file} is broken: it is not JSON") from None
    asked = index.get("_class_name") if isinstance(index, dict) else None
    if asked not in classes:
        raise ValueError(f"{file} is for the pipeline {asked!r}, expected {' or '.join(classes)}")
    parts = {name: tuple(v) for name, v in index.items() if isinstance(v, list) and len(v) == 2 and v[0] is not None}
    for name, (library, kind) in parts.items():
        if library not in ("diffusers", "transformers") or re.match("Auto(Model|Tok|Proc|Conf)", kind):
            raise ValueError(f"{file}: {name} is {library}.{kind}, expected a named class of diffusers or transformers")
    return parts


def choose(names, where):
    """Of the file names of a component, the weights to read, and their variant: (names, "fp16" or "").

    The half-precision files where there are some, on a CPU too: half the download, and the same numbers as on a GPU.
    Large models come in shards, which are all named, or FileNotFoundError says which is not there.
    """
    for variant in ("fp16", ""):
        stem = "(diffusion_pytorch_)?model" + (variant and rf"\.{variant}")
        if whole := sorted(name for name in names if re.fullmatch(rf"{stem}\.safetensors", name)):
            return whole, variant
        if shards := sorted(name for name in names if re.fullmatch(rf"{stem}-\d+-of-\d+\.safetensors", name)):
            first, count = re.fullmatch(r"(.+)-\d+-of-(\d+)\.safetensors", shards[0]).groups()
            for number in range(1, int(count) + 1):
                if (name := f"{first}-{number:05}-of-{count}.safetensors") not in shards:
                    raise FileNotFoundError(f"{where}/{name} is missing")
            return shards, variant
    if pickled := sorted(name for name in names if name.endswith((".bin", ".ckpt", ".pt", ".pth"))):
        raise ValueError(f"{where} has only pickled weights ({pickled[0]}), which are not opened: expected safetensors")
    raise FileNotFoundError(f"{where} has no weights: expected a file such as model.safetensors")


def _need(part, *any_of):
    if not any((part / name).is_file() for name in any_of):
        raise FileNotFoundError(f"{part / any_of[0]} is missing")


def _check_tokenizer(part):
    """A SentencePiece model alone is read by two packages that nothing else here needs."""
    if not any((part / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        lacks = [name for name in ("sentencepiece", "google.protobuf") if not _installed(name)]
        if lacks:
            raise ValueError(
                f"{part}/spiece.model needs packages that are not installed: pip install sentencepiece protobuf"
            )


def _installed(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of the package above
        return False


def _check_header(file):
    import safetensors

    _need(file.parent, file.name)  # in the hub's cache it may be a link whose blob is gone
    try:
        with safetensors.safe_open(file, framework="numpy"):
            pass
    except (safetensors.SafetensorError, OSError) as error:
        again = f"delete {file.resolve()} and get it again"
        raise ValueError(f"{file} is broken or cut short ({one_line(error)}): {again}") from None


def load_models(folder, components, dtype, float32=()):
    """Load the components that have weights: {component: torch module}; ValueError naming the file that will not do.

    float32: the components that are loaded in single precision whatever the dtype is.
    """
    import torch

    models = {}
    for name, (library, kind, variant) in components.items():
        if variant is None:
            continue
        part = folder / name
        files = choose([file.name for file in part.iterdir()], part)[0]
        file = part / files[0] if len(files) == 1 else part
        options = {"use_safetensors": True, "output_loading_info": True, "variant": variant or None}
        options |= {"dtype": torch.float32 if name in float32 else dtype}
        try:
            model, info = getattr(importlib.import_module(library), kind).from_pretrained(part, **options)
        except Exception as error:  # each library has its own, many of several lines
            raise ValueError(f"{file} cannot be loaded as {kind} ({one_line(error)})") from error
        if lacks := sorted(info["missing_keys"]):
            raise ValueError(f"{file} lacks {len(lacks)} of the tensors that {kind} needs, such as {lacks[0]}")
        models[name] = model
    return models


def one_line(error):
    """What an exception says, in one line of at most 200 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
