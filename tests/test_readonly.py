"""Notebook 00 from a checkout that may not be written to, an empty home, twice; tools/readonly.py runs them all."""

import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("readonly", ROOT / "tools" / "readonly.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_first_notebook_is_green_and_writes_nothing(tool, capfd):
    assert tool.main(["00_first_video.ipynb"]) == 0, capfd.readouterr().out
    assert "written to in the checkout: nothing" in capfd.readouterr().out


def test_what_is_written_shows(tool, tmp_path):
    (tmp_path / "a").write_text("1")
    before = tool.fingerprint(tmp_path)
    (tmp_path / "a").write_text("2")
    assert tool.fingerprint(tmp_path) != before
    (tmp_path / "a").write_text("1")
    assert tool.fingerprint(tmp_path) == before
    (tmp_path / "new").mkdir()
    assert tool.fingerprint(tmp_path) != before
