"""Finds a model's files in a folder, in the hub's cache or on the hub; an interrupted download can be resumed.

Resuming is hand-made because huggingface_hub 2 deletes an unfinished file, and 2.8 of ModelScope's 3.7 GB are one. A
large file's bytes are kept beside the cache's blobs until it is whole and its SHA-256 is the one that the hub lists.
"""

import contextlib
import errno
import hashlib
import os
import pathlib
import shutil
import typing
from collections.abc import Collection

from . import checkpoint
from .registry import Model

if typing.TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling


def locate(model: Model, *, download: bool = True) -> checkpoint.Checkpoint:
    """Find and check a model's folder; what the hub's cache lacks is downloaded, what it holds read without the hub."""
    folder = pathlib.Path(os.path.expanduser(model.repo))
    if folder.is_dir():
        return checkpoint.check(folder)
    if folder.is_absolute():
        raise FileNotFoundError(f"the folder {folder} is missing")
    try:
        index = _cached(model.repo, "model_index.json", model.revision)
        if index is None:
            raise FileNotFoundError(f"{model.repo} is no folder here and not in the hub's cache")
        return checkpoint.check(index.parent)
    except FileNotFoundError as missing:
        if not download:
            raise
        return checkpoint.check(_fetch(model.repo, model.revision, missing))


def cached_bytes(repo: str) -> int:
    """Bytes of a hub repository's files that the cache holds, unfinished ones too."""
    files = _cache(repo).glob("blobs/*")
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".lock")


def _fetch(repo: str, revision: str | None, missing: FileNotFoundError) -> pathlib.Path:
    """Download the files that a pipeline is loaded from and return their folder; missing: why, for the message."""
    import huggingface_hub as hub
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import logging

    file = "model_index.json"
    try:
        with contextlib.ExitStack() as undo:
            undo.callback(logging.set_verbosity, logging.get_verbosity())
            logging.set_verbosity_error()  # what the client would warn of is reported here, or it retries by itself
            info = hub.model_info(repo, revision=revision, files_metadata=True, timeout=10)
            listed = {entry.rfilename: entry for entry in info.siblings}
            index = pathlib.Path(hub.hf_hub_download(repo, file, revision=revision))
            files = [listed[name] for name in _wanted(index, listed, repo)]
            files = [entry for entry in files if _cached(repo, entry.rfilename, info.sha) is None]
            parts = [part for entry in files if (part := _partial(repo, entry)) and part.is_file()]
            left = sum(entry.size or 0 for entry in files) - sum(part.stat().st_size for part in parts)
            file = f"{len(files)} files"
            _check_space(left)
            print(f"downloading {repo}: {left / 1e9:.2f} GB into {constants.HF_HUB_CACHE}")
            for entry in files:
                file = entry.rfilename
                _download(repo, info.sha, entry)
        return index.parent
    except errors.GatedRepoError:
        raise ValueError(f"{repo} is gated: accept its terms at hf.co/{repo}, then run 'hf auth login'") from None
    except errors.RepositoryNotFoundError:
        raise ValueError(f"{repo!r} is no folder here, and the hub has no model of this name, or hides it") from None
    except errors.RevisionNotFoundError:
        raise ValueError(f"{repo} on the hub has no revision {revision}") from None
    except errors.RemoteEntryNotFoundError:
        why = " is not a pipeline: it" if file == "model_index.json" else ""
        raise FileNotFoundError(f"{repo} on the hub{why} has no {file}") from None
    except Exception as error:  # the checks' own errors, and whatever else the network and the libraries can raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            where = f"{constants.HF_HUB_CACHE} for {file} ({error.strerror})"
            raise OSError(f"no space left in {where}: free some, or set HF_HOME") from None
        if isinstance(error, ValueError | FileNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
            raise
        raise ConnectionError(
            f"{missing}, and the hub cannot give it ({checkpoint.one_line(error)}): connect and try again (what came "
            "is kept), or take the model 'tiny', which needs no network"
        ) from error


def _wanted(index: pathlib.Path, names: Collection[str], repo: str) -> list[str]:
    """The file names that a pipeline is loaded from: safetensors, configs and tokenizer files."""
    files = ["model_index.json"]
    for part, (_, kind) in checkpoint.read_index(index)[1].items():
        inside = [name.removeprefix(f"{part}/") for name in names if name.startswith(f"{part}/")]
        keep = [name for name in inside if name.endswith((".json", ".txt", ".model")) and "/" not in name]
        if "Tokenizer" not in kind and "Scheduler" not in kind:
            keep += checkpoint.weight_files(inside, f"{repo}/{part}")[0]
        files += [f"{part}/{name}" for name in keep]
    return files


def _check_space(need: float) -> None:
    from huggingface_hub import constants

    cache = pathlib.Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.exists())).free
    if free < need:
        raise OSError(errno.ENOSPC, f"{need / 1e9:.2f} GB are needed and {free / 1e9:.2f} GB are free")


def _cached(repo: str, file: str, revision: str | None) -> pathlib.Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repo, file, revision=revision)
    return pathlib.Path(path) if isinstance(path, str) else None


def _cache(repo: str) -> pathlib.Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return pathlib.Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _partial(repo: str, entry: "RepoSibling") -> pathlib.Path | None:
    """Where a large file grows; None for small ones, which git itself stores and which have no SHA-256 in the list."""
    return _cache(repo) / "blobs" / f"{entry.lfs.sha256}.part" if entry.lfs else None


def _download(repo: str, commit: str, entry: "RepoSibling") -> None:
    import huggingface_hub as hub
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    if part := _partial(repo, entry):
        part.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(f"{part}.lock"):
            blob = part.with_suffix("")
            if not blob.exists():
                with part.open("ab") as file:
                    if file.tell() > entry.size:
                        file.truncate(0)
                    url = hub.hf_hub_url(repo, entry.rfilename, revision=commit)
                    options = {"expected_size": entry.size, "displayed_filename": entry.rfilename}
                    http_get(url, file, resume_size=file.tell(), headers=build_hf_headers(), **options)
                with part.open("rb") as file:
                    got = hashlib.file_digest(file, "sha256").hexdigest()
                if got != entry.lfs.sha256:
                    part.unlink()
                    raise ValueError(f"{repo}/{entry.rfilename} arrived damaged and was thrown away: try again")
                part.rename(blob)
        pathlib.Path(f"{part}.lock").unlink(missing_ok=True)
    hub.hf_hub_download(repo, entry.rfilename, revision=commit)  # links a blob that is there, and fetches a small file
