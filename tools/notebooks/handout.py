"""Write the notebooks without the exercises' solutions, for a class: make handout.

Cells tagged "solution" are removed; everything else stays, stored outputs included, and the checkers work. Links that
leave the notebooks' folder are adapted to the new folder; outside this repository, they become the name of the file. A
notebook runs wherever t2v_helpers can be imported (the environment of `make lab`), or in Colab through its set-up cell.
"""

import os
import pathlib
import re
import sys

import nbformat
from nbconvert.preprocessors import TagRemovePreprocessor

from t2v_helpers._support.command import Parser, run
from t2v_helpers._support.files import write_whole
from tools import course
from tools.notebooks.address import LINE


def without_solutions(path, folder):
    """The notebook as it is handed out in a folder, and how many solutions were removed.

    Raises:
        ValueError: An exercise has no cell tagged "solution" after it, or a solution has no tag.
    """
    notebook = nbformat.read(path, as_version=4)
    before, asked = len(notebook.cells), len(course.exercises(path))
    TagRemovePreprocessor(enabled=True, remove_cell_tags={"solution"}).preprocess(notebook, {})
    removed = before - len(notebook.cells)
    if removed != asked or any("<summary>Solution" in cell.source for cell in notebook.cells):
        raise ValueError(f'{path.name}: got {removed} cells tagged "solution", expected {asked}, one per exercise')
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links_from(folder, path.parent, with_advice_for_badges(cell.source))
    return notebook, removed


def with_advice_for_badges(text):
    """A badge opens the course's own notebook, with its solutions: in a handout it gives way to what to do in Colab."""
    return LINE.sub("*In Colab: File → Upload notebook.*", text)


def links_from(folder, old, text):
    """Adapt the links of a text that leave its folder `old`, so that they lead to the same files from `folder`."""

    def moved(found):
        words, target = found[1], (old / found[2]).resolve()
        if not folder.resolve().is_relative_to(course.ROOT):
            name = target.relative_to(old.parent.resolve()).as_posix()
            return f"{words} (`{name}` in the course's repository)"
        return f"[{words}]({pathlib.Path(os.path.relpath(target, folder.resolve())).as_posix()})"

    return re.sub(r"\[([^\]]*)\]\((\.\./[^)\s]+)\)", moved, text)


def write(args):
    """Write the notebooks. Nothing is written before all of them are read and checked."""
    folder, known = args.folder, [path.name for path in course.NOTEBOOKS]
    if unknown := [name for name in args.names if name not in known]:
        raise ValueError(f"got {unknown[0]!r}, expected one of {', '.join(known)}")
    if folder.resolve() == (course.ROOT / "notebooks").resolve():
        raise ValueError(f"got {folder}, the course's own notebooks, expected another folder")
    paths = [path for path in course.NOTEBOOKS if path.name in (args.names or path.name)]
    made = {path.name: without_solutions(path, folder) for path in paths}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (notebook, removed) in made.items():
        target, data = folder / name, nbformat.writes(notebook).encode()
        if target.exists() and target.read_bytes() != data and not args.overwrite:
            print(f"{target}: kept, because it differs and may hold someone's work (--overwrite replaces it)")
        else:
            write_whole(target, data)
            print(f"{target}: written, {removed} solutions removed")


def main(arguments=None):
    parser = Parser("tools.notebooks.handout", "Write the notebooks without their solutions.")
    folder = course.ROOT / "handout"
    about = "target folder, named before the notebooks; default: handout"
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=folder, help=about)
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="file names, after the folder; default: all")
    parser.add_argument("--overwrite", action="store_true", help="also replace files that differ")
    return run(parser, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
