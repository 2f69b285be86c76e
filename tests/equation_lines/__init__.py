"""Every line of the notebooks that bears an equation's number, with what it has to give, computed in another way.

LINES: number -> a `Line` for each statement that is marked `# Eq. <number>` in the equation's own notebook, in order.
"""

import importlib
import pkgutil
import types
import typing


class Line(typing.NamedTuple):
    """given: the names that the statement uses. expected: what it gives; None for an assertion, which has to pass.

    rtol: relative tolerance. call: if the statement is in a function, the arguments to call it with; the whole function
    is run then. wrong: (old, new), a mistake that the check has to see, where no operator or number can be altered.
    """

    number: str
    given: dict
    expected: typing.Any
    rtol: float = 1e-7
    call: tuple | None = None
    wrong: tuple | None = None


named = types.SimpleNamespace  # a stand-in for an object of which a line uses one attribute

LINES = {}
for _chapter in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    for _line in importlib.import_module(f"{__name__}.{_chapter}").LINES:
        LINES.setdefault(_line.number, []).append(_line)
