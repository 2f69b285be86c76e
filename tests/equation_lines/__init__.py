"""Every line of the notebooks that bears an equation's number, with what it has to give, computed in another way.

LINES: number -> a `Line` for each statement that is marked `# Eq. <number>` in the equation's own notebook, in order.
COVERED: number -> "module::test" of another test that does this for the equation, and names it.
"""

import importlib
import pkgutil
import types
import typing


class Line(typing.NamedTuple):
    """given: the names that the statement uses. expected: what it gives; None for an assertion, which has to pass.

    wrong: (old, new), a mistake that the check has to see. rtol: relative tolerance. call: if the statement is in a
    function, the arguments to call it with; the whole function is run then.
    """

    given: dict
    expected: typing.Any
    wrong: tuple
    rtol: float = 1e-7
    call: tuple | None = None


named = types.SimpleNamespace  # a stand-in for an object of which a line uses one attribute

LINES, COVERED = {}, {}
for _chapter in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    _module = importlib.import_module(f"{__name__}.{_chapter}")
    LINES |= _module.LINES
    COVERED |= getattr(_module, "COVERED", {})
