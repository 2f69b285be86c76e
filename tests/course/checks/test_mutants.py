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


def run_on_toy(folder, table, test):
    """Run the tool on a package of one function, in a process of its own: (exit code, what it printed)."""
    files = {"t2v_helpers/__init__.py": "", "t2v_helpers/toy.py": TOY, "tests/test_toy.py": test, "pyproject.toml": ""}
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    run = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1]); from tools.checks import mutants;"
        "mutants.ROOT, mutants.PACKAGES = pathlib.Path(sys.argv[2]), ();"
        "mutants.MUTANTS = {'toy': sys.argv[3]}; sys.exit(mutants.main([]))"
    )
    made = subprocess.run([sys.executable, "-c", run, ROOT, folder, table], capture_output=True, text=True)
    assert (folder / "t2v_helpers/toy.py").read_text() == TOY  # the package itself is never touched
    return made.returncode, made.stdout + made.stderr


@pytest.mark.parametrize(
    "table, code, says",
    [
        ("a + b => a - b\na + b => a +* b", 0, ["caught    toy.add: a + b => a - b", "2 of 2 mutants caught"]),
        ("a + b => b + a\na + b => a - b", 1, ["SURVIVED  toy.add: a + b => b + a", "1 of 2 mutants caught"]),
    ],
)
def test_what_it_says_of_a_toy(tmp_path, table, code, says):
    found, printed = run_on_toy(
        tmp_path, table, "from t2v_helpers.toy import add\ndef test_add():\n    assert add(2, 3) == 5"
    )
    assert found == code and all(line in printed for line in says), printed


def test_it_refuses_tests_that_fail_by_themselves(tmp_path):
    code, printed = run_on_toy(tmp_path, "a + b => a - b", "import t2v_helpers.toy\n1 / 0")
    assert code == 2 and "tests/test_toy.py: fails (exit code 2) without any mutant" in printed, printed
