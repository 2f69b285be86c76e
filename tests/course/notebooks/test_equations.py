"""docs/equations.md is what `make equations` writes: all that is numbered, in TeX that GitHub renders."""

import re
import shutil

import nbformat
import pytest
from latex2mathml.converter import convert

from tools import course
from tools.notebooks import equations


@pytest.fixture(scope="module")
def text():
    return equations.page()


@pytest.fixture
def altered(tmp_path, monkeypatch):
    """A function that swaps words in notebook 02, in a copy that the tool reads from then on."""

    def alter(old, new):
        for path in course.NOTEBOOKS:
            shutil.copy(path, tmp_path)
        path = tmp_path / "02_forward_diffusion.ipynb"
        notebook = nbformat.read(path, as_version=4)
        assert sum(cell.source.count(old) for cell in notebook.cells) == 1
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)
        nbformat.write(notebook, path)
        monkeypatch.setattr(course, "NOTEBOOKS", sorted(tmp_path.glob("*.ipynb")))

    return alter


def test_the_page_in_the_repository_is_what_the_command_writes(text):
    assert equations.PAGE.read_text(encoding="utf-8") == text, "make equations"


def test_every_tagged_equation_is_there_in_order(text):
    tags = [t for path in course.NOTEBOOKS for cell in course.cells(path, "markdown") for t in course.tags(cell.source)]
    assert re.findall(r"^### ([\d.]+) · \S", text, re.M) == tags and len(tags) > 60
    assert text.count("```math\n") == len(tags) and "9.3" in tags


def test_every_marked_line_of_the_helpers_is_there(text):
    for path in (course.ROOT / "t2v_helpers").rglob("*.py"):
        for mark in course.marked(path.read_text(encoding="utf-8")):
            part = text.partition(f"\n### {mark.number} ")[2].partition("\n### ")[0]
            below = path.relative_to(course.ROOT / "t2v_helpers").as_posix()
            assert f"[`{below}`](../t2v_helpers/{below}), `{mark.name}`:\n\n```python\n{mark.statement}" in part


def test_formulas_are_tex_that_github_shows(text):
    """No macro that it has forbidden, no bare dollars, and a parser other than ours reads every one."""
    formulas = re.findall(r"```math\n(.*?)\n```", text, re.S) + re.findall(r"\$`(.*?)`\$", text)
    for formula in formulas:
        assert not re.search(r"\\(operatorname|tag|mbox|phantom|newcommand|def)\b", formula)
        assert "<merror" not in convert(formula)
    prose = re.sub(r"```.*?```|\$`.*?`\$", "", text, flags=re.S)
    assert "$" not in prose and "operatorname" not in text


@pytest.mark.parametrize(
    "old, new, shown",
    [
        (r"\mathcal N(0, I) \tag{2.2}", r"\mathcal N(0, J) \tag{2.2}", "N(0, J)"),
        ("Each step shrinks what is there a little", "Each step shrinks what is there a lot", "a lot"),
        ("alpha_bar = torch.prod(1 - betas[:t])", "alpha_bar = torch.prod(1 + betas[:t])", "1 + betas"),
        ("## 1 · One step\n", "## 1 · A step\n", "### 2.1 · A step"),
    ],
)
def test_a_change_in_a_notebook_shows(old, new, shown, altered, text):
    altered(old, new)
    assert shown in equations.page() and shown not in text


@pytest.mark.parametrize(
    "old, new, problem",
    [
        (r"\tag{2.3}", r"\tag{2.9}", "02_forward_diffusion.ipynb: no line bears the number of equation (2.9)"),
        ("def jump(x0, t, betas, eps):", "def jump(x0, t, betas, eps):  # Eq. 2.3", "Eq. 2.3 is in no assignment"),
        (r"\tag{2.3}$$", r"\tag{2.3}$$ and more", "(2.3) is not alone between $$ and $$"),
    ],
)
def test_what_cannot_be_written_is_one_line(old, new, problem, altered, capsys, tmp_path, monkeypatch):
    altered(old, new)
    monkeypatch.setattr(equations, "PAGE", tmp_path / "equations.md")
    assert equations.main([]) == 2 and not equations.PAGE.exists()
    error = capsys.readouterr().err
    assert problem in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "paragraph, lead",
    [
        ("One. Two by Ho et al. (2020, eq. 4) is what we need:", "Two by Ho et al. (2020, eq. 4) is what we need:"),
        ("Nought. One has words, but not eight. As means:", "One has words, but not eight. As means:"),
        ("- the first;\n- the **second** item of two,\n  in two lines:", "The **second** item of two, in two lines:"),
        ("The loss has eight words and some more. (Why?)", "The loss has eight words and some more."),
        ("$$a = b$$", ""),
    ],
)
def test_the_sentence_that_leads_to_a_formula(paragraph, lead):
    assert equations.last_sentence(paragraph) == lead
