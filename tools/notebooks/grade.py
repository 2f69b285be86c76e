"""Grade a folder of students' notebooks by the course's own checkers: make grade FOLDER=students.

A notebook runs from top to bottom in a kernel of its own, whatever fails on the way, in an empty folder and without a
GPU. After each cell that calls `check`, the grader asks the kernel for the verdict itself, from a copy of the checkers
made before the first cell ran. So what a cell prints counts for nothing, and neither does a student's own `check`. A
cell that ends the kernel or can't be stopped is left out of another run.

Nothing else is protected: a student's code runs with your rights on this machine. It can read your files and the
checkers, and it can alter what the checkers rely on. If you wouldn't run it yourself, grade in a container.

The table has a row for each notebook, with a point for each exercise that is right, and the first likely mistake.

Exit code: 0 the table is written, 2 bad input.
"""

import ast
import contextlib
import csv
import io
import os
import pathlib
import queue
import re
import secrets
import subprocess
import sys
import tempfile
import time
import typing
import warnings

import nbformat
from jupyter_client import KernelManager

from t2v_helpers._support.command import Parser, positive, run
from t2v_helpers._support.files import appears_by_itself, check_file, write_whole
from tools import course

CALL = re.compile(r"""^\s*(?:\w+\.)*check\(\s*["']([\d.]+)["']\s*,\s*(\w+)\s*\)""", re.M)
COPY = """
import builtins, types
from t2v_helpers import exercises
builtins.NAME = types.FunctionType(
    exercises.verdict.__code__, vars(exercises) | {"CHECKERS": dict(exercises.CHECKERS)}
)
del builtins, types, exercises
"""
START, STOP = 120, 10  # seconds that a kernel has to start, and to stop after an interrupt
CELLS = 10  # a notebook may take as long as so many of the longest cells
STOPPED = "it stopped with"
NO_MISTAKE = ("not attempted yet", "right")


class Lost(Exception):
    """The kernel ended, or doesn't react; `at` is the cell, or the exercise, that was running."""


class Graded(typing.NamedTuple):
    student: str
    file: str
    notebook: str  # "" if it is none of the course's
    points: dict  # number of an exercise -> 1 or 0
    remarks: str


