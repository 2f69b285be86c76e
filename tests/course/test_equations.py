"""What bears an equation's number in a notebook gives what another computation gives, and a mistake in it is seen."""

import ast

import pytest
import torch
from equation_lines import LINES

from tools import course
from tools.checks.alterations import alterations


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
    exec(code.replace("return ", "result = ", 1) if code.startswith("return") else code, names)
    statement = ast.parse(code).body[0]
    return eval(ast.unparse(statement.targets[0]), names) if isinstance(statement, ast.Assign) else names.get("result")


def check(code, line):
    got = result(code, line)
    if isinstance(line.expected, list) and isinstance(line.expected[0], str):
        assert got == line.expected
    elif line.expected is not None:
        torch.testing.assert_close(got, line.expected, rtol=line.rtol, atol=1e-9, check_dtype=False)


def is_seen(code, line):
    try:
        check(code, line)
    except Exception:  # most give another number, some do not run
        return True
    return False


def code_of(number, i):
    mark = FOUND[number][i]
    return mark.statement if LINES[number][i].call is None else mark.function


@every_line
def test_a_line_gives_what_its_equation_says(number, i):
    check(code_of(number, i), LINES[number][i])


@every_line
def test_a_mistake_in_the_line_is_seen(number, i):
    """Each operator and number altered alone, of which two may change nothing for the numbers given."""
    code, line = code_of(number, i), LINES[number][i]
    if line.wrong:
        assert code.count(line.wrong[0]) == 1 and is_seen(code.replace(*line.wrong), line)
    else:
        own = course.numbers(FOUND[number][i].statement)
        seen = [is_seen(altered, line) for equation, _, altered in alterations(code) if equation in own]
        assert seen.count(True) >= 1 and seen.count(False) <= 2


def test_every_tagged_equation_has_its_lines_and_each_of_them_a_check():
    assert sorted(FOUND) == sorted(TAGS), "a number is used twice, or by no line, or by no equation"
    assert {n: len(lines) for n, lines in LINES.items()} == {n: len(FOUND[n]) for n in TAGS}
