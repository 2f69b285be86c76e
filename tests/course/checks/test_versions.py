"""`make versions`: what it installs for a row."""

import pytest

from tools.checks import versions
from tools.course import ROOT


def test_what_pip_installs_for_a_word():
    assert versions.requirement("torch=newest") == "torch>=2.6,<3"
    assert versions.requirement("numpy=oldest") == "numpy==2" and versions.requirement("numpy=2.1.3") == "numpy==2.1.3"
    assert all((ROOT / path).exists() for path in versions.PATHS)


@pytest.mark.parametrize("word", ["foo=1", "torch", "torch=", "=2"])
def test_another_package_or_no_version_is_an_error(word):
    with pytest.raises(ValueError, match="expected a package of requirements"):
        versions.requirement(word)
