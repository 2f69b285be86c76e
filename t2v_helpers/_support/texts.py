"""Text files as any editor saves them, read in one way or refused by file name and line."""

import codecs
import csv
import json
import pathlib
import typing

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # UTF-32's first: one begins with UTF-16's


def read_text(path: pathlib.Path) -> str:
    """Read a text file: UTF-8, or what its byte-order mark says; every line ends in a single newline character.

    ValueError: a byte is not of that encoding; the message names file and line.
    """
    data = path.read_bytes()
    encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text, bad = data.decode(encoding), None
    except UnicodeDecodeError as error:
        text, bad = error.object[: error.start].decode(encoding, "replace"), f"byte 0x{error.object[error.start]:02x}"
    if "\0" in text:  # UTF-16 without a mark, or no text at all
        text, bad = text[: text.index("\0")], "a zero byte"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if bad:
        where, name = f"{path}, line {text.count(chr(10)) + 1}", encoding.upper().removesuffix("-SIG")
        raise ValueError(f"{where}: {bad} is not {name}, expected a text file in UTF-8")
    return text


def read_lines(path: pathlib.Path) -> list[tuple[int, str]]:
    """The lines of a text file that are not blank, without spaces around them, each with its number from 1."""
    lines = enumerate(read_text(path).split("\n"), 1)  # not splitlines, which splits within JSON strings
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_json(path: pathlib.Path) -> typing.Any:
    """What a JSON file holds; ValueError names file and line."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is broken: line {error.lineno} is not JSON ({error.msg})") from None


def read_csv(path: pathlib.Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table, by column name in lower case, each with its line; commas, semicolons or tabs divide it."""
    lines = read_text(path).rstrip("\n").split("\n")
    begin = int(lines[0].lower().startswith("sep="))  # Excel's hint
    head = lines[begin] if begin < len(lines) else ""
    reader = csv.reader((line + "\n" for line in lines[begin:]), delimiter=max(",;\t", key=head.count), strict=True)
    rows = []
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append((begin + reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise ValueError(f"{path}, line {begin + reader.line_num}: {error}, expected a table as CSV") from None
    names = [name.lower() for name in rows[0][1]] if rows else []
    return [(number, dict(zip(names, cells, strict=False))) for number, cells in rows[1:]]


def check_text(name: str, text: str) -> str:
    """Return the text, unless it holds half a surrogate pair, as bytes from a shell or escapes of JSON leave them."""
    if bad := next((c for c in text if "\ud800" <= c <= "\udfff"), ""):
        byte = f"the byte 0x{ord(bad) - 0xDC00:02x}" if "\udc80" <= bad <= "\udcff" else f"half a character, {bad!a}"
        raise ValueError(f"{name} holds {byte}, expected text in UTF-8: {text.encode(errors='replace').decode()!r}")
    return text
