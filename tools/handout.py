"""Write the notebooks with the exercises' solutions taken out, for a class: make handout.

Under each exercise the folded solution is gone; all else is as it was, stored outputs included, and the checkers work.
A link that leaves the notebooks' folder leads from the new folder to the same file; outside of this repository it says
in words which file is meant. A notebook runs wherever t2v_helpers can be imported (the environment of `make lab`), or
in Colab through its set-up cell.

In the metadata of each file stands a hash of what was written. A file that still is what was written is replaced; one
that was worked in, or that is none of ours, is kept and named, and replaced with --overwrite only.
Usage: python tools/handout.py [FOLDER] [--overwrite] [notebook ...]
Exit code 0 also where files were kept; 2, with one line and nothing written, for what cannot be done.
"""

import argparse
import hashlib
import os
import pathlib
import re
import sys

import course
import nbformat

from t2v_helpers._support.files import write_whole

KEY = "t2v_handout"  # in a notebook's metadata: the hash of all the rest


def without_solutions(path, folder):
    """A notebook as it is handed out in a folder: (the notebook, how many solutions were taken out).

    Raises ValueError if an exercise has not exactly one folded solution, so that none is handed out by oversight.
    """
    notebook, count = nbformat.read(path, as_version=4), 0
    kept = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            source, taken = course.SOLUTION.subn("", cell.source)
            count += taken
            if taken and not source.strip():
                continue
            cell.source = links_from(folder, path.parent, source)
        kept.append(cell)
    notebook.cells = kept
    asked = len(course.exercises(path))
    left = sum("<summary>Solution" in cell.source for cell in kept)
    if count != asked or left:
        raise ValueError(f"{path.name}: got {count} solutions that end properly, expected {asked}, one an exercise")
    notebook.metadata[KEY] = fingerprint(notebook)
    return notebook, count


def links_from(folder, old, text):
    """The links of a text in the folder `old` that leave it, as they have to be in another folder."""

    def moved(found):
        words, target = found[1], (old / found[2]).resolve()
        if not folder.resolve().is_relative_to(course.ROOT):
            name = target.relative_to(old.parent.resolve()).as_posix()
            return f"{words} (`{name}` in the course's repository)"
        return f"[{words}]({pathlib.Path(os.path.relpath(target, folder.resolve())).as_posix()})"

    return re.sub(r"\[([^\]]*)\]\((\.\./[^)\s]+)\)", moved, text)


def fingerprint(notebook):
    """A hash of all of a notebook but the hash that stands in it."""
    rest = nbformat.from_dict(notebook)
    rest.metadata = {name: value for name, value in notebook.metadata.items() if name != KEY}
    return hashlib.sha256(nbformat.writes(rest).encode()).hexdigest()


def is_ours(path):
    """Whether a file is a notebook that this tool wrote and that nobody has changed since."""
    try:
        notebook = nbformat.read(path, as_version=4)
        return notebook.metadata.get(KEY) == fingerprint(notebook)
    except Exception:  # no notebook, or no longer one
        return False


def write(paths, folder, overwrite=False):
    """Write the notebooks; yield a line for each. All are read and made before the first is written."""
    if folder.resolve() == (course.ROOT / "notebooks").resolve():
        raise ValueError(f"got {folder}, the course's own notebooks, expected another folder")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"got {folder}, which is a file, expected a folder")
    made = {path.name: without_solutions(path, folder) for path in paths}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (notebook, count) in made.items():
        target = folder / name
        if target.exists() and not overwrite and not is_ours(target):
            yield f"{target}: kept, as it was changed or is not a handout (--overwrite replaces it)"
            continue
        write_whole(target, nbformat.writes(notebook).encode())
        yield f"{target}: written, {count} solutions taken out"


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Write the notebooks without their solutions.", allow_abbrev=False)
    default = course.ROOT / "handout"
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=default, help="where to (default: handout)")
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, help="which notebooks; without any, all of them")
    parser.add_argument("--overwrite", action="store_true", help="also replace files that were changed")
    chosen = parser.parse_args(arguments)
    known = {path.resolve(): path for path in course.NOTEBOOKS}
    try:
        for path in chosen.notebooks:
            if path.resolve() not in known:
                raise ValueError(f"got {path}, expected one of {', '.join(path.name for path in course.NOTEBOOKS)}")
        paths = [known[path.resolve()] for path in chosen.notebooks] or course.NOTEBOOKS
        for line in write(paths, chosen.folder, chosen.overwrite):
            print(line)
    except (ValueError, OSError) as error:
        print(f"handout: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
