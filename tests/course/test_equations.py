"""What bears an equation's number in a notebook gives what another computation gives, and a mistake in it is seen."""

import ast
import pathlib

import pytest
import torch
from equation_lines import COVERED, LINES

from tools import course

TESTS = pathlib.Path(__file__).parent


def read():
    """The tagged equations, and number -> [the marks in its own notebook]."""
    tags, found = [], {}
    for path in course.NOTEBOOKS:
        for cell in course.cells(path):
            if cell.cell_type == "markdown":
                tags += course.tags(cell.source)
            else:
                for mark in course.marked(cell.source):
                    if mark.number.split(".")[0] == str(int(path.name[:2])):
                        found.setdefault(mark.number, []).append(mark)
    return tags, found


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
    mark = FOUND[number][i]
    return mark.statement if LINES[number][i].call is None else mark.function


@every_line
def test_a_line_gives_what_its_equation_says(number, i):
    check(code_of(number, i), LINES[number][i])


@every_line
def test_a_mistake_in_the_line_is_seen(number, i):
    (old, new), code = LINES[number][i].wrong, code_of(number, i)
    statement = FOUND[number][i].statement.splitlines()
    assert code.count(old) == 1 and any(old in line for line in statement), f"{old!r} is not once in:\n{code}"
    with pytest.raises(AssertionError):
        check(code.replace(old, new), LINES[number][i])


def test_every_tagged_equation_has_its_lines_and_each_of_them_a_check():
    assert sorted(FOUND) == sorted(TAGS), "a number is used twice, or by no line, or by no equation"
    checked = {n for n in TAGS if not n.startswith("9.")}  # 09's are asserted in the notebook itself
    assert {*LINES, *COVERED} == checked and not {*LINES} & {*COVERED}
    assert {n: len(lines) for n, lines in LINES.items()} == {n: len(FOUND[n]) for n in LINES}


@pytest.mark.parametrize("number", COVERED)
def test_what_is_covered_elsewhere_is_there_and_names_its_equation(number):
    module, name = COVERED[number].split("::")
    source = (TESTS / f"{module}.py").read_text()
    function = next(node for node in ast.parse(source).body if getattr(node, "name", None) == name)
    assert f"Eq. {number}" in ast.get_source_segment(source, function)
