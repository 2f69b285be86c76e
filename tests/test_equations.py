"""What bears an equation's number in a notebook gives what another computation gives, and a mistake in it is seen."""

import ast
import pathlib
import re
import textwrap

import nbformat
import pytest
import torch
from equations import COVERED, LINES

TESTS = pathlib.Path(__file__).parent
NOTEBOOKS = sorted((TESTS.parent / "notebooks").glob("0[0-8]*.ipynb"))  # 09's are asserted in the notebook itself
SIMPLE = (ast.Assign, ast.Return, ast.Assert, ast.Expr)


def read():
    """The tagged equations, and number -> [(statement, the function around it or None)], as source code."""
    tags, found = [], {}
    for path in NOTEBOOKS:
        chapter = str(int(path.name[:2]))
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                tags += re.findall(r"\\tag\{([\d.]+)\}", cell.source)
            elif "# Eq." in cell.source:
                for number, statement in marked(cell.source):
                    if number.split(".")[0] == chapter:
                        found.setdefault(number, []).append(statement)
    return tags, found


def marked(source):
    """(number, (statement, function)) of each mark in a cell, with whole lines, so that the marks are in them."""
    nodes, lines = list(ast.walk(ast.parse(source))), source.splitlines()
    for at, line in enumerate(lines, 1):
        around = [node for node in nodes if hasattr(node, "end_lineno") and node.lineno <= at <= node.end_lineno]
        for number in re.findall(r"Eq\. (\d+\.\d+)", line.partition("#")[2]):
            parts = []
            for kinds in (SIMPLE, ast.FunctionDef):
                inner = max((node for node in around if isinstance(node, kinds)), key=lambda n: n.lineno, default=None)
                parts.append(inner and textwrap.dedent("\n".join(lines[inner.lineno - 1 : inner.end_lineno])))
            yield number, tuple(parts)


TAGS, FOUND = read()
ALL = [(number, i) for number, lines in LINES.items() for i in range(len(lines))]
every_line = pytest.mark.parametrize("number, i", ALL, ids=[f"{number}-{i}" for number, i in ALL])


def result(code, line):
    """Run a statement, or call the function that it is in; what it gives."""
    names = dict(line.given)
    if line.call is not None:
        exec(code, names)
        return names[ast.parse(code).body[0].name](*line.call)
    statement = ast.parse(code).body[0] if not code.startswith("return") else None
    exec(code if statement else code.replace("return ", "result = ", 1), names)
    if statement is None:
        return names["result"]
    return eval(ast.unparse(statement.targets[0]), names) if isinstance(statement, ast.Assign) else None


def check(code, line):
    got = result(code, line)
    if isinstance(line.expected, str) or (isinstance(line.expected, list) and isinstance(line.expected[0], str)):
        assert got == line.expected
    elif line.expected is not None:
        torch.testing.assert_close(got, line.expected, rtol=line.rtol, atol=1e-9, check_dtype=False)


def code_of(number, i):
    statement, function = FOUND[number][i]
    return statement if LINES[number][i].call is None else function


@every_line
def test_a_line_gives_what_its_equation_says(number, i):
    check(code_of(number, i), LINES[number][i])


@every_line
def test_a_mistake_in_the_line_is_seen(number, i):
    (old, new), code = LINES[number][i].wrong, code_of(number, i)
    statement = FOUND[number][i][0].splitlines()
    assert code.count(old) == 1 and any(old in line for line in statement), f"{old!r} is not once in:\n{code}"
    with pytest.raises(AssertionError):
        check(code.replace(old, new), LINES[number][i])


def test_every_tagged_equation_is_checked_in_every_line_that_bears_its_number():
    assert sorted([*LINES, *COVERED]) == sorted(TAGS), sorted({*LINES, *COVERED} ^ {*TAGS})
    assert {n: len(lines) for n, lines in LINES.items()} == {n: len(FOUND[n]) for n in LINES}


@pytest.mark.parametrize("number", COVERED)
def test_what_is_covered_elsewhere_is_there_and_names_its_equation(number):
    module, name = COVERED[number].split("::")
    source = (TESTS / f"{module}.py").read_text()
    function = next(node for node in ast.parse(source).body if getattr(node, "name", None) == name)
    assert f"Eq. {number}" in ast.get_source_segment(source, function)
