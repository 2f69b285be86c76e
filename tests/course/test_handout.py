"""What tools/handout.py hands out: the notebooks less their solutions, with checkers that work, over nobody's edits."""

import difflib
import importlib.util
import io
import re
import shutil
from contextlib import redirect_stdout

import course
import nbformat
import pytest
from wrong_answers import WRONG

spec = importlib.util.spec_from_file_location("handout", course.ROOT / "tools" / "handout.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

FIRST, SECOND = course.NOTEBOOKS[:2]
ALL = [(path, exercise) for path in course.NOTEBOOKS for exercise in course.exercises(path)]
every_notebook = pytest.mark.parametrize("path", course.NOTEBOOKS, ids=lambda path: path.stem[:2])
every_exercise = pytest.mark.parametrize("path, exercise", ALL, ids=[exercise.number for _, exercise in ALL])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All notebooks, handed out in a folder outside of the repository."""
    made = tmp_path_factory.mktemp("class") / "handout"
    assert tool.main([str(made)]) == 0
    return made


def markdown(path):
    return "\n\n".join(cell.source for cell in course.cells(path, "markdown")).splitlines()


@every_notebook
def test_solutions_are_gone_and_nothing_else_is(path, folder):
    before, after = (nbformat.read(p, as_version=4) for p in (path, folder / path.name))
    nbformat.validate(after)
    assert [c for c in after.cells if c.cell_type == "code"] == [c for c in before.cells if c.cell_type == "code"]
    assert {k: v for k, v in after.metadata.items() if k != tool.KEY} == before.metadata
    inside, lost = False, []
    for line in difflib.ndiff(markdown(path), markdown(folder / path.name)):
        if line[0] == "-" and "<summary>Solution</summary>" in line:
            inside = True
        elif line[0] in "+-" and not inside and line[2:].strip():
            lost.append(line)
        inside &= not (line[0] == "-" and "</details>" in line)
    linked = [line for line in lost if re.search(r"(assets|docs)/\w+\.md", line)]  # links, in words: see below
    assert lost == linked and len(linked) == {"00": 4, "09": 2}.get(path.name[:2], 0)
    text = (folder / path.name).read_text()
    assert "Solution" not in text and text.count("<details>") == path.read_text().count("<details>") - len(
        course.exercises(path)
    )


def printed(cell, names):
    out = io.StringIO()
    with redirect_stdout(out):
        exec(cell, names)
    return out.getvalue().strip()


def handed_out(folder, path, exercise):
    """(the exercise's cell, the same without the stub, what the notebook's imports give) from the handout."""
    notebook = folder / path.name
    cell = next(e.stub for e in course.exercises(notebook) if e.number == exercise.number)
    names = {}
    exec(next(c.source for c in course.cells(notebook, "code") if "import check" in c.source), names)
    return cell, cell[cell.index("check(") :], names


@every_exercise
def test_a_stub_says_not_attempted_and_the_right_answer_typed_in_is_right(folder, path, exercise):
    cell, check, names = handed_out(folder, path, exercise)
    assert printed(cell, dict(names)) == f"exercise {exercise.number}: not attempted yet"
    assert printed(f"{exercise.solution}\n\n{check}", names) == f"exercise {exercise.number}: right"


@every_exercise
def test_a_wrong_answer_is_named(folder, path, exercise):
    _, check, names = handed_out(folder, path, exercise)
    for word, answer in WRONG[exercise.number].items():
        said = printed(check, names | {exercise.name: answer})
        assert said.startswith(f"exercise {exercise.number}: not yet: ") and word in said


@every_notebook
def test_links_lead_somewhere_or_say_in_words_what_is_meant(path, folder):
    outside = "\n".join(markdown(folder / path.name))
    made, _ = tool.without_solutions(path, course.ROOT / "handout")
    inside = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    for text, base in ((outside, folder), (inside, course.ROOT / "notebooks")):  # handout/ is beside notebooks/
        for target in re.findall(r"\]\((?!https:|#)([^)\s]+)\)", text):
            assert (base / target).is_file(), target
    assert "](../" not in outside
    deeper = tool.links_from(course.ROOT / "a" / "b", path.parent, "[page](../assets/benchmark.md)")
    assert deeper == "[page](../../assets/benchmark.md)"


def test_what_a_learner_changed_is_kept_until_told_otherwise(tmp_path, capsys):
    tool.main([str(tmp_path), str(FIRST), str(SECOND)])
    notebook = nbformat.read(tmp_path / FIRST.name, as_version=4)
    notebook.cells[4].source += "\n# mine"
    nbformat.write(notebook, tmp_path / FIRST.name)
    edited = (tmp_path / FIRST.name).read_bytes()
    capsys.readouterr()
    assert tool.main([str(tmp_path), str(FIRST), str(SECOND)]) == 0
    kept, written = capsys.readouterr().out.splitlines()
    assert f"{FIRST.name}: kept, as it was changed" in kept and f"{SECOND.name}: written" in written
    assert (tmp_path / FIRST.name).read_bytes() == edited
    assert tool.main([str(tmp_path), str(FIRST), "--overwrite"]) == 0
    assert b"# mine" not in (tmp_path / FIRST.name).read_bytes()


def test_an_output_of_a_learner_s_own_run_is_kept_too(tmp_path):
    tool.main([str(tmp_path), str(FIRST)])
    notebook = nbformat.read(tmp_path / FIRST.name, as_version=4)
    notebook.cells[6].outputs = []
    nbformat.write(notebook, tmp_path / FIRST.name)
    assert "kept" in next(tool.write([FIRST], tmp_path))


def test_a_file_that_nobody_touched_follows_the_course(tmp_path):
    changed = tmp_path / "notebooks" / FIRST.name
    changed.parent.mkdir()
    tool.main([str(tmp_path / "out"), str(FIRST)])
    saved = nbformat.read(tmp_path / "out" / FIRST.name, as_version=4)
    nbformat.write(saved, tmp_path / "out" / FIRST.name)  # as an editor saves it, unchanged
    notebook = nbformat.read(FIRST, as_version=4)
    notebook.cells[0].source += " Changed."
    nbformat.write(notebook, changed)
    assert "written" in next(tool.write([changed], tmp_path / "out"))
    assert " Changed." in (tmp_path / "out" / FIRST.name).read_text()


@pytest.mark.parametrize("content", [b"", b"not a notebook", b"{}"])
def test_a_file_that_is_no_handout_is_kept(content, tmp_path):
    (tmp_path / FIRST.name).write_bytes(content)
    assert "kept" in next(tool.write([FIRST], tmp_path))
    assert (tmp_path / FIRST.name).read_bytes() == content


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    before = {path: path.read_bytes() for path in course.NOTEBOOKS}
    for arguments, words in {
        (str(course.ROOT / "notebooks"),): "the course's own notebooks, expected another folder",
        (str(course.ROOT / "notebooks"), "--overwrite"): "the course's own notebooks, expected another folder",
        (str(tmp_path / "file"),): "which is a file, expected a folder",
        (str(tmp_path / "new"), "10_more.ipynb"): "got 10_more.ipynb, expected one of 00_first_video.ipynb",
    }.items():
        assert tool.main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("handout: ") and error.count("\n") == 1 and words in error
    assert not (tmp_path / "new").exists() and before == {path: path.read_bytes() for path in course.NOTEBOOKS}


@pytest.mark.parametrize(
    "old, new", [("</details>", ""), ("Solution</summary>", "Solution: </summary>"), ("```py", "")]
)
def test_a_solution_that_would_stay_stops_everything(old, new, tmp_path):
    copy = shutil.copy(SECOND, tmp_path)
    notebook = nbformat.read(copy, as_version=4)
    cell = next(c for c in notebook.cells if "<summary>Solution" in c.source)
    cell.source = cell.source.replace(old, new, 1)
    nbformat.write(notebook, copy)
    with pytest.raises(ValueError, match=r"got \d solutions that end properly, expected 3"):
        list(tool.write([FIRST, tmp_path / SECOND.name], tmp_path / "out"))
    assert not (tmp_path / "out").exists()
