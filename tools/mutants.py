"""Plant mistakes in a copy of the package, and see whether its tests catch each: `make mutants`.

A mutant is one change to the text of one module (mutants_table.py); it is caught if a test of that module then fails.
Prints a table and a score. Exit code 0 if every mutant is caught, 1 if one survives, 2 if the tests fail without any.
Usage: python tools/mutants.py [module ...]
"""

import ast
import importlib
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import sys
import tempfile
import time

from mutants_table import MUTANTS, TESTS

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What takes long to load is loaded once, before the forks; diffusers loads its parts when they are first named.
SCHEDULERS = ("ddpm", "ddim", "euler_discrete", "flow_match_euler_discrete", "edm_euler")
PACKAGES = ("torch", "hypothesis", "pytest", "matplotlib.pyplot", "diffusers")
PACKAGES += tuple(f"diffusers.schedulers.scheduling_{name}" for name in SCHEDULERS)
PATIENCE = 120  # seconds of computing, after which a mutant that hangs is taken for caught
# By the exit code of its tests: 2 is an error of collection, and a signal ends those that hang.
OUTCOMES = {0: "SURVIVED", 1: "caught", 2: "caught", -signal.SIGXCPU: "caught"}


def mutants(module, root=ROOT):
    """The mutants of a module: (function, what is there, what is put there, the whole mutated text)."""
    text = (root / "t2v_helpers" / f"{module}.py").read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for line in MUTANTS[module].strip().splitlines():
        old, new = (part.replace("\\n", "\n") for part in line.split(" => "))
        if text.count(old) != 1:
            raise SystemExit(
                f"{module}: {old!r} is there {text.count(old)} times, expected once: mend tools/mutants_table.py"
            )
        row = text[: text.index(old)].count("\n") + 1
        around = [f for f in functions if f.lineno <= row <= f.end_lineno]
        outer = max(around, key=lambda f: f.end_lineno - f.lineno).name if around else "(module)"
        yield outer, old.strip(), new.strip(), text.replace(old, new)


def tests_of(module):
    """The files that hold the tests of a module, as paths below the checkout."""
    return [f"tests/{name}" for name in TESTS.get(module, (f"test_{module}.py",))]


def _run_tests(module, folder):
    import hypothesis
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # nbval alone takes seconds to load
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE + 9))
    code = 9  # of a fork that came to grief itself
    try:
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


def verdict(module, folder):
    """Run the tests of a module in the copy, in a fork that has the big packages loaded: their exit code."""
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(module, folder))
    process.start()
    process.join()
    return process.exitcode


def main(modules):
    unknown = [module for module in modules if module not in MUTANTS]
    if unknown:
        print(f"no mutants for {', '.join(unknown)}: expected some of {', '.join(MUTANTS)}")
        return 2
    for name in PACKAGES:
        importlib.import_module(name)
    sys.dont_write_bytecode = True
    caught, missed, start = 0, 0, time.monotonic()
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
                says = OUTCOMES.get(code, f"FAILED {code}")
                caught += says == "caught"
                missed += says != "caught"
                print(f"{says:<8}  {module}.{function}: {old} => {new}", flush=True)
            path.write_text(sound)
    print(f"{caught} of {caught + missed} mutants caught in {time.monotonic() - start:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
