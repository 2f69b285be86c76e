"""Fetches a model's files from the hub into its cache; a download that was interrupted goes on where it stopped.

The hub's client (huggingface_hub 2) throws an unfinished file away, and of ModelScope's 3.7 GB one file is 2.8. Here
the bytes of a large file are kept beside the cache's blobs until the file is whole, and its SHA-256 is compared with
the hub's before it takes its place. Everything that can go wrong on the way ends in one line.
"""

import contextlib
import errno
import hashlib
import pathlib
import shutil

from . import checkpoint


def fetch(repo, revision, classes, missing):
    """Download what `checkpoint.choose` would read of a repository into the hub's cache, and return the folder.

    repo: a hub id; revision: a commit or a branch, None is main; classes: the pipeline classes that may be asked for.
    missing: why it is needed, for the message. What is there already is not asked for again.
    Raises ValueError (gated, unknown, wrong revision, nothing that may be loaded, or damaged on the way),
    FileNotFoundError, ConnectionError, or OSError when the disk is full: one line each.
    """
    import huggingface_hub as hub
    from huggingface_hub import constants, errors

    file = "model_index.json"
    try:
        with _quiet():
            info = hub.model_info(repo, revision=revision, files_metadata=True, timeout=10)
            listed = {entry.rfilename: entry for entry in info.siblings}
            index = pathlib.Path(hub.hf_hub_download(repo, file, revision=revision))
            files = [listed[name] for name in wanted(index, listed, classes, repo)]
            files = [entry for entry in files if not _cached(repo, entry.rfilename, info.sha)]
            left = sum((entry.size or 0) - _have(repo, entry) for entry in files)
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
    except (ValueError, FileNotFoundError) as error:
        if not isinstance(error, errors.LocalEntryNotFoundError):
            raise
        raise _unreachable(missing, error) from error
    except OSError as error:
        if isinstance(error, _NoSpace) or error.errno in (errno.ENOSPC, errno.EDQUOT):
            more = str(error) if isinstance(error, _NoSpace) else f"{file} did not fit"
            raise OSError(f"no space left in {constants.HF_HUB_CACHE}: {more}; free some, or set HF_HOME") from None
        raise _unreachable(missing, error) from error
    except Exception as error:  # whatever else the network and the libraries between can raise
        raise _unreachable(missing, error) from error


def wanted(index, names, classes, where):
    """Of a repository's file names those that a pipeline is loaded from: safetensors, configs and tokenizer files."""
    files = ["model_index.json"]
    for part, (_, kind) in checkpoint.read_index(index, classes).items():
        inside = [name.removeprefix(f"{part}/") for name in names if name.startswith(f"{part}/")]
        keep = [name for name in inside if name.endswith((".json", ".txt", ".model")) and "/" not in name]
        if "Tokenizer" not in kind and "Scheduler" not in kind:
            keep += checkpoint.choose(inside, f"{where}/{part}")[0]
        files += [f"{part}/{name}" for name in keep]
    return files


def _unreachable(missing, error):
    return ConnectionError(
        f"{missing}, and the hub cannot give it ({checkpoint.one_line(error)}): connect and try again (what came is "
        "kept), or take the model 'tiny', which needs no network"
    )


class _NoSpace(OSError):
    pass


def _check_space(need):
    from huggingface_hub import constants

    cache = pathlib.Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.exists())).free
    if free < need:
        raise _NoSpace(f"{need / 1e9:.2f} GB are needed and {free / 1e9:.2f} GB are free")


def _cached(repo, file, commit):
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repo, file, revision=commit), str)


def _partial(repo, entry):
    """Where a large file grows; None for the small ones, which git itself keeps and no SHA-256 is listed of."""
    from huggingface_hub import constants, file_download

    blobs = pathlib.Path(constants.HF_HUB_CACHE) / file_download.repo_folder_name(repo_id=repo, repo_type="model")
    return blobs / "blobs" / f"{entry.lfs.sha256}.part" if entry.lfs else None


def _have(repo, entry):
    part = _partial(repo, entry)
    return part.stat().st_size if part and part.is_file() else 0


def _download(repo, commit, entry):
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


@contextlib.contextmanager
def _quiet():
    """Let the hub's client log errors only: what it would warn of is said here, or tried again by itself."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
