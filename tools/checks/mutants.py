"""Plant mistakes in a copy of the package, and see whether its tests catch each: make mutants.

A mutant is one change to the text of one module (mistakes.py). It is caught if a test of that module then fails.
Why not mutmut: it plants 508 in schedules.py alone, and 48 survive, most of them harmless (names, error texts).

Usage: python -m tools.checks.mutants [module ...]
Exit code 0 if every mutant is caught, 1 if one survives, 2 if the tests fail without any mutant.
"""

import ast
import importlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import hypothesis
import pytest

from tools.checks.mistakes import MUTANTS, TESTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("torch", "matplotlib.pyplot", "diffusers")  # take long to load: once, before the forks
PATIENCE = 600  # seconds, after which a mutant that hangs counts as caught
# By the exit code of its tests: 2 is an error of collection, and a signal ends those that hang.
OUTCOMES = {0: "SURVIVED", 1: "caught", 2: "caught", -signal.SIGALRM: "caught"}


def mutants(module, root=ROOT):
    """Yield (function, old text, new text, source of the whole mutant) for a module."""
    source = (root / "t2v_helpers" / f"{module}.py").read_text()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for line in MUTANTS[module].strip().splitlines():
        old, new = (part.replace("\\n", "\n") for part in line.split(" => "))
        if source.count(old) != 1:
            raise SystemExit(f"mistakes.py, {module}: {old!r} is there {source.count(old)} times, expected once")
        row = source[: source.index(old)].count("\n") + 1
        around = [f for f in functions if f.lineno <= row <= f.end_lineno]
        outer = max(around, key=lambda f: f.end_lineno - f.lineno).name if around else "(module)"
        yield outer, old.strip(), new.strip(), source.replace(old, new)


def tests_of(module):
    """The files with the tests of a module, relative to the repository."""
    return [f"tests/{name}" for name in TESTS.get(module, (f"test_{module}.py",))]


def verdict(module, folder):
    """The exit code of a module's tests in the copy, run in a fork that has the large packages loaded; 9 if they fail
    to run or import another package, minus the signal that ended them."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 9
    try:
        signal.alarm(PATIENCE)
        profile = {"phases": [hypothesis.Phase.generate], "derandomize": True, "database": None}
        hypothesis.settings.register_profile("mutants", **profile)
        hypothesis.settings.load_profile("mutants")
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        result = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *quiet, *tests_of(module)])
        if folder in pathlib.Path(sys.modules["t2v_helpers"].__file__).parents:
            code = int(result)
    finally:
        os._exit(code)


def main(modules):
    if unknown := [module for module in modules if module not in MUTANTS]:
        print(f"no mutants for {', '.join(unknown)}: expected some of {', '.join(MUTANTS)}")
        return 2
    for name in PACKAGES:
        package = importlib.import_module(name)
        for part in dir(package) if name == "diffusers" else ():
            getattr(package, part) if part.endswith("Scheduler") else None  # loads the module that has it
    sys.dont_write_bytecode = True
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # nbval alone takes seconds to load
    outcomes, start = [], time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        for part in ("t2v_helpers", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        for module in modules or MUTANTS:
            if code := verdict(module, folder):
                print(f"{', '.join(tests_of(module))}: fails (exit code {code}) without any mutant, nothing to measure")
                return 2
            path = folder / "t2v_helpers" / f"{module}.py"
            sound = path.read_text()
            for function, old, new, text in mutants(module, folder):
                path.write_text(text)
                code = verdict(module, folder)
                outcomes.append(OUTCOMES.get(code, f"FAILED {code}"))
                print(f"{outcomes[-1]:<8}  {module}.{function}: {old} => {new}", flush=True)
            path.write_text(sound)
    caught = outcomes.count("caught")
    print(f"{caught} of {len(outcomes)} mutants caught in {time.monotonic() - start:.0f} s")
    return int(caught < len(outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
