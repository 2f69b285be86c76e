"""Finds a model's files in a folder, in the hub's cache or on the hub; an interrupted download can be resumed.

Resuming is hand-made because huggingface_hub 2 deletes an unfinished file, and 2.8 of ModelScope's 3.7 GB are one. A
large file's bytes are kept beside the cache's blobs until it is whole and its SHA-256 is the one that the hub lists.
What the cache holds already, under an older name or commit, is linked, not fetched.
"""

import contextlib
import errno
import hashlib
import os
import pathlib
import shutil
import typing
import warnings
from collections.abc import Collection, Iterator

from . import checkpoint, failures
from .registry import Model

if typing.TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling


def locate(model: Model, *, download: bool = True) -> checkpoint.Checkpoint:
    """Find and check a model's folder; what the hub's cache lacks is downloaded, what it holds read without the hub."""
    folder = pathlib.Path(os.path.expanduser(model.repo))
    if folder.is_dir():
        try:
            return checkpoint.check(folder)
        except FileNotFoundError as error:
            if not (folder / ".cache" / "huggingface").is_dir():
                raise
            again = f"run 'hf download ... --local-dir {folder}' again"
            raise FileNotFoundError(f"{error}: the download into this folder is not complete, {again}") from None
    if folder.is_absolute():
        raise FileNotFoundError(f"the folder {folder} is missing")
    missing = None
    for repo in (model.repo, *(model.also if model.revision else ())):  # one commit is the same files under any name
        try:
            with _explained(model, "model_index.json", f"{repo} is in the cache"):
                index = _cached(repo, "model_index.json", model.revision)
            if index is None:
                raise FileNotFoundError(f"{repo} is no folder here and not in the hub's cache")
            return checkpoint.check(index.parent)
        except FileNotFoundError as error:
            missing = missing or error
    if not download:
        raise missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a small disk, of missing links: both are seen to here
        return checkpoint.check(_fetch(model, str(missing)))


def cached_bytes(*repos: str) -> int:
    """Bytes of a model's files that the cache holds under its names, unfinished ones too; each is counted once.

    A file may be a link to a blob, stand alone (where a disk has no links), be a copy of a blob, or stand in several
    snapshots. Pickles don't count, nor single precision beside half: neither is read.
    """
    named, blobs = set(), []
    for store in map(_store, repos):
        for file in store.glob("snapshots/*/**/*"):
            if file.is_file():
                named.add(("/".join(file.relative_to(store).parts[2:]), file.stat().st_size))
        blobs += [file.stat().st_size for file in store.glob("blobs/*") if file.is_file()]
    half = {name.split("/")[0] for name, _ in named if ".fp16" in name and name.endswith(".safetensors")}
    read = sum(
        size
        for name, size in named
        if name.endswith(checkpoint.SMALL)
        or (name.endswith(".safetensors") and (".fp16" in name or name.split("/")[0] not in half))
    )
    sizes = {size for _, size in named}
    return read + sum(size for size in blobs if size not in sizes)


def _fetch(model: Model, missing: str) -> pathlib.Path:
    """Download the files that a pipeline is loaded from and return their folder; missing: why, for the message."""
    import huggingface_hub as hub
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    repo, told = model.repo, logging.get_verbosity()
    logging.set_verbosity_error()  # what the client would warn of is reported here, or it retries by itself
    try:
        with _explained(model, "model_index.json", missing):
            wait = constants.HF_HUB_ETAG_TIMEOUT
            info = hub.model_info(repo, revision=model.revision, files_metadata=True, timeout=wait)
            listed = {entry.rfilename: entry for entry in info.siblings}
            index = pathlib.Path(hub.hf_hub_download(repo, "model_index.json", revision=model.revision))
        files = [listed[name] for name in _wanted(index, listed, repo)]
        files = [entry for entry in files if _cached(repo, entry.rfilename, info.sha) is None]
        with _explained(model, f"{len(files)} files", missing):
            begun = [_begun(model, entry) for entry in files]
            left = sum(entry.size or 0 for entry in files) - sum(file.stat().st_size for file in begun if file)
            _check_space(left)
        print(f"downloading {repo}: {left / 1e9:.2f} GB into {constants.HF_HUB_CACHE}")
        for entry, start in zip(files, begun, strict=True):
            with _explained(model, entry.rfilename, missing):
                whole = _download(repo, info.sha, entry, start)
            if not whole:
                raise ValueError(f"{repo}/{entry.rfilename} arrived damaged and was thrown away: try again")
    finally:
        logging.set_verbosity(told)
    return index.parent


@contextlib.contextmanager
def _explained(model: Model, file: str, missing: str) -> Iterator[None]:
    """Raise what the client, the network or the disk raise in here as one line that says what to do."""
    from huggingface_hub import constants

    try:
        yield
    except Exception as error:
        asked = failures.Asked(
            model.repo, model.revision, file, missing, constants.HF_HUB_CACHE, constants.ENDPOINT, _token_from()
        )
        raise failures.explain(error, asked) from error


