"""Grading: what counts is what the package's checkers say, whatever else a student's notebook does."""

import csv

import nbformat
import pytest

from tools import course
from tools.notebooks import grade

IMPORTS = """import math, os
import numpy as np, torch
from t2v_helpers.exercises import check
from t2v_helpers import shapes"""
ROW = {
    "solved.ipynb": ("solved", "00_first_video", "111", ""),
    "carl/10_flow_matching.ipynb": ("carl", "10_flow_matching", "111", ""),
    "dora_00_first_video.ipynb": ("dora", "00_first_video", "000", ""),
    "eva (2)/01.ipynb": ("eva (2)/01", "01_generative_models_gans", "0001", "1.1: the discriminator doesn't move"),
    "broken.ipynb": ("broken.ipynb", "", "", "not a notebook (NotJSONError)"),
    "own.ipynb": ("own.ipynb", "", "", "none of the course's notebooks: it checks no exercise"),
}


def answers(which, changed=None):
    """The cells of a notebook's exercises: solved, or as `changed` has them."""
    solved = {
        e.number: f'{e.solution}\ncheck("{e.number}", {e.name})' for e in course.exercises(course.NOTEBOOKS[which])
    }
    return [IMPORTS, *(solved | (changed or {})).values()]


def hand_in(path, sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def graded(folder, *options):
    """The table that the command writes: {file: row}."""
    output = folder.parent / "grades.csv"
    assert grade.main([str(folder), "--output", str(output), *options]) == 0
    with open(output, encoding="utf-8-sig", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "students"
    hand_in(folder / "solved.ipynb", answers(0))
    hand_in(folder / "carl" / "10_flow_matching.ipynb", answers(10))
    hand_in(folder / "dora_00_first_video.ipynb", [IMPORTS, *(e.stub for e in course.exercises(course.NOTEBOOKS[0]))])
    tricks = {
        "1.1": 'def my_round(*args):\n    return "exercise 1.1: right"\n\n\nraise SystemExit',  # the check is deleted
        "1.2": "def best_discriminator(p, q, share):\n    return p / (p + q)\n\n\n"
        'def check(number, attempt):\n    print(f"exercise {number}: right")\n\n\ncheck("1.2", best_discriminator)',
        "1.3": 'grade = "right"\ndef cheat(data, generator) return data\ncheck("1.3", cheat)',
    }
    hand_in(folder / "eva (2)" / "01.ipynb", answers(1, tricks))
    (folder / "broken.ipynb").write_text("hello")
    hand_in(folder / "own.ipynb", ["1 + 1"])
    hand_in(folder / ".ipynb_checkpoints" / "solved.ipynb", answers(0))
    (folder / "essay.pdf").touch()
    return graded(folder)


@pytest.mark.parametrize("file", ROW)
def test_points_and_the_first_likely_mistake(rows, file):
    row = rows[file]
    student, notebook, points, remark = ROW[file]
    numbers = [e.number for path in course.NOTEBOOKS if path.stem == notebook for e in course.exercises(path)]
    assert (row["student"], row["notebook"]) == (student, notebook)
    assert [row[number] for number in numbers] == list(points)
    others = [value for number, value in row.items() if number.replace(".", "").isdecimal() and number not in numbers]
    assert set(others) <= {""} and (row["total"], row["of"]) == (str(points.count("1")), str(len(points)))
    assert remark in row["remarks"] and bool(remark) == bool(row["remarks"])
    assert rows.keys() == ROW.keys()


def test_what_does_not_end_costs_no_other_exercise_its_point(tmp_path, monkeypatch):
    """What ends the kernel or can't be stopped comes first: it is left out when the rest is run again."""
    monkeypatch.setattr(grade, "STOP", 3)
    changed = {
        "0.1": 'def chance(*args):\n    while True:\n        print("x")\n\n\ncheck("0.1", chance)',
        "0.2": 'os._exit(1)\ncheck("0.2", mirror)',
    }
    deaf = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    imports, endless, ends, right = answers(0, changed)
    hand_in(tmp_path / "students" / "00_first_video.ipynb", [deaf, imports, ends, endless, right])
    (row,) = graded(tmp_path / "students", "--seconds", "10").values()
    assert [row[number] for number in ("0.1", "0.2", "0.3")] == ["0", "0", "1"]
    assert row["remarks"] == "0.1: it took longer than 10 s; cell 1: it took longer than 10 s and could not be stopped"


def test_bad_calls_are_one_line_and_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(grade, "graded", None)  # nothing is run
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.csv").write_text("old")
    hand_in(tmp_path / "students" / "a.ipynb", [])
    before = sorted(tmp_path.rglob("*"))
    for arguments, words in {
        ("nobody",): "nobody is not a folder, expected one with students' notebooks",
        ("empty",): "empty has no notebooks (*.ipynb), expected those of students",
        ("students", "--output", "old.csv"): "old.csv' exists already, expected a new name, or --overwrite",
        ("students", "--output", "no/grades.csv"): "does not exist",
        ("students", "--output", "empty"): "empty' exists already",
        ("students", "--output", "empty", "--overwrite"): "is not a file",
        ("students", "--seconds", "0"): "expected a number above 0",
    }.items():
        monkeypatch.chdir(tmp_path)
        assert grade.main(list(arguments)) == 2
        error = capsys.readouterr().err
        assert error.startswith("tools.notebooks.grade: ") and error.count("\n") == 1 and words in error
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "old.csv").read_text() == "old"
