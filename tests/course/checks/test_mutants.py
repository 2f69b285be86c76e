"""`make mutants`: its table fits the code, and it says rightly of a toy package what its tests catch."""

import ast
import subprocess
import sys

import pytest

from tools.checks import mutants
from tools.course import ROOT

TOY = "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize("module", mutants.MUTANTS)
def test_every_mutant_applies_and_is_python(module):
    sound = (ROOT / "t2v_helpers" / f"{module}.py").read_text()
    made = list(mutants.mutants(module))
    for _, old, new, text in made:
        assert text != sound and old != new
        ast.parse(text)
    assert len({text for *_, text in made}) == len(made)
    assert all((ROOT / name).is_file() for name in mutants.tests_of(module))


@pytest.mark.parametrize("module", [m for m in mutants.MUTANTS if m != "plots"])
def test_every_public_function_has_three_mutants_at_least(module):
    """Of its own, or of the private functions of the module that it calls."""
    body = ast.parse((ROOT / "t2v_helpers" / f"{module}.py").read_text()).body
    body += [n for c in body if isinstance(c, ast.ClassDef) for n in c.body]
    functions = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
    counts = dict.fromkeys(functions, 0)
    for name, *_ in mutants.mutants(module):
        counts[name] += 1
    for name, node in functions.items():
        used = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        helpers = sum(counts.get(other, 0) for other in used if other.startswith("_"))
        assert name.startswith("_") or counts[name] + helpers >= 3, name


def test_a_stale_mutant_is_an_error(monkeypatch):
    monkeypatch.setattr(mutants, "MUTANTS", {"schedules": "\nthis is not there => x\n"})
    with pytest.raises(SystemExit, match="'this is not there' is there 0 times, expected once"):
        list(mutants.mutants("schedules"))


def test_an_unknown_module_is_an_error(capsys):
    assert mutants.main(["nonsense"]) == 2
    assert "no mutants for nonsense: expected some of schedules" in capsys.readouterr().out


CHECK = "from t2v_helpers.toy import add\ndef test_add():\n    assert add(2, 3) == 5"


@pytest.mark.parametrize(
    "table, test, code, says",
    [
        ("a + b => a - b\na + b => a +* b", CHECK, 0, "caught    toy.add: a + b => a - b"),
        ("a + b => b + a\na + b => a - b", CHECK, 1, "SURVIVED  toy.add: a + b => b + a"),
        ("a + b => a - b", "import t2v_helpers.toy\n1 / 0", 2, "tests/test_toy.py: fails (exit code 2) without any"),
    ],
)
def test_what_it_says_of_a_toy(table, test, code, says, tmp_path):
    """A package of one function, in a process of its own, as the tool forks."""
    files = {"t2v_helpers/__init__.py": "", "t2v_helpers/toy.py": TOY, "tests/test_toy.py": test, "pyproject.toml": ""}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run = (
        "import pathlib, sys; from tools.checks import mutants;"
        "mutants.ROOT, mutants.PACKAGES = pathlib.Path(sys.argv[1]), ();"
        "mutants.MUTANTS = {'toy': sys.argv[2]}; sys.exit(mutants.main([]))"
    )
    command = [sys.executable, "-c", run, tmp_path, table]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code and says in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "t2v_helpers/toy.py").read_text() == TOY  # the package itself is never touched
