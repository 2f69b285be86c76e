"""Alter the course one thing at a time, and see whether the regression notices each: make alterations.

Stored outputs: every number, word and line of every text output, and every output as a whole. nbval compares what a run
gives with what is stored, for equality after sanitising; since `make test-notebooks` says that the two are equal, an
altered copy that nbval tells from the stored one fails there too. So no notebook is run for these.
Source: in every line that carries the number of an equation, each operator and each number; in a notebook without
equations, each comparison that is asserted. The notebook runs once, in one process; before a cell that is altered the
process forks, and the copy runs the altered cell and those after it, until one raises an error or prints what is not
stored.
Pictures, the views of widgets and the bytes of clips are not compared, as under nbval.
Usage: python tools/alterations.py [--one] [--first N] [notebook ...]
(--one: one alteration an equation; --first: of the first N equations of a notebook alone. Both are what CI does.)
Exit code 0 if all are noticed, 1 if one is not, 2 if a notebook does not run as it is.
"""

import argparse
import ast
import copy
import io
import os
import pathlib
import re
import resource
import signal
import sys
import time
import tokenize
import traceback
from types import SimpleNamespace

import course
import nbformat
from alterations_table import COMPARED, EQUIVALENT, SWAPS
from nbval import plugin

PATIENCE = 600  # seconds of computing, more than any notebook takes: what goes on longer hangs, and is noticed
SKIPPED = ("metadata", "output_type", "name", "execution_count", "application/vnd.jupyter.widget-view+json")


def same(one, other):
    """Whether nbval holds two lists of a cell's outputs for the same, with the course's sanitising."""
    patterns = dict(plugin.get_sanitize_patterns((course.ROOT / "tests" / "nbval_sanitize.cfg").read_text()))
    parent = SimpleNamespace(skip_compare=(*SKIPPED, "image/png", "image/jpeg"), sanitize_patterns=patterns)
    cell = SimpleNamespace(parent=parent, colors=plugin.nocolors, format_output_compare=lambda *args: None)
    cell.sanitize = lambda text: plugin.IPyNbCell.sanitize(cell, text)
    one, other = (plugin.coalesce_streams(copy.deepcopy(outputs)) for outputs in (one, other))
    return plugin.IPyNbCell.compare_outputs(cell, one, other)


def altered_texts(text):
    """Copies of a text in which one number or word is another, or one line is missing or stands twice."""
    for found in re.finditer(r"\d+|[^\W\d_]+", text):
        word = found[0]
        other = str(int(word) + 1) if word.isdecimal() else word[:-1] + ("x" if word[-1] != "x" else "y")
        yield text[: found.start()] + other + text[found.end() :]
    lines = text.splitlines(keepends=True)
    for i in range(len(lines)):
        yield "".join(lines[:i] + lines[i + 1 :])
        yield "".join(lines[: i + 1] + lines[i:])


def altered_outputs(outputs):
    """Copies of a cell's outputs in which one text is altered, or one output is missing or new."""
    for i, output in enumerate(outputs):
        yield outputs[:i] + outputs[i + 1 :]
        texts = {"text": output.text} if output.output_type == "stream" else output.get("data", {})
        for kind in ("text", "text/plain", "text/html"):
            text = re.sub("base64,[A-Za-z0-9+/=]+", "base64,", texts.get(kind, ""))
            for other in altered_texts(text):
                changed = copy.deepcopy(output)
                (changed if kind == "text" else changed["data"])[kind] = other
                yield [*outputs[:i], changed, *outputs[i + 1 :]]
    yield [*outputs, nbformat.v4.new_output("stream", name="stdout", text="one line more\n")]


def altered_claims(source):
    """Of a cell without equations: ("claim", line as it is altered, whole source so altered), one comparison at a time.

    >>> [line for _, line, _ in altered_claims("x = 1\\nassert x == 1 and x < 2\\n")]
    ['assert x != 1 and x < 2', 'assert x == 1 and x >= 2']
    """
    lines = source.splitlines(keepends=True)
    if not any(line.lstrip().startswith("assert ") for line in lines):  # also those that are not plain Python
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (row, start), (_, end) = token.start, token.end
        line = lines[row - 1] if row <= len(lines) else ""
        if token.string in COMPARED and line.lstrip().startswith("assert "):
            changed = line[:start] + COMPARED[token.string] + line[end:]
            yield "claim", changed.strip(), "".join([*lines[: row - 1], changed, *lines[row:]])


def altered_sources(source):
    """Of a cell: (number of the equation, line as it is altered, whole source so altered), one token at a time."""
    if "# Eq. " not in source:  # also those that are not plain Python
        return
    lines = source.splitlines(keepends=True)
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for number, equation in (
        (i, m[1]) for i, line in enumerate(lines, 1) if (m := re.search(r"# Eq\. ([\d.]+\d)", line))
    ):
        around = [s for s in statements if s.lineno <= number <= s.end_lineno and not hasattr(s, "body")]
        first, last = (around[-1].lineno, around[-1].end_lineno) if around else (number, number)
        for token in tokens:
            (row, start), (_, end) = token.start, token.end
            other = SWAPS.get(token.string)
            if token.type == tokenize.NUMBER:
                other = str(ast.literal_eval(token.string) + 1)
            if first <= row <= last and other:
                line = lines[row - 1]
                changed = line[:start] + other + line[end:]
                text = "".join([*lines[: row - 1], changed, *lines[row:]])
                try:
                    ast.parse(text)
                except SyntaxError:  # such as the star of an argument
                    continue
                yield equation, changed.strip(), text


