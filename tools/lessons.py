"""Run the long trainings of notebook 08 with its full budget and store what came of them: make lessons.

The notebook itself runs with a short budget, so that tests can run it; the cells are the same. Each lesson is the
notebook's preamble with BUDGET = "full" and the code cells under some of its headings, in a kernel of their own; the
figures that they write are moved to assets/lessons. Usage: python tools/lessons.py [first_model] [new_word] [schedules]
"""

import os
import pathlib
import re
import shutil
import sys
import time

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "08_train_text_to_video.ipynb"
LESSONS = {"first_model": ("1", "2", "3", "4", "5"), "new_word": ("7",), "schedules": ("8",)}  # headings


def cells(headings):
    """The code cells before the first heading, and those under the given ones."""
    current, taken = "", []
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "markdown":
            for number in re.findall(r"^## (\w+)", cell.source, re.M):
                current = number
        elif not current or current in headings:
            taken.append(nbformat.v4.new_code_cell(cell.source.replace('BUDGET = "short"', 'BUDGET = "full"')))
    return taken


def run(name):
    """Run one lesson in runs/, and move its files of figures to assets/lessons."""
    work = ROOT / "runs" / name
    work.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=cells(LESSONS[name]))
    client = NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(work)}})
    client.execute()
    (ROOT / "assets" / "lessons").mkdir(exist_ok=True)
    for file in (work / "runs" / "lessons").glob(f"{name}.*"):
        shutil.copy(file, ROOT / "assets" / "lessons" / file.name)
        print(f"assets/lessons/{file.name}: {file.stat().st_size / 1e3:.0f} kB")


def main(names):
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in names or LESSONS:
        if name not in LESSONS:
            sys.exit(f"lesson {name!r}: expected some of {', '.join(LESSONS)}")
        begin = time.perf_counter()
        run(name)
        print(f"{name}: {(time.perf_counter() - begin) / 60:.1f} minutes")


if __name__ == "__main__":
    main(sys.argv[1:])
