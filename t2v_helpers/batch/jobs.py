"""What `t2v_helpers.batch` has to make and has made: the prompts, the clips' names, the manifest; without torch."""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import typing
import unicodedata
from collections.abc import Iterable

from .._support.texts import read_lines
from ..models import Request, fit

MANIFEST = "manifest.jsonl"


class Job(typing.NamedTuple):
    """One clip to make, and the line of the prompts' file that asks for it, from 1."""

    line: int
    request: Request


def read_jobs(path: pathlib.Path, asked: Request) -> tuple[list[Job], list[tuple[int, str]]]:
    """Read a file of prompts: one a line or, if its name ends in .jsonl, one object a line.

    Each line asks for what `asked` does, apart from what it says itself. Returns the jobs, and what is wrong with the
    other lines: (line, message). OSError: the file cannot be read. ValueError: it is not text, or holds no prompts.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected a file with one prompt per line")
    jobs, bad = [], []
    for number, text in read_lines(path):
        if text.startswith("#"):
            continue
        try:
            given = _object(text) if path.suffix.lower() == ".jsonl" else {"prompt": text}
            jobs.append(Job(number, dataclasses.replace(asked, **given)))
        except ValueError as error:
            bad.append((number, str(error)))
    if not jobs and not bad:
        raise ValueError(f"{path} holds no prompts, expected one a line")
    return jobs, bad


def _object(text):
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict) or "prompt" not in given:
        raise ValueError(f'{text[:40]!r}: expected an object such as {{"prompt": "a red circle falling", "seed": 3}}')
    if other := sorted(given.keys() - {"prompt", "seed", "negative_prompt"}):
        raise ValueError(f"got {other[0]!r}, expected prompt, seed and negative_prompt alone")
    return given


def fit_jobs(jobs: Iterable[Job], pipe: typing.Any) -> tuple[list[Job], list[tuple[int, str]], list[tuple[int, str]]]:
    """Complete every request for a loaded pipeline: the jobs, (line, message) of bad lines, (line, warning)."""
    fitted, bad, notes = [], [], []
    for line, asked in jobs:
        try:
            asked, more = fit(asked, pipe)
        except ValueError as error:
            bad.append((line, str(error)))
        else:
            fitted.append(Job(line, asked))
            notes += [(line, note) for note in more]
    return fitted, bad, notes


def file_name(line: int, prompt: str, ending: str = ".mp4") -> str:
    """The name of a clip's file: line and words, in letters, digits and hyphens that every file system takes.

    >>> file_name(7, "A red circle, moving left!"), file_name(12, "../../é日本/")
    ('0007-a-red-circle-moving-left.mp4', '0012-e.mp4')
    """
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.sub("[^a-z0-9]+", "-", plain)[:60].strip("-")
    return f"{line:04d}-{words or 'clip'}{ending}"


def entry_of(job: Job, model: str, fps: float, ending: str) -> dict:
    """The line of the manifest that a clip gets, without what is known afterwards: its digest and its seconds."""
    settings = dataclasses.asdict(job.request)
    texts = {name: settings.pop(name) for name in ("prompt", "seed", "negative_prompt")}
    name = file_name(job.line, job.request.prompt, ending)
    return {"index": job.line, **texts, "model": model, "settings": settings | {"fps": fps}, "file": name}


def still_to_do(jobs: dict[Job, dict], folder: pathlib.Path) -> list[Job]:
    """Those of {job: entry} whose clip is not whole in the folder, or not made as the manifest's last line says."""
    known = collections.defaultdict(dict)
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / MANIFEST).read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError, TypeError, KeyError):  # a line that was cut when a process was killed
                entry = json.loads(line)
                known[entry["file"]] = entry

    def done(entry):
        last, path = known[entry["file"]], folder / entry["file"]
        return entry.items() <= last.items() and path.is_file() and last.get("sha256") == digest(path)

    return [job for job, entry in jobs.items() if not done(entry)]


def digest(path: pathlib.Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record(entry: dict, folder: pathlib.Path) -> None:
    """Add a line to the folder's manifest, in one write to its end, as several processes can at the same time."""
    with open(folder / MANIFEST, "ab", buffering=0) as file:
        file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        os.fsync(file.fileno())


def tidy(folder: pathlib.Path) -> None:
    """Put right what a killed process leaves in a folder of clips: files half written, a manifest without its end."""
    for path in folder.iterdir():
        if re.fullmatch(r"\.[0-9a-f]{8}\.tmp", path.name):  # what save_video calls a file until it is whole
            path.unlink(missing_ok=True)
    manifest = folder / MANIFEST
    if manifest.exists() and not manifest.read_bytes().endswith(b"\n"):
        with open(manifest, "ab") as file:
            file.write(b"\n")
