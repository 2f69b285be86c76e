"""Where the clips of a folder are and what their captions say, in the layouts that people have."""

import json
import os
import pathlib
import typing

from .._support.texts import check_text, read_csv, read_lines, read_text

METADATA = ("metadata.jsonl", "metadata.csv")  # as Hugging Face's VideoFolder has them: a line, or row, for each clip
CAPTIONS = ("text", "caption", "prompt")  # the columns that may hold the caption
VIDEOS = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .gif .webp .apng .avif .mpg .mpeg .mjpeg .ts .m2ts .mts .vob .wmv .asf .flv .f4v "
    ".ogv .3gp .nut .mxf".split()
)
TEXTS = (".txt", ".caption")
EXPECTED = "expected clips with metadata.jsonl or metadata.csv (file_name, text), or a text file beside each clip"


class Captioned(typing.NamedTuple):
    """A clip's file, its caption, and where that is written."""

    path: pathlib.Path
    text: str
    where: str


def find_clips(folder: pathlib.Path) -> list[Captioned]:
    """Find the captioned clips of a folder and its subfolders; hidden files are skipped.

    Metadata files name their clips relative to themselves. Without any, each clip has its caption in a text file of
    the same name. ValueError or OSError, in one line, names the file and line that cannot be used.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, {EXPECTED}")
    there = [file for file in sorted(folder.rglob("*")) if not _hidden(file, folder)]
    tables = [file for file in there if file.name.lower() in METADATA]
    if both := {file.parent for file in tables if sum(other.parent == file.parent for other in tables) > 1}:
        raise ValueError(f"{min(both)} holds both {' and '.join(METADATA)}, expected one of them")
    said = {file.with_suffix("") for file in there if file.suffix.lower() in TEXTS}
    clips = [file for file in there if file.suffix.lower() in VIDEOS or (file.is_dir() and file in said)]
    for file in there if not tables else ():
        if file.is_file() and file.suffix.lower() not in (*TEXTS, *VIDEOS) and file.with_suffix("") in said:
            raise ValueError(
                f"{file} has a text file beside it, and an ending that is no clip's: expected such as .mp4"
            )
    found = [clip for table in tables for clip in _listed(table)] if tables else [_captioned(file) for file in clips]
    if not found:
        raise ValueError(f"{tables[0] if tables else folder} has no clips, {EXPECTED}")
    return found


def _hidden(file: pathlib.Path, folder: pathlib.Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _listed(table: pathlib.Path) -> typing.Iterator[Captioned]:
    """The clips that a metadata file names."""
    for number, row in read_csv(table) if table.suffix.lower() == ".csv" else read_lines(table):
        where = f"{table}, line {number}"
        if isinstance(row, str):
            row = _parsed(row, where)
        name = row.get("file_name")
        text = next((row[column] for column in CAPTIONS if column in row), None)
        if not all(isinstance(value, str) and value.strip() for value in (name, text)):
            raise ValueError(f"{where}: got {str(row)[:80]}, expected file_name and text (or caption, or prompt)")
        path = os.path.normpath(name.replace("\\", "/"))
        if os.path.isabs(path) or path.startswith(".."):
            raise ValueError(f"{where}: file_name {name!r} leads out of {table.parent}, expected a file in it")
        yield Captioned(table.parent / path, check_text(f"{where}: the caption", text), where)


def _parsed(line: str, where: str) -> dict:
    """The object that a line of JSON holds."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ValueError(f"{where}: got {line[:60]!r}, expected file_name and text, as JSON")
    return row


def _captioned(file: pathlib.Path) -> Captioned:
    """A clip whose caption is in a text file beside it."""
    stem = file if file.is_dir() else file.with_suffix("")
    texts = [stem.with_name(stem.name + ending) for ending in (".txt", ".TXT", ".caption")]
    text = next((text for text in texts if text.is_file()), None)
    if text is None:
        raise FileNotFoundError(f"{file} has no caption: {texts[0].name} is missing beside it, {EXPECTED}")
    said = " ".join(read_text(text).split())
    if not said:
        raise ValueError(f"{text} is empty, expected the caption of {file.name}")
    return Captioned(file, said, str(text))
