"""The handout: the notebooks without their solutions, and nobody's work overwritten."""

import difflib
import re
import shutil

import nbformat
import pytest

from tools import course
from tools.notebooks import handout

FIRST, SECOND = course.NOTEBOOKS[:2]
every_notebook = pytest.mark.parametrize("path", course.NOTEBOOKS, ids=lambda path: path.stem[:2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All notebooks, handed out in a folder outside the repository."""
    made = tmp_path_factory.mktemp("class") / "handout"
    assert handout.main([str(made)]) == 0
    return made


def markdown(path):
    return "\n\n".join(cell.source for cell in course.cells(path, "markdown")).splitlines()


@every_notebook
def test_solutions_are_gone_and_nothing_else_is(path, folder):
    """Stubs and checkers are the notebook's own cells, which tests/exercises and nbval run."""
    before, after = (nbformat.read(p, as_version=4) for p in (path, folder / path.name))
    nbformat.validate(after)
    assert [c for c in after.cells if c.cell_type == "code"] == [c for c in before.cells if c.cell_type == "code"]
    assert after.metadata == before.metadata
    inside, lost = False, []
    for line in difflib.ndiff(markdown(path), markdown(folder / path.name)):
        if line[0] == "-" and "<summary>Solution</summary>" in line:
            inside = True
        elif line[0] in "+-" and not inside and line[2:].strip():
            lost.append(line)
        inside &= not (line[0] == "-" and "</details>" in line)
    linked = [
        line for line in lost if re.search(r"(assets|docs|site)/[\w/-]+\.\w+|in Colab:", line, re.I)
    ]  # links and pictures, in words: see below; badges
    assert lost == linked and bool(linked) == ("](../" in "".join(markdown(path)))
    text, folded = (folder / path.name).read_text(), path.read_text().count("<details>")
    assert "Solution" not in text and text.count("<details>") == folded - len(course.exercises(path))


@every_notebook
def test_links_lead_somewhere_or_name_the_file(path, folder):
    made, _ = handout.without_solutions(path, course.ROOT / "handout")  # beside notebooks/, so its links stay
    kept = [cell.source for cell in course.cells(path) if "solution" not in cell.metadata.get("tags", [])]
    assert [cell.source for cell in made.cells] == [handout.with_advice_for_badges(text) for text in kept]
    assert "Open in Colab" in kept[0] and "Open in Colab" not in made.cells[0].source
    assert not re.search(r"\]\(\.\./", (folder / path.name).read_text())
    deeper = handout.links_from(course.ROOT / "a" / "b", path.parent, "[page](../assets/benchmark.md)")
    assert deeper == "[page](../../assets/benchmark.md)"


def test_what_a_learner_changed_is_kept_without_overwrite(tmp_path, capsys):
    call = [str(tmp_path), FIRST.name, SECOND.name]
    handout.main(call)
    original, work = (tmp_path / FIRST.name).read_bytes(), b"# mine"
    (tmp_path / FIRST.name).write_bytes(work)
    capsys.readouterr()
    assert handout.main(call) == 0
    kept, written = capsys.readouterr().out.splitlines()
    assert f"{FIRST.name}: kept" in kept and f"{SECOND.name}: written" in written
    assert (tmp_path / FIRST.name).read_bytes() == work
    assert handout.main([*call, "--overwrite"]) == 0
    assert (tmp_path / FIRST.name).read_bytes() == original


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    before = {path: path.read_bytes() for path in course.NOTEBOOKS}
    for arguments, words in {
        (str(course.ROOT / "notebooks"),): "the course's own notebooks, expected another folder",
        (str(course.ROOT / "notebooks"), "--overwrite"): "the course's own notebooks, expected another folder",
        (str(tmp_path / "file"),): "File exists",
        (str(tmp_path / "new"), "10_more.ipynb"): "got '10_more.ipynb', expected one of 00_first_video.ipynb",
    }.items():
        assert handout.main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("tools.notebooks.handout: ") and error.count("\n") == 1 and words in error
    assert not (tmp_path / "new").exists() and before == {path: path.read_bytes() for path in course.NOTEBOOKS}


@pytest.mark.parametrize("tags", [[], ["Solution"]])
def test_a_solution_without_its_tag_stops_everything(tags, tmp_path, monkeypatch):
    notebook = nbformat.read(shutil.copy(SECOND, tmp_path), as_version=4)
    next(c for c in notebook.cells if "<summary>Solution" in c.source).metadata["tags"] = tags
    nbformat.write(notebook, tmp_path / SECOND.name)
    monkeypatch.setattr(course, "NOTEBOOKS", [FIRST, tmp_path / SECOND.name])
    assert handout.main([str(tmp_path / "out")]) == 2 and not (tmp_path / "out").exists()
