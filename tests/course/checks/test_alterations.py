"""`make alterations`: what it alters, and that the notebooks notice."""

import re
import subprocess
import sys

import nbformat
import pytest

from tools import course
from tools.checks import alterations

EQUATIONS = [path for path in course.NOTEBOOKS if any("# Eq. " in c.source for c in course.cells(path, "code"))]


def run(*arguments):
    """Run the tool in a process of its own, as it forks: (exit code, what it printed)."""
    command = [sys.executable, "-m", "tools.checks.alterations", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=course.ROOT)
    return done.returncode, done.stdout + done.stderr


def test_an_altered_line_of_each_notebook_is_noticed():
    """Of its first equation; `make alterations` takes all, and each of their tokens."""
    code, printed = run("--sample", "1", *EQUATIONS)
    assert code == 0, printed
    assert {*re.findall(r"^noticed .* s  (\d\d) ", printed, re.M)} == {path.stem[:2] for path in EQUATIONS}, printed


def test_which_alterations_are_chosen():
    cells = [nbformat.v4.new_code_cell(f"x = 1 + {n}  # Eq. 9.{n}") for n in (3, 1, 2)]
    chosen = [[alteration[:2] for alteration in job] for job in alterations.chosen_alterations(cells, sample=2)]
    assert chosen == [[("9.3", "x = 2 + 3  # Eq. 9.3")], [("9.1", "x = 2 + 1  # Eq. 9.1")], []]
    assert [len(job) for job in alterations.chosen_alterations(cells)] == [3, 3, 3]


def test_what_no_check_can_see_is_still_made():
    """A line that no notebook has any more would hide another that is written so one day."""
    for number, known in alterations.UNSEEN.items():
        (path,) = (path for path in EQUATIONS if path.stem[:2] == number)
        made = {line for job in alterations.chosen_alterations(course.cells(path, "code")) for _, line, _ in job}
        assert made >= {*known.strip().splitlines()} != set()


def test_alterations_of_a_line():
    source = "def f(x):\n    y = x + 1\n    return 2 * x  # Eq. 9.1\n"
    made = [(equation, line) for equation, line, _ in alterations.alterations(source)]
    assert made == [("9.1", "return 3 * x  # Eq. 9.1"), ("9.1", "return 2 / x  # Eq. 9.1")]
    assert list(alterations.alterations("%pip install course")) == []


@pytest.mark.parametrize(
    "sources, stored, code, says",
    [
        (["x = 1 + 1  # Eq. 1.1", "print(x)"], "2\n", 0, "3 of 3 alterations noticed"),
        (["x = 1 + 1  # Eq. 1.1", "print(2)"], "2\n", 1, "0 of 3 alterations noticed"),
        (["1 / 0", "x = 1 + 1  # Eq. 1.1"], None, 2, "toy.ipynb, cell 0 as it is: ZeroDivisionError"),
    ],
)
def test_what_it_says_of_a_toy(sources, stored, code, says, tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)] if stored else []
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "toy.ipynb")
    found, printed = run(tmp_path / "toy.ipynb")
    assert found == code and says in printed, printed