@contextlib.contextmanager
def kernel():
    """Start a kernel; gives ask(code, seconds, expression) -> what went wrong or "", and the expression's value."""
    with tempfile.TemporaryDirectory() as folder:
        paths = os.pathsep.join(filter(None, [str(course.ROOT), os.environ.get("PYTHONPATH")]))
        shielded = {"HOME": folder, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        manager = KernelManager(kernel_name="python3")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        manager.start_kernel(cwd=folder, env=os.environ | shielded, **quiet)
        client = manager.client()
        client.start_channels(iopub=False, stdin=False)  # nobody reads what is printed

        def ask(code, seconds, expression="None"):
            sent = client.execute(code, user_expressions={"it": expression}, allow_stdin=False, stop_on_error=False)
            end, late = time.monotonic() + seconds, f"it took longer than {seconds:.0f} s"
            interrupted = False
            while True:
                with contextlib.suppress(queue.Empty):
                    reply = client.get_shell_msg(timeout=min(1, seconds))
                    if reply["parent_header"].get("msg_id") == sent:
                        break
                if not manager.is_alive():
                    raise Lost("it ended the kernel")
                if time.monotonic() > end + STOP:
                    raise Lost(f"{late} and could not be stopped")
                if time.monotonic() > end and not interrupted:
                    manager.interrupt_kernel()
                    interrupted = True
            answer = reply["content"]
            value = answer.get("user_expressions", {}).get("it", answer)
            if interrupted:
                return late, None
            if "ename" in value:
                return f"{STOPPED} {value['ename']}: {value['evalue']}", None
            return "", ast.literal_eval(value["data"]["text/plain"])

        try:
            yield ask
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def run_through(cells, names, seconds, end, left_out):
    """Run code cells in one kernel: the best verdict on each exercise, and what went wrong in which cell.

    `names` has the function of each exercise, for a student who deleted the call of `check`; `left_out` says why
    a cell, or an exercise that is checked at the end, is not run.
    """
    verdicts, troubles, verdict = {}, {}, f"verdict_{secrets.token_hex(8)}"

    def judge(number, name, trouble):
        value = None
        if not trouble or trouble.startswith(STOPPED):
            failed, value = ask("", seconds, f"{verdict}({number!r}, {name})")
            trouble = trouble or failed
        if verdicts.get(number) != "right":
            verdicts[number] = value or f"not yet: {trouble}"

    with kernel() as ask:
        at = 0
        try:
            ask(COPY.replace("NAME", verdict), START)
            for at, source in cells.items():
                trouble, left = left_out.get(at, ""), min(seconds, end - time.monotonic())
                if not trouble:
                    trouble = ask(source, left)[0] if left > 0 else "it was not run: the notebook took too long"
                if trouble:
                    troubles[at] = trouble
                for number, name in CALL.findall(source):
                    if number in names:
                        judge(number, name, trouble)
            for at, name in names.items():
                if at not in verdicts:
                    judge(at, name, left_out.get(at, ""))
        except Lost as lost:
            lost.at = at
            raise
    return {number: verdicts[number] for number in names}, troubles


def results(path, seconds):
    """The course's notebook that a file is, {number: verdict} and {code cell: what went wrong}.

    Raises:
        ValueError: The file is not a notebook, or none of the course's.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about cells without an id
            sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    except Exception as error:  # whatever a file may hold
        raise ValueError(f"not a notebook ({type(error).__name__})") from None
    asked = {number for source in sources for number, _ in CALL.findall(source)}
    known = {original: {e.number: e.name for e in course.exercises(original)} for original in course.NOTEBOOKS}
    original = max(known, key=lambda each: (len(asked & known[each].keys()), each.stem in path.stem))
    if not asked & known[original].keys() and original.stem not in path.stem:
        raise ValueError("none of the course's notebooks: it checks no exercise")
    end, left_out = time.monotonic() + CELLS * seconds, {}
    while True:
        try:
            return original.stem, *run_through(dict(enumerate(sources, 1)), known[original], seconds, end, left_out)
        except Lost as lost:
            if not lost.at:
                raise OSError(f"the kernel did not start: {lost}") from None
            left_out[lost.at] = str(lost)


def graded(path, folder, seconds):
    """A row of the table."""
    file = path.relative_to(folder).as_posix()
    try:
        notebook, verdicts, troubles = results(path, seconds)
    except ValueError as error:
        return Graded(file, file, "", {}, str(error))
    student = file.removesuffix(".ipynb").replace(notebook, "").strip("/ _-.") or file
    mistakes = [f"{n}: {said.removeprefix('not yet: ')}" for n, said in verdicts.items() if said not in NO_MISTAKE]
    remarks = mistakes[:1] + [f"cell {at}: {said}" for at, said in troubles.items()][:1]
    points = {number: int(said == "right") for number, said in verdicts.items()}
    return Graded(student, file, notebook, points, "; ".join(" ".join(remark.split()) for remark in remarks))


def table(rows):
    """The rows as CSV, with a column for each exercise of the notebooks that were handed in."""
    numbers = sorted({number for row in rows for number in row.points}, key=lambda n: [int(p) for p in n.split(".")])
    writer = csv.writer(text := io.StringIO(), lineterminator="\n")
    writer.writerow(["student", "file", "notebook", *numbers, "total", "of", "remarks"])
    for row in rows:
        points = [row.points.get(number, "") for number in numbers]
        total = [sum(row.points.values()), len(row.points)]
        writer.writerow([row.student, row.file, row.notebook, *points, *total, row.remarks])
    return text.getvalue().encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8


def work(args):
    if not args.folder.is_dir():
        raise ValueError(f"{args.folder} is not a folder, expected one with students' notebooks")
    files = [path for path in sorted(args.folder.rglob("*.ipynb")) if path.is_file()]
    files = [path for path in files if not any(map(appears_by_itself, [path, *path.parents]))]
    if not files:
        raise ValueError(f"{args.folder} has no notebooks (*.ipynb), expected those of students")
    if args.output.exists() and not args.overwrite:
        raise FileExistsError(f"{str(args.output)!r} exists already, expected a new name, or --overwrite")
    check_file(args.output)
    rows = []
    for path in files:
        rows.append(row := graded(path, args.folder, args.seconds))
        print(f"{row.file}: {sum(row.points.values())} of {len(row.points)}  {row.remarks}".rstrip(), flush=True)
    write_whole(args.output, table(rows))
    print(f"{args.output}: written, {len(rows)} notebooks")


def main(arguments=None):
    parser = Parser("tools.notebooks.grade", "Run students' notebooks and write a table of points.", __doc__)
    parser.add_argument("folder", type=pathlib.Path, help="students' notebooks, in it or in folders below it")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("grades.csv"), help="default: grades.csv")
    parser.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    about = "most for a cell, and a tenth of what a notebook may take; default: 120"
    parser.add_argument("--seconds", type=positive, default=120.0, help=about)
    return run(parser, work, arguments)


if __name__ == "__main__":
    sys.exit(main())