def shell():
    """IPython in this process, with pictures drawn as a notebook's are."""
    os.environ.update(MPLBACKEND="module://matplotlib_inline.backend_inline", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    class Hook(DisplayHook):
        """A cell's value is shown as a notebook shows it; as under nbval, a closing semicolon hides nothing."""

        quiet = write_output_prompt = lambda self: None

        def write_format_data(self, format_dict, md_dict=None):
            self.shell.display_pub.publish(format_dict)

    class Shell(InteractiveShell):
        displayhook_class = Type(Hook)

    import tqdm.auto
    import tqdm.notebook

    tqdm.auto.tqdm = tqdm.notebook.tqdm  # as in a kernel
    made = Shell.instance(config=Config(HistoryManager={"enabled": False}))
    made.showtraceback = lambda *args, **kwargs: None
    return made


def complaint(ipython, cell, source):
    """What a run of a cell gives that nbval would not let pass, in words, or None."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        result = ipython.run_cell(source, store_history=False)
    error = result.error_before_exec or result.error_in_exec
    if error:
        return f"{type(error).__name__}: {error}"[:150]
    texts = ({k: v for k, v in out.data.items() if k.startswith("text/")} for out in captured.outputs)
    made = [nbformat.v4.new_output("display_data", text) for text in texts]
    for name, text in (("stdout", captured.stdout), ("stderr", captured.stderr)):
        made += [nbformat.v4.new_output("stream", name=name, text=text)] if text else []
    return None if same(made, cell.outputs) else "outputs differ"


def noticed(ipython, cells, source):
    """Run altered source in place of the first cell, then the others, in a copy of this process; whether it shows."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        code = 0
        try:
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            resource.setrlimit(resource.RLIMIT_CPU, (int(used) + PATIENCE, int(used) + PATIENCE + 5))
            sources = [source, *(cell.source for cell in cells[1:])]
            code = int(any(complaint(ipython, *pair) for pair in zip(cells, sources, strict=True)))
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) in (1, -signal.SIGXCPU, -signal.SIGKILL)


def sweep_outputs(path):
    """(number of alterations of the stored outputs, those that nbval would let pass)."""
    made, passed = 0, []
    for i, cell in enumerate(course.cells(path, "code")):
        for other in altered_outputs(cell.outputs):
            made += 1
            if same(cell.outputs, other):
                passed.append(f"{path.name}, cell {i}: {str(other)[:200]}")
    return made, passed


def chosen_sources(cells, one=False, first=None):
    """For each cell its `altered_sources`, or `altered_claims` where no cell has an equation; one: one of each equation
    (or claims of a cell); first: of so many equations, in their order."""
    alter = altered_sources if any("# Eq. " in cell.source for cell in cells) else altered_claims
    jobs = [list(alter(cell.source)) for cell in cells]
    if one:
        jobs = [list({equation: (equation, *rest) for equation, *rest in reversed(job)}.values()) for job in jobs]
    taken = list(dict.fromkeys(equation for job in jobs for equation, *_ in job))[:first]
    return [[alteration for alteration in job if alteration[0] in taken] for job in jobs]


def sweep_sources(path, one, first=None):
    """(number of alterations of the source, those that no cell noticed); see `chosen_sources`."""
    os.chdir(path.parent)
    ipython, cells, made, passed = shell(), course.cells(path, "code"), 0, []
    jobs = chosen_sources(cells, one, first)
    for i, (cell, job) in enumerate(zip(cells, jobs, strict=True)):
        for equation, line, source in job:
            made += 1
            begin = time.perf_counter()
            seen = noticed(ipython, cells[i:], source)
            known = (path.stem[:2], line) in EQUIVALENT
            outcome = "noticed" if seen else "known" if known else "PASSED"
            what = f"{path.stem[:2]} {equation}: {line}"
            print(f"{outcome:8} {time.perf_counter() - begin:5.1f} s  {what}", flush=True)
            passed += [] if seen or known else [what]
        if not any(jobs[i + 1 :]):
            break
        trouble = complaint(ipython, cell, cell.source)
        if trouble:
            print(f"{path.name}, cell {i} as it is: {trouble}")
            raise SystemExit(2)
    return made, passed


def main(arguments=None):
    parser = argparse.ArgumentParser(description="See whether the regression notices alterations of the notebooks.")
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, help="which; without any, all of them")
    parser.add_argument("--one", action="store_true", help="one alteration of the source an equation")
    parser.add_argument("--first", type=int, metavar="N", help="of the sources, the first N equations of a notebook")
    parser.add_argument("--only", choices=("outputs", "sources"))
    chosen = parser.parse_args(arguments)
    score = [0, []]
    for path in map(pathlib.Path.resolve, chosen.notebooks or course.NOTEBOOKS):
        parts = [] if chosen.only == "sources" else [sweep_outputs(path)]
        parts += [] if chosen.only == "outputs" else [sweep_sources(path, chosen.one, chosen.first)]
        for made, passed in parts:
            score = [score[0] + made, score[1] + passed]
    print(f"{score[0] - len(score[1])} of {score[0]} alterations noticed", *score[1], sep="\n")
    return int(bool(score[1]))


if __name__ == "__main__":
    sys.exit(main())
