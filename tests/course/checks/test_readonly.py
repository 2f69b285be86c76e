"""What `make readonly` finds in a checkout that was written to."""

from tools.checks import readonly


def test_what_is_written_shows(tmp_path):
    (tmp_path / "a").write_text("1")
    before = readonly.fingerprint(tmp_path)
    (tmp_path / "a").write_text("2")
    assert readonly.fingerprint(tmp_path) != before
    (tmp_path / "a").write_text("1")
    assert readonly.fingerprint(tmp_path) == before
    (tmp_path / "new").mkdir()
    assert readonly.fingerprint(tmp_path) != before
