"""Reads the notebooks, for tools and tests: their cells, equations, marked lines and exercises."""

import ast
import itertools
import pathlib
import re
import textwrap
import typing

import nbformat

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The course's public address, or "": `make address` writes it here, into the badges and into the set-up cells.
REPOSITORY = ""
BRANCH = "main"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# How tools and tests call nbval: the same way as the Makefile.
NBVAL = "--nbval --nbval-current-env --nbval-cell-timeout 300 --nbval-kernel-startup-timeout 300".split()
NBVAL += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
SOLUTION = re.compile(
    r"<details><summary>Solution</summary>(?:(?!```).)*```python\n(.*?)```(?:(?!```).)*</details>", re.S
)  # words may stand before and after the code
SIMPLE = (ast.Assign, ast.Return, ast.Assert, ast.Expr)


class Mark(typing.NamedTuple):
    """A line whose comment names an equation: `# Eq. 7.3`."""

    number: str
    statement: str | None  # the simple statement it is in, as whole lines, with the comment
    function: str | None  # source of the function around it
    name: str  # qualified name of that function: "NoiseSchedule.linear"; "" at the top level


class Exercise(typing.NamedTuple):
    number: str
    name: str  # of the function to write
    stub: str  # source of the cell with the stub and its check
    solution: str | None  # code of the folded solution


def cells(path, kind=None):
    """The cells of a notebook; kind: "markdown" or "code" for these alone."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if kind in (None, cell.cell_type)]


def tags(text):
    r"""The numbers of the equations that a text defines.

    >>> tags(r"$$a = b \tag{1.1}$$ and so, by (1.1), $$b = a \tag{1.2}$$")
    ['1.1', '1.2']
    """
    return re.findall(r"\\tag\{([\d.]+)\}", text)


def numbers(line):
    """The numbers of equations in the comment of a line of code: "  # Eq. 1.6, Eq. 1.7" gives ["1.6", "1.7"]."""
    return re.findall(r"Eq\. (\d+\.\d+)", line.partition("#")[2])


def marked(source):
    """Yield a Mark for each number in the comments of Python source, in order."""
    if "# Eq." not in source:  # also what is not plain Python, such as the set-up cell
        return
    nodes, lines = list(ast.walk(ast.parse(source))), source.splitlines()
    for at, line in enumerate(lines, 1):
        around = [node for node in nodes if hasattr(node, "end_lineno") and node.lineno <= at <= node.end_lineno]
        scopes = [node for node in around if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        name = ".".join(node.name for node in sorted(scopes, key=lambda node: node.lineno))
        for number in numbers(line):
            parts = []
            for kinds in (SIMPLE, ast.FunctionDef):
                inner = max((node for node in around if isinstance(node, kinds)), key=lambda n: n.lineno, default=None)
                parts.append(inner and textwrap.dedent("\n".join(lines[inner.lineno - 1 : inner.end_lineno])))
            yield Mark(number, *parts, name)


def exercises(path):
    """The exercises of a notebook: code cells that call `check`, each with the cell tagged "solution" after it."""
    found = []
    for cell, after in itertools.pairwise(cells(path)):
        asked = re.search(r'^check\("([\d.]+)", (\w+)\)', cell.source, re.M)
        if cell.cell_type == "code" and asked:
            folded = SOLUTION.fullmatch(after.source) if "solution" in after.metadata.get("tags", []) else None
            found.append(Exercise(*asked.groups(), cell.source, folded and folded[1]))
    return found