def _token_from() -> str:
    """Where the client takes its token from, in its order."""
    from huggingface_hub import constants

    names = ("HF_OIDC_RESOURCE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    if name := next((name for name in names if os.environ.get(name, "").strip()), None):
        return f"the variable {name}"
    file = constants.HF_TOKEN_PATH
    return f"the file {file}" if os.path.exists(file) else "Colab's secret HF_TOKEN"


def _wanted(index: pathlib.Path, names: Collection[str], repo: str) -> list[str]:
    """The file names that a pipeline is loaded from: safetensors, configs and tokenizer files."""
    files = ["model_index.json", *({checkpoint.SETTINGS} & set(names))]
    for part, (_, kind) in checkpoint.read_index(index)[1].items():
        inside = [name.removeprefix(f"{part}/") for name in names if name.startswith(f"{part}/")]
        keep = [name for name in inside if name.endswith(checkpoint.SMALL) and "/" not in name]
        if "Tokenizer" in kind:
            checkpoint.need_sentencepiece(inside, f"{repo}/{part}")
        elif "Scheduler" not in kind:
            keep += checkpoint.weight_files(inside, f"{repo}/{part}")[0]
        files += [f"{part}/{name}" for name in keep]
    return files


def _check_space(need: float) -> None:
    from huggingface_hub import constants

    cache = pathlib.Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next((path for path in (cache, *cache.parents) if path.exists()), cache)).free
    if free < need:
        raise OSError(errno.ENOSPC, f"{need / 1e9:.2f} GB are needed and {free / 1e9:.2f} GB are free")


def _cached(repo: str, file: str, revision: str | None) -> pathlib.Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repo, file, revision=revision)
    return pathlib.Path(path) if isinstance(path, str) else None


def _store(repo: str) -> pathlib.Path:
    """A repository's folder in the cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return pathlib.Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _part(repo: str, entry: "RepoSibling") -> pathlib.Path | None:
    """Where a large file grows; None for small ones, which git itself stores and which have no SHA-256 in the list."""
    return _store(repo) / "blobs" / f"{entry.lfs.sha256}.part" if entry.lfs else None


def _begun(model: Model, entry: "RepoSibling") -> pathlib.Path | None:
    """What is here of a large file: its blob, the same under an older name or commit, or its beginning."""
    part = _part(model.repo, entry)
    if part is None:
        return None
    blob = part.with_suffix("")
    if blob.exists():
        return blob
    for repo in (model.repo, *model.also):
        for file in (_store(repo) / "blobs" / blob.name, *_store(repo).glob(f"snapshots/*/{entry.rfilename}")):
            if file.is_file() and file.stat().st_size == entry.size and _sha256(file) == blob.name:
                return file
    left = (part, *part.parent.glob(f"{blob.name}*.incomplete"))  # the client leaves these, and doesn't resume them
    left = [file for file in left if file.is_file() and file.stat().st_size <= entry.size]
    return max(left, key=lambda file: file.stat().st_size, default=None)


def _sha256(file: pathlib.Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _download(repo: str, commit: str, entry: "RepoSibling", begun: pathlib.Path | None) -> bool:
    """Put a file into the cache as the client would, from what is here of it; False: it arrived damaged."""
    import huggingface_hub as hub
    from huggingface_hub.file_download import are_symlinks_supported
    from huggingface_hub.utils import WeakFileLock

    part, store = _part(repo, entry), _store(repo)
    if part:
        file, lock = part.with_suffix(""), store.parent / ".locks" / store.name / f"{part.stem}.lock"  # the client's
        if not are_symlinks_supported(store.parent):
            file = store / "snapshots" / commit / entry.rfilename  # the client keeps it there then, and no blob
        for path in (part, file, lock):
            path.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):
            if not file.exists():
                if begun and begun.parent == part.parent:
                    begun.replace(part)
                elif begun:
                    _link(begun, part)
                if not _grow(part, hub.hf_hub_url(repo, entry.rfilename, revision=commit), entry):
                    return False
                part.replace(file)
    hub.hf_hub_download(repo, entry.rfilename, revision=commit)  # links a blob that is there, and fetches a small file
    return True


def _link(file: pathlib.Path, other: pathlib.Path) -> None:
    other.unlink(missing_ok=True)
    try:
        os.link(file.resolve(), other)
    except OSError:  # a disk without links of any kind
        shutil.copyfile(file, other)


def _grow(part: pathlib.Path, url: str, entry: "RepoSibling") -> bool:
    """Fetch what a part lacks, and all of it once more if what had come before was not the file's beginning."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    for again in (False, True):
        begun = part.stat().st_size if part.exists() else 0
        if again or begun > entry.size:
            part.unlink(missing_ok=True)
        with part.open("ab") as file:
            options = {"expected_size": entry.size, "displayed_filename": entry.rfilename}
            try:
                http_get(url, file, resume_size=file.tell(), headers=build_hf_headers(), **options)
            except HfHubHTTPError as error:
                if again or not begun or error.response.status_code != 416:
                    raise
        if _sha256(part) == entry.lfs.sha256:
            return True
        if not begun:
            break
    part.unlink()
    return False
