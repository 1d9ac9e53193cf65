"""The strings in a module's code, for tests of what may be named where."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator


def strings_of_modules() -> Iterator[tuple[str, int, str]]:
    """File, line and text of every string in the code of tasks/ and flows/ that is no docstring."""
    for path in sorted([*(CHECKOUT / "tasks").rglob("*.py"), *(CHECKOUT / "flows").rglob("*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
        documented = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                yield path.relative_to(CHECKOUT).as_posix(), node.lineno, node.value
