"""What `t2v_helpers.batch` has to do and has done: the file of prompts, the names of the clips, the manifest.

It needs no torch, so that a bad file is told at once.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import unicodedata
import warnings

from .._support import command
from ..models import request

MANIFEST = "manifest.jsonl"


@dataclasses.dataclass(frozen=True)
class Job:
    """One clip to make; line: of the prompts' file, from 1."""

    line: int
    prompt: str
    seed: int = 0
    negative_prompt: str | None = None


def read_jobs(path, seed=0, negative_prompt=None):
    """Read a file of prompts: one a line, or where its name ends in .jsonl one object a line.

    Blank lines and lines that start with # are skipped. An object has a "prompt" and, if it likes, a "seed" and a
    "negative_prompt"; seed and negative_prompt are those of the lines that name none.
    Returns (jobs, bad), where bad is [(line, message)]. Raises OSError, or ValueError if it is not text, or empty.
    """
    path = pathlib.Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8, expected a text file") from None
    jobs, bad = [], []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            given = _object(text) if path.suffix.lower() == ".jsonl" else {"prompt": text}
            job = Job(number, **({"seed": seed, "negative_prompt": negative_prompt} | given))
            request.check_prompt(job.prompt)
            request.check_settings(seed=job.seed)
            if job.negative_prompt is not None:
                request.check_prompt(job.negative_prompt, name="negative prompt", blank=True)
            jobs.append(job)
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


def check_jobs(path, jobs, tokenizer, bad=(), **reads):
    """Check every prompt with the model's tokenizer; returns the warnings, one line each.

    bad: [(line, message)] of the lines that were found bad before. reads: limit and english, as `check_prompt` takes
    them. path: of the file. Raises command.Refused with these lines and its own.
    """
    bad, notes = list(bad), []
    for job in jobs:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                request.check_prompt(job.prompt, tokenizer, **reads)
                if job.negative_prompt is not None:
                    request.check_prompt(job.negative_prompt, tokenizer, name="negative prompt", blank=True, **reads)
            except ValueError as error:
                bad.append((job.line, str(error)))
        notes += [f"line {job.line}: {warning.message}" for warning in caught]
    if bad:
        raise command.Refused(*(f"{path} line {line}: {message}" for line, message in sorted(bad)))
    return notes


def file_name(line, prompt, ending=".mp4"):
    """The name of a clip's file: line and words, in letters, digits and hyphens that every file system takes.

    No two lines share a name, whatever their prompts.

    >>> file_name(7, "A red circle, moving left!"), file_name(12, "../../é日本/")
    ('0007-a-red-circle-moving-left.mp4', '0012-e.mp4')
    """
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.sub("[^a-z0-9]+", "-", plain)[:60].strip("-")
    return f"{line:04d}-{words or 'clip'}{ending}"


def entry_of(job, model, settings, ending):
    """The line of the manifest that a clip gets, but for what is known afterwards: its digest and its seconds."""
    return {
        "index": job.line,
        "prompt": job.prompt,
        "seed": job.seed,
        "negative_prompt": job.negative_prompt,
        "model": model,
        "settings": settings,
        "file": file_name(job.line, job.prompt, ending),
    }


def still_to_do(entries, folder):
    """Those entries whose clip is not in the folder, whole, and made as the manifest's last line on it says."""
    known = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / MANIFEST).read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError, TypeError, KeyError):  # a line that was cut when a process was killed
                entry = json.loads(line)
                known[entry["file"]] = entry
    return [entry for entry in entries if not _is_done(entry, known.get(entry["file"]), folder)]


def _is_done(entry, known, folder):
    path = folder / entry["file"]
    same = known is not None and all(known.get(key) == value for key, value in entry.items())
    return same and path.is_file() and known.get("sha256") == digest(path)


def digest(path):
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record(entry, folder):
    """Add a line to the folder's manifest, in one write to its end, as several processes can at the same time."""
    with open(folder / MANIFEST, "ab", buffering=0) as file:
        file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        os.fsync(file.fileno())


def tidy(folder):
    """Put right what a killed process leaves in a folder of clips: files half written, a manifest without its end."""
    for path in folder.iterdir():
        if re.fullmatch(r"\.[0-9a-f]{8}\.tmp", path.name):  # what save_video calls a file until it is whole
            path.unlink(missing_ok=True)
    manifest = folder / MANIFEST
    if manifest.exists() and not manifest.read_bytes().endswith(b"\n"):
        with open(manifest, "ab") as file:
            file.write(b"\n")
