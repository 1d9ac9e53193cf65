"""What a function's code depends on inside this project, found by reading imports, and a digest of it.

The digest answers one question: could this step now write other bytes? It covers every first-party module that can be
reached by import from the modules a step's function uses, without comments, formatting and docstrings, and the package data
(templates, word lists) those modules name. Imports under `if TYPE_CHECKING` do not run and do not count.

A step may choose between modules, which it finds in a table. The table then ends the search, and the modules that were chosen
are added: what was not chosen cannot shape the output.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import inspect
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Set

FIRST_PARTY = ("tasks", "flows")


def code_digest(
    function: Callable[..., object], root: Path = CHECKOUT, *, tables: Iterable[str] = (), chosen: Iterable[str] = ()
) -> str:
    """SHA-256, in hex, over the code that `function` can reach below `root`.

    `tables` and `chosen` are dotted names of modules: tables that the search does not enter, and what was chosen from them.
    """
    digest = hashlib.sha256(ast.unparse(_without_docstrings(_function_node(function))).encode())
    for path in sorted(code_files(function, root, tables=tables, chosen=chosen)):
        digest.update(f"\n# {path.relative_to(root)}\n".encode())
        digest.update(ast.unparse(_without_docstrings(_parse(path))).encode())
        for data in sorted(package_data(path)):
            digest.update(f"\n# {data.relative_to(root)}\n".encode())
            digest.update(data.read_bytes())
    return digest.hexdigest()


def code_files(
    function: Callable[..., object], root: Path = CHECKOUT, *, tables: Iterable[str] = (), chosen: Iterable[str] = ()
) -> set[Path]:
    """Every first-party file that the names in a function's body lead to; see `code_digest`."""
    home = Path(inspect.getfile(function)).resolve()
    used = _names_used(_function_node(function))
    modules = {module for module, names in _imports(_parse(home), home, root).items() if names & used}
    return reachable(modules | _files(chosen, root), root, not_into=_files(tables, root))


def _files(modules: Iterable[str], root: Path) -> set[Path]:
    found = {name: _module_file(name.split("."), root) for name in modules}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ValueError(f"{missing[0]} is not a module below {root}")
    return {path for path in found.values() if path is not None}


def reachable(modules: set[Path], root: Path = CHECKOUT, *, not_into: Set[Path] = frozenset()) -> set[Path]:
    """Every first-party file that importing `modules` would run, themselves included, but for what only `not_into` leads to."""
    seen: set[Path] = set()
    waiting = list(modules)
    while waiting:
        path = waiting.pop()
        if path not in seen and path not in not_into:
            seen.add(path)
            waiting.extend(_imports(_parse(path), path, root))
    return seen


def package_data(module: Path) -> set[Path]:
    """The files that a module names in a string, in its folder or below it."""
    strings = {
        node.value
        for node in ast.walk(_parse(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value and len(node.value) < 100
    }
    safe = (text for text in strings if "\0" not in text and "\n" not in text and ".." not in text and not text.startswith("/"))
    return {path for text in safe if (path := module.parent / text).is_file() and path.suffix != ".py"}


def _function_node(function: Callable[..., object]) -> ast.FunctionDef:
    tree = _parse(Path(inspect.getfile(function)).resolve())
    name = function.__name__
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            plain = copy.deepcopy(node)
            plain.decorator_list, plain.returns = [], None
            for argument in ast.walk(plain.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None  # types are no logic, and name the wrapper's own classes
            return plain
    raise ValueError(f"{name} is not a function at the top level of {inspect.getfile(function)}")


def _names_used(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _imports(tree: ast.Module, path: Path, root: Path) -> dict[Path, set[str]]:
    """First-party files that a module imports, each with the local names it is imported for."""
    found: dict[Path, set[str]] = {}
    for node in _running(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = _module_file(alias.name.split("."), root)
                if target:
                    found.setdefault(target, set()).add((alias.asname or alias.name).split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = path.relative_to(root).parent.parts
                base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            else:
                base = (node.module or "").split(".")
            base = [part for part in base if part]
            for alias in node.names:
                # `from tasks.align import matrix` names a module, `from tasks.align.matrix import write` a thing inside one.
                target = _module_file([*base, alias.name], root) or _module_file(base, root)
                if target:
                    found.setdefault(target, set()).add(alias.asname or alias.name)
    return found


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _running(other)
            continue
        yield node
        yield from _running(node)


def _module_file(parts: list[str], root: Path) -> Path | None:
    if not parts or parts[0] not in FIRST_PARTY:
        return None
    base = root.joinpath(*parts)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@lru_cache(maxsize=256)
def _parse_stamped(path: Path, _stamp: tuple[int, int]) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _parse(path: Path) -> ast.Module:
    status = path.stat()
    return _parse_stamped(path, (status.st_mtime_ns, status.st_size))


def _without_docstrings(tree: ast.AST) -> ast.AST:
    class Strip(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            super().generic_visit(node)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                match node.body:
                    case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                        node.body = rest or [ast.Pass()]
            return node

    return ast.fix_missing_locations(Strip().visit(copy.deepcopy(tree)))
