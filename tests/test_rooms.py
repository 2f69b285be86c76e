"""Rooms keep their private names to themselves. (Who may import whom is import-linter's: `make lint`.)"""

import ast
import importlib.util
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "t2v_helpers"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_private_name_is_imported_from_another_room(path):
    package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            for name in (f"{source}.{alias.name}" for alias in node.names):
                top, *rest = name.split(".")
                own = top != "t2v_helpers" or rest[0] == room
                assert own or not any(part.startswith("_") for part in rest[1:]), f"line {node.lineno}: {name}"
