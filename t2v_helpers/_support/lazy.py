"""Names that a package hands out and loads on first use."""

import importlib
import sys
from collections.abc import Callable


def attach(package: str, names: dict[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """`__getattr__, __dir__, __all__` of a package whose modules are imported when a name is first used.

    Args:
        package: `__name__` of the package.
        names: module of the package -> the names it defines, separated by blanks.
    """
    home = {name: module for module, words in names.items() for name in words.split()}

    def load(name):
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f".{home[name]}", package), name)

    return load, lambda: sorted({*vars(sys.modules[package]), *home}), list(home)
