"""What tools/readonly.py tells of a checkout that was written to; `make readonly` runs the notebooks in one."""

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


def test_what_is_written_shows(tool, tmp_path):
    (tmp_path / "a").write_text("1")
    before = tool.fingerprint(tmp_path)
    (tmp_path / "a").write_text("2")
    assert tool.fingerprint(tmp_path) != before
    (tmp_path / "a").write_text("1")
    assert tool.fingerprint(tmp_path) == before
    (tmp_path / "new").mkdir()
    assert tool.fingerprint(tmp_path) != before
