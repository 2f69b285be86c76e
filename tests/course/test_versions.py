"""What tools/versions.py makes of a row; `make versions` runs them."""

import pytest
import versions


def test_a_row_says_what_is_other_than_in_constraints():
    assert versions.parse(["python=python3.13", "torch=newest"]) == {"python": "python3.13", "torch": "newest"}
    assert versions.wanted("torch", "newest") == f"torch{versions.bounds()['torch']}"
    assert versions.wanted("numpy", "oldest") == "numpy==2.0.0" and versions.wanted("numpy", "2.1.3") == "numpy==2.1.3"


@pytest.mark.parametrize("word", ["foo=1", "torch", "torch=", "=2"])
def test_another_package_or_none_is_one_line(word, capsys):
    assert versions.main(["--row", word]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "expected python=... or a package" in said.err
