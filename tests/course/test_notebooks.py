"""What every notebook of the course has to look like; that they run is nbval's business (make test-notebooks)."""

import re
import statistics

import nbformat
import pytest

from tools import course

READ = {path.name: nbformat.read(path, as_version=4) for path in course.NOTEBOOKS}
every_notebook = pytest.mark.parametrize("name", READ)


def code_cells(name):
    return [cell for cell in READ[name].cells if cell.cell_type == "code"]


def prose(name):
    return "\n\n".join(cell.source for cell in READ[name].cells if cell.cell_type == "markdown")


@every_notebook
def test_stored_from_one_clean_run(name):
    assert [cell.execution_count for cell in code_cells(name)] == list(range(1, len(code_cells(name)) + 1))
    outputs = [output for cell in code_cells(name) for output in cell.outputs]
    tagged = [c for c in code_cells(name) if "NBVAL" in c.source or {*c.metadata.get("tags", [])} - {"parameters"}]
    exempted = [c for c in tagged if c.metadata.get("tags") != ["nbval-ignore-output"] or "assert" not in c.source]
    assert not exempted, (
        "nbval compares every cell, except where numbers depend on the CPU and an assertion bounds them"
    )
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert sum("text/html" in o.get("data", {}) and "<video" in o.data["text/html"] for o in outputs) > 0


@every_notebook
def test_cells_are_short_and_prose_is_ample(name):
    lines = [len(cell.source.splitlines()) for cell in code_cells(name)]
    assert max(lines) <= 25
    assert statistics.median(lines) <= 6
    assert len(prose(name).split()) >= 4 * sum(lines)


@every_notebook
def test_no_line_is_a_comment_on_the_site(name):
    """There a line that begins with % isn't shown."""
    assert not re.findall(r"^\s*%.*", prose(name), re.M)


@every_notebook
def test_numbers_are_printed_and_not_verdicts(name):
    printed = [o.text for cell in code_cells(name) for o in cell.outputs if o.get("name") == "stdout"]
    assert not re.findall(r"^.*(?<!ModelScope: )\b(?:True|False)\s*$", "\n".join(printed), re.M)


@every_notebook
def test_has_the_parts_of_a_chapter(name):
    text = prose(name)
    assert re.match(rf"# {name[:2]} · ", text)
    for part in ("You will be able to", "**Time:**", "prediction", "## Exercises", "## Limits", "## Sources"):
        assert part in text, f"no {part!r}"
    assert "assert" in "".join(cell.source for cell in code_cells(name))


@every_notebook
def test_pictures_drawn_by_the_notebook_are_spoken_of(name):
    """Between a cell that draws and the next one there is prose or a check, so that no figure stands alone."""
    waiting = None
    for cell in READ[name].cells:
        if cell.cell_type == "markdown" or "assert" in cell.source or "print" in cell.source:
            waiting = None
        drawn = cell.cell_type == "code" and any("image/png" in o.get("data", {}) for o in cell.outputs)
        assert not (drawn and waiting), f"two figures with nothing said between:\n{waiting}\n{cell.source}"
        waiting = cell.source if drawn else waiting


@every_notebook
def test_no_path_of_a_machine(name):
    text = (course.ROOT / "notebooks" / name).read_text()
    assert not re.search(r"/(home|root|work|Users|tmp)/", text)


PAGES = [*course.ROOT.glob("*.md"), *course.ROOT.glob("assets/**/*.md"), *course.ROOT.glob("[dt]o*/*.md")]


@pytest.mark.parametrize("path", [*course.NOTEBOOKS, *PAGES], ids=lambda path: str(path.relative_to(course.ROOT)))
def test_relative_links_lead_somewhere(path):
    text = prose(path.name) if path in course.NOTEBOOKS else path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)\s#]+)[^)]*\)", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)):
        assert (path.parent / target).exists(), target


def test_tools_call_nbval_as_the_makefile_does():
    assert f"NBVAL := {' '.join(course.NBVAL)}\n" in (course.ROOT / "Makefile").read_text()
