"""What the package hands out: every function has types and a docstring that fits, and importing loads nothing heavy."""

import importlib
import inspect
import json
import re
import subprocess
import sys

import pytest

# The files for reading, and the rooms; the rooms that are missing hand out nothing.
HANDED_OUT = "schedules diffusion gan toys shapes measures plots video colab exercises figures models".split()
STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def public(module):
    """The public functions and classes of a module, and the methods of those classes, by name."""
    for name in getattr(module, "__all__", [name for name in vars(module) if name[0] != "_"]):
        thing = getattr(module, name)
        if getattr(thing, "__module__", "").startswith(module.__name__) and callable(thing):
            yield name, thing
            for method in vars(thing) if inspect.isclass(thing) else ():
                if method[0] != "_" and callable(getattr(thing, method)):
                    yield f"{name}.{method}", getattr(thing, method)


def arguments(thing):
    """The names in the Args section of a docstring."""
    section = re.search(r"^Args:\n((?:    .*\n|\n)+)", inspect.getdoc(thing) + "\n", re.M)
    return re.findall(r"^    (\*{0,2}\w+): \S", section[1], re.M) if section else []


def check(thing):
    summary = (inspect.getdoc(thing) or "").split("\n\n")[0]
    assert re.fullmatch(r"\S.{9,}[.?]", summary), "expected a docstring that begins with one line, a sentence"
    if inspect.isclass(thing) and not arguments(thing):
        return
    signature = inspect.signature(thing)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "self"]
    untyped = [parameter.name for parameter in parameters if parameter.annotation is parameter.empty]
    assert not untyped and (inspect.isclass(thing) or signature.return_annotation is not signature.empty)
    names = [STARS.get(parameter.kind, "") + parameter.name for parameter in parameters]
    if thing.__name__ != "forward":  # of a network: its class says what goes in
        plain = len(names) == 1 and not arguments(thing)  # one parameter may be clear from the summary
        assert plain or arguments(thing) == names


ALL = {
    f"{at}.{name}": thing for at in HANDED_OUT for name, thing in public(importlib.import_module(f"t2v_helpers.{at}"))
}


@pytest.mark.parametrize("name", ALL)
def test_types_and_docstring(name):
    check(ALL[name])


def test_a_wrong_docstring_is_seen():
    def good(a: int, *b: int) -> None:
        """Do something useful.

        Args:
            a: One number,
                in two lines.
            *b: More.
        """

    check(good)
    for old, new in (("    a:", "    c:"), ("    *b: More.", ""), ("useful.", "useful"), ("Args:", "Arguments:")):
        text, good.__doc__ = good.__doc__, good.__doc__.replace(old, new)
        with pytest.raises(AssertionError):
            check(good)
        good.__doc__ = text
    good.__annotations__ = {"a": int, "return": None}
    with pytest.raises(AssertionError):
        check(good)


# Imported one after the other, the lightest first; and what must not be loaded by then.
LIGHT = {
    "t2v_helpers": "numpy torch diffusers transformers matplotlib PIL",
    "t2v_helpers.models.registry": "torch diffusers transformers",
    "t2v_helpers.models.budget": "torch diffusers transformers",
    "t2v_helpers.video": "torch PIL imageio imageio_ffmpeg IPython matplotlib",
    "t2v_helpers.plots": "matplotlib.pyplot diffusers",
    "t2v_helpers.measures": "sklearn",
}


def test_importing_loads_nothing_heavy():
    code = f"import importlib, json, sys\nfor name in {[*LIGHT]}:\n"
    code += "    importlib.import_module(name)\n    print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for (module, heavy), loaded in zip(LIGHT.items(), map(json.loads, done.stdout.splitlines()), strict=True):
        assert module in loaded and not {*heavy.split()} & {*loaded}, module
