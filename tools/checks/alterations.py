"""Alter the notebooks' equations one token at a time, and see whether the notebook notices: make alterations.

Each operator and each number of a line marked with an equation's number is altered. The notebook runs once, in one
process. Before a cell that is altered the process forks, and the copy runs the altered cell and the cells after it,
until one raises an error or prints something other than what is stored. Pictures, widgets and the bytes of clips are
not compared, as under nbval.

Usage: python -m tools.checks.alterations [--sample N] [notebook ...]
Exit code 0 if every alteration is noticed, 1 if one is not, 2 if a notebook does not run as it is.
"""

import argparse
import ast
import collections
import contextlib
import io
import os
import pathlib
import re
import signal
import sys
import time
import tokenize

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbval.plugin import get_sanitize_patterns
from traitlets.config import Config

from tools import course

PATIENCE = 1200  # seconds, more than any notebook takes: an alteration that hangs is noticed
SWAPS = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*", "@": "*"}
SWAPS |= {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
SANITIZE = get_sanitize_patterns((course.ROOT / "tests" / "nbval_sanitize.cfg").read_text())
# Altered lines that no check can see, by the number of the notebook.
UNSEEN = {
    # (3.1) is the formula that is shown to be wrong, and gives noise; so does noise of another sign or step.
    "03": """
printed = keep * printed + add * eta  # Eq. 3.1
known = keep * known + add * etas[t - 1]  # Eq. 3.1 with the very noise that was added
known = keep * known - add * etas[t - 2]  # Eq. 3.1 with the very noise that was added
""",
    # There are as many samples as data.
    "05": """
density = inside.float().sum(1).mean() / k  # Eq. 5.2
""",
}


def alterations(source):
    """Yield (equation, altered line, altered source of the whole cell), one token of a marked statement at a time."""
    if "# Eq. " not in source:  # the set-up cell isn't plain Python
        return
    lines = source.splitlines(keepends=True)
    statements = [s for s in ast.walk(ast.parse(source)) if isinstance(s, ast.stmt) and not hasattr(s, "body")]
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for at, marked in enumerate(lines, 1):
        around = [(s.lineno, s.end_lineno) for s in statements if s.lineno <= at <= s.end_lineno] or [(at, at)]
        for token in tokens if course.numbers(marked) else []:
            (row, start), (_, end) = token.start, token.end
            other = SWAPS.get(token.string)
            if token.type == tokenize.NUMBER:
                other = str(ast.literal_eval(token.string) + 1)
            if around[-1][0] <= row <= around[-1][1] and other:
                line = lines[row - 1][:start] + other + lines[row - 1][end:]
                text = "".join([*lines[: row - 1], line, *lines[row:]])
                with contextlib.suppress(SyntaxError):  # such as the star of an argument
                    ast.parse(text)
                    yield course.numbers(marked)[0], line.strip(), text


def chosen_alterations(cells, sample=None):
    """The alterations of each cell; sample: only one alteration of each of the first `sample` equations."""
    jobs = [list(alterations(cell.source)) for cell in cells]
    if sample:
        jobs = [list({equation: (equation, *rest) for equation, *rest in reversed(job)}.values()) for job in jobs]
        taken = list(dict.fromkeys(equation for job in jobs for equation, *_ in job))[:sample]
        jobs = [[alteration for alteration in job if alteration[0] in taken] for job in jobs]
    return jobs


def shell():
    """IPython in this process, which draws pictures and progress bars as a kernel does."""
    os.environ.update(MPLBACKEND="module://matplotlib_inline.backend_inline", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    import tqdm.auto
    import tqdm.notebook

    tqdm.auto.tqdm = tqdm.notebook.tqdm
    made = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    made.showtraceback = lambda *args, **kwargs: None
    return made


def compared(outputs):
    """What nbval compares of a cell's outputs, sanitized: stream or MIME type -> text."""
    found = collections.defaultdict(str)
    for output in outputs:
        for kind, text in ({output.name: output.text} if output.output_type == "stream" else output.data).items():
            if kind in ("stdout", "stderr") or kind.startswith("text/"):
                for pattern, replacement in SANITIZE:
                    text = re.sub(pattern, replacement, text)
                found[kind] += text
    return found


def complaint(ipython, cell, source):
    """Run a cell with the given source; what is wrong with its outcome, or None."""
    with capture_output() as captured:
        ipython.display_trap.hook = sys.displayhook  # capture_output's: as under nbval, a semicolon hides no value
        result = ipython.run_cell(source, store_history=False)
    error = result.error_before_exec or result.error_in_exec
    if error:
        return f"{type(error).__name__}: {error}"[:150]
    data = (
        {kind: text for kind, text in output.data.items() if kind.startswith("text/")} for output in captured.outputs
    )
    made = [nbformat.v4.new_output("display_data", some) for some in data]
    for name in ("stdout", "stderr"):
        text = getattr(captured, name)
        made += [nbformat.v4.new_output("stream", name=name, text=text)] if text else []
    return None if compared(made) == compared(cell.outputs) else "outputs differ"


def noticed(ipython, cells, source):
    """Whether altered source in the first cell shows in this cell or a later one; runs them in a fork."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (1, -signal.SIGALRM)
    signal.alarm(PATIENCE)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    code = 1  # also of what ends the cell unexpectedly
    try:
        sources = [source, *(cell.source for cell in cells[1:])]
        code = int(any(complaint(ipython, *pair) for pair in zip(cells, sources, strict=True)))
    finally:
        os._exit(code)


def sweep(path, sample=None):
    """Try the alterations of a notebook and print each: (how many were made, those that nothing noticed)."""
    os.chdir(path.parent)
    ipython, cells, made, passed = shell(), course.cells(path, "code"), 0, []
    jobs = chosen_alterations(cells, sample)
    for i, (cell, job) in enumerate(zip(cells, jobs, strict=True)):
        for equation, line, source in job:
            made += 1
            begin = time.perf_counter()
            seen = noticed(ipython, cells[i:], source)
            outcome = "noticed" if seen else "known" if line in UNSEEN.get(path.stem[:2], "").splitlines() else "PASSED"
            what = f"{path.stem[:2]} {equation}: {line}"
            print(f"{outcome:8} {time.perf_counter() - begin:5.1f} s  {what}", flush=True)
            passed += [what] if outcome == "PASSED" else []
        if not any(jobs[i + 1 :]):
            break
        if trouble := complaint(ipython, cell, cell.source):
            print(f"{path.name}, cell {i} as it is: {trouble}")
            raise SystemExit(2)
    return made, passed


def main(arguments=None):
    parser = argparse.ArgumentParser(description="See whether the notebooks notice altered equations.")
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, help="which notebooks; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="one alteration of each of the first N equations")
    chosen = parser.parse_args(arguments)
    paths = [path.resolve() for path in chosen.notebooks] or course.NOTEBOOKS
    results = [sweep(path, chosen.sample) for path in paths]
    made, passed = sum(count for count, _ in results), [what for _, some in results for what in some]
    print(f"{made - len(passed)} of {made} alterations noticed", *passed, sep="\n")
    return int(bool(passed))


if __name__ == "__main__":
    sys.exit(main())
