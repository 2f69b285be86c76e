"""One click: the course's address in badges, set-up cells and README; the files of Binder, Codespaces and GitHub."""

import json
import re
import shutil

import pytest

from tools import course
from tools.notebooks import address

NAMES = [path.name for path in course.NOTEBOOKS]
HERE = "https://github.com/somebody/course"


@pytest.fixture
def copy(tmp_path):
    """What the command reads and writes, in a folder of its own."""
    shutil.copytree(course.ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "tools").mkdir()
    for name in ("README.md", "tools/course.py"):
        shutil.copy(course.ROOT / name, tmp_path / name)
    return tmp_path


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_repository_stores_is_what_the_command_writes():
    for path, text in address.addressed(course.ROOT, course.REPOSITORY).items():
        assert path.read_text(encoding="utf-8") == text, f"make address REPOSITORY={course.REPOSITORY or 'none'}"


def test_every_badge_opens_its_own_notebook_and_nothing_is_asked(copy, capsys):
    before = files(copy)
    assert address.main([f"{HERE}.git/", "--root", str(copy)]) == 0
    assert f"{len(NAMES) + 2} of {len(NAMES) + 2} files changed" in capsys.readouterr().out
    for name in NAMES:
        title, *_ = course.cells(copy / "notebooks" / name, "markdown")
        setup, *_ = course.cells(copy / "notebooks" / name, "code")
        line = title.source.splitlines()[2]
        colab, binder = re.findall(r"\]\((https://(?:colab|mybinder)[^)]*)\)(?: |$)", line)
        assert colab == f"https://colab.research.google.com/github/somebody/course/blob/main/notebooks/{name}"
        assert binder == f"https://mybinder.org/v2/gh/somebody/course/main?labpath=notebooks%2F{name}"
        assert ("choose a GPU" in line) == name.startswith("09")
        assert f'REPOSITORY = "{HERE}"  # ' in setup.source
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert f"{HERE.removeprefix('https://github.com/')}/blob/main/notebooks/00" in readme
    assert f"pip install git+{HERE}`" in readme
    assert f'REPOSITORY = "{HERE}"\n' in (copy / "tools" / "course.py").read_text(encoding="utf-8")
    assert address.main([course.REPOSITORY or "none", "--root", str(copy)]) == 0
    assert files(copy) == before


def test_without_github_the_badges_lead_to_the_page_with_the_steps(copy):
    assert address.main(["https://git.example.org/course", "--root", str(copy)]) == 0
    title, *_ = course.cells(copy / "notebooks" / NAMES[0], "markdown")
    assert "](../docs/one_click.md)" in title.source and "mybinder" not in title.source
    assert "](docs/one_click.md)" in (copy / "README.md").read_text(encoding="utf-8")
    assert (course.ROOT / address.HELP).is_file()


def test_nothing_is_written_if_one_file_has_no_place_for_the_address(copy, capsys):
    readme = copy / "README.md"
    readme.write_text("# Another course\n", encoding="utf-8")
    before = files(copy)
    assert address.main([HERE, "--root", str(copy)]) == 2
    assert "README.md: got 0 places like" in capsys.readouterr().err and files(copy) == before


def test_binder_codespaces_and_workflows_call_what_is_there():
    lines = (course.ROOT / ".binder" / "requirements.txt").read_text().splitlines()
    for line in lines:
        if line.startswith(("-r ", "-c ")):
            assert (course.ROOT / ".binder" / line[3:]).is_file()
    container = json.loads((course.ROOT / ".devcontainer" / "devcontainer.json").read_text())
    makefile = (course.ROOT / "Makefile").read_text().replace("$(READY)", ".venv/ready")
    workflows = [path.read_text() for path in (course.ROOT / ".github" / "workflows").glob("*.yml")]
    called = re.findall(r"\bmake ([\w./-]+)", " ".join([container["postCreateCommand"], *workflows]))
    assert set(called) == {".venv/ready", "site"}
    assert all(re.search(rf"^{re.escape(target)}:", makefile, re.M) for target in called)
    assert any("bash .ci/run" in text for text in workflows) and (course.ROOT / ".ci" / "run").is_file()
    assert any("path: build/site" in text for text in workflows)
