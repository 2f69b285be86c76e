"""The regression notices: of every notebook, each text that is stored and each equation's line is altered in a copy."""

import re
import subprocess
import sys

import alterations
import course
import nbformat
import pytest

every_notebook = pytest.mark.parametrize("path", course.NOTEBOOKS, ids=lambda path: path.stem[:2])


@every_notebook
def test_each_altered_output_is_told_from_the_stored_one(path):
    made, passed = alterations.sweep_outputs(path)
    assert made > 100 and passed == []


@every_notebook
def test_every_cell_is_compared(path):
    """No cell is exempted from nbval's comparison, by its source, its tags or a missing run."""
    for cell in course.cells(path, "code"):
        assert "NBVAL" not in cell.source and not cell.metadata.get("tags")
        assert cell.execution_count is not None
        assert alterations.same(cell.outputs, cell.outputs)


@pytest.mark.long
@every_notebook
def test_an_altered_line_of_each_equation_is_noticed(path):
    """In a process that forks before each alteration. But for notebook 02 of the first equations alone, for time:
    `make alterations` takes them all, and each of their tokens. (Of notebook 00, which has no equation, its claims.)"""
    command = [sys.executable, course.ROOT / "tools" / "alterations.py", "--one", "--only", "sources", path]
    done = subprocess.run(command + ["--first", "3"] * (path.stem[:2] != "02"), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"of (\d+) alterations noticed", done.stdout)[1]) >= 2, "hardly any was made"


def test_what_stands_for_a_run_of_nbval_is_what_nbval_says(tmp_path):
    """Cells whose outputs are altered fail under nbval itself, as `make test` calls it, and no others do."""
    sound = nbformat.v4.new_output("stream", name="stdout", text="alpha 1\nbeta 2\n")
    copies = [[sound], *list(alterations.altered_outputs([sound]))]
    cells = [nbformat.v4.new_code_cell("print('alpha 1\\nbeta 2')", outputs=o, execution_count=1) for o in copies]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "altered.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *course.NBVAL, tmp_path / "altered.ipynb"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=course.ROOT)
    assert f"{len(copies) - 1} failed, 1 passed" in done.stdout, done.stdout[-2000:]
    assert [alterations.same([sound], other) for other in copies] == [True] + [False] * (len(copies) - 1)
    assert f"NBVAL := {' '.join(course.NBVAL)}\n" in (course.ROOT / "Makefile").read_text()


def test_which_alterations_are_chosen():
    cells = [nbformat.v4.new_code_cell(f"x = 1 + {n}  # Eq. 9.{n}") for n in (3, 1, 2)]
    chosen = [
        [(equation, line) for equation, line, _ in job] for job in alterations.chosen_sources(cells, one=True, first=2)
    ]
    assert chosen == [[("9.3", "x = 2 + 3  # Eq. 9.3")], [("9.1", "x = 2 + 1  # Eq. 9.1")], []]
    assert [len(job) for job in alterations.chosen_sources(cells)] == [3, 3, 3]


def test_a_notebook_without_equations_has_its_claims_altered():
    cells = [
        nbformat.v4.new_code_cell(source) for source in ("%pip x", "x = 1 < 2", "assert x == 1\nassert 0 < x <= 1")
    ]
    jobs = alterations.chosen_sources(cells)
    assert [[line for _, line, _ in job] for job in jobs] == [
        [],
        [],
        ["assert x != 1", "assert 0 >= x <= 1", "assert 0 < x > 1"],
    ]
    assert jobs[2][0][2] == "assert x != 1\nassert 0 < x <= 1"
    assert [len(job) for job in alterations.chosen_sources(cells, one=True)] == [0, 0, 1]


def test_what_nobody_can_see_is_still_made():
    """A line that no notebook has any more would hide another that is written so one day."""
    jobs = {path.stem[:2]: alterations.chosen_sources(course.cells(path, "code")) for path in course.NOTEBOOKS}
    made = {(number, line) for number, cells in jobs.items() for job in cells for _, line, _ in job}
    assert made >= alterations.EQUIVALENT != set()


def test_alterations_of_a_line():
    source = "def f(x):\n    y = x + 1\n    return 2 * x  # Eq. 9.1\n"
    made = [(equation, line) for equation, line, _ in alterations.altered_sources(source)]
    assert made == [("9.1", "return 3 * x  # Eq. 9.1"), ("9.1", "return 2 / x  # Eq. 9.1")]
    assert list(alterations.altered_sources("%pip install course")) == []


@pytest.fixture
def toy(tmp_path):
    def toy(*sources, outputs):
        cells = [
            nbformat.v4.new_code_cell(source, outputs=stored, execution_count=1)
            for source, stored in zip(sources, outputs, strict=True)
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "toy.ipynb")
        command = [
            sys.executable,
            course.ROOT / "tools" / "alterations.py",
            "--only",
            "sources",
            tmp_path / "toy.ipynb",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return toy


def test_an_alteration_that_nothing_notices_is_reported(toy):
    printed = nbformat.v4.new_output("stream", name="stdout", text="2\n")
    code, said = toy("x = 1 + 1  # Eq. 1.1", "print(x)", outputs=[[], [printed]])
    assert code == 0 and "3 of 3 alterations noticed" in said
    code, said = toy("x = 1 + 1  # Eq. 1.1", "y = 2", outputs=[[], []])
    assert code == 1 and "0 of 3 alterations noticed" in said


def test_a_notebook_that_does_not_run_as_it_is_stored_is_an_error(toy):
    code, said = toy("1 / 0", "x = 1 + 1  # Eq. 1.1", outputs=[[], []])
    assert code == 2 and "toy.ipynb, cell 0 as it is: ZeroDivisionError" in said
