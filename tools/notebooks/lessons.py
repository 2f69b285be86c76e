"""Run the long trainings of notebook 08 with its full budget and store their figures: make lessons.

The notebook itself runs with a short budget, so that tests can run it; the cells are the same. A lesson is the
notebook's first cells with BUDGET = "full" and the code cells under some of its headings, in a kernel of its own. By
nbclient, as papermill sets parameters but can't choose sections.

Usage: python -m tools.notebooks.lessons [first_model] [new_word] [schedules]
"""

import os
import re
import shutil
import sys
import time

import nbformat
from nbclient import NotebookClient

from tools import course

NOTEBOOK = course.ROOT / "notebooks" / "08_train_text_to_video.ipynb"
STORED = course.ROOT / "assets" / "lessons"
LESSONS = {"first_model": ("1", "2", "3", "4", "5"), "new_word": ("7",), "schedules": ("8",)}  # headings


def lesson(headings):
    """A notebook of the code cells before the first heading and those under the given ones."""
    current, taken = "", []
    for cell in course.cells(NOTEBOOK):
        if cell.cell_type == "markdown":
            current = (re.findall(r"^## (\w+)", cell.source, re.M) or [current])[-1]
        elif not current or current in headings:
            taken.append(nbformat.v4.new_code_cell(cell.source.replace('BUDGET = "short"', 'BUDGET = "full"')))
    return nbformat.v4.new_notebook(cells=taken)


def main(names):
    if unknown := [name for name in names if name not in LESSONS]:
        sys.exit(f"got lesson {unknown[0]!r}, expected some of {', '.join(LESSONS)}")
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in names or LESSONS:
        begin, work = time.perf_counter(), course.ROOT / "runs" / name
        work.mkdir(parents=True, exist_ok=True)
        NotebookClient(lesson(LESSONS[name]), timeout=None, resources={"metadata": {"path": str(work)}}).execute()
        for file in (work / "runs" / "lessons").glob(f"{name}.*"):
            print(shutil.copy(file, STORED))
        print(f"{name}: {(time.perf_counter() - begin) / 60:.1f} minutes")


if __name__ == "__main__":
    main(sys.argv[1:])
