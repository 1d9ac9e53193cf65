"""What a function's code depends on inside this project, found by reading imports, and a digest of it.

The digest answers one question: could this step now write other bytes? It covers every first-party module that can be
reached by import from the modules a step's function uses, without comments, formatting and docstrings, and the package data
(templates, word lists) those modules name. Imports under `if TYPE_CHECKING` do not run and do not count.

A step may choose between modules, which it finds in a table. The table then ends the search, and the modules that were chosen
are added: what was not chosen cannot shape the output.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.checkout import CHECKOUT
from tasks.store.read_code import CodeMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Set

FIRST_PARTY = ("tasks", "flows")


def code_digest(
    function: Callable[..., object], root: Path = CHECKOUT, *, tables: Iterable[str] = (), chosen: Iterable[str] = ()
) -> str:
    """SHA-256, in hex, over the code that `function` can reach below `root`.

    `tables` and `chosen` are dotted names of modules: tables that the search does not enter, and what was chosen from them.
    """
    digest = hashlib.sha256(_function(function).code)
    for path in sorted(code_files(function, root, tables=tables, chosen=chosen)):
        digest.update(f"\n# {path.relative_to(root)}\n".encode())
        digest.update(_module(path).code)
        for data in sorted(package_data(path)):
            digest.update(f"\n# {data.relative_to(root)}\n".encode())
            digest.update(data.read_bytes())
    return digest.hexdigest()


def code_files(
    function: Callable[..., object], root: Path = CHECKOUT, *, tables: Iterable[str] = (), chosen: Iterable[str] = ()
) -> set[Path]:
    """Every first-party file that the names in a function's body lead to; see `code_digest`."""
    home = Path(inspect.getfile(function)).resolve()
    used = _function(function).names
    modules = {module for module, names in _imports(home, root).items() if names & used}
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
            waiting.extend(_imports(path, root))
    _memory().keep()
    return seen


def package_data(module: Path) -> set[Path]:
    """The files that a module names in a string, in its folder or below it."""
    named = (f"{module.parent}/{text}" for text in _module(module).file_names)
    return {Path(path) for path in named if _is_file(path) and not path.endswith(".py")}


class Function(NamedTuple):
    """What a digest needs of one function: its code without docstring and types, and the names in its body."""

    code: bytes
    names: frozenset[str]


def _function(function: Callable[..., object]) -> Function:
    name, path = function.__name__, Path(inspect.getfile(function)).resolve()
    found = _functions(path, _stamp(path)).get(name)
    if found is None:
        raise ValueError(f"{name} is not a function at the top level of {path}")
    return found


@lru_cache(maxsize=64)
def _functions(path: Path, _stamp: tuple[int, int]) -> dict[str, Function]:
    """The functions at the top level of a module, by name: a room's steps are read together, and once."""
    found: dict[str, Function] = {}
    for node in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        if isinstance(node, ast.FunctionDef) and node.name not in found:
            node.decorator_list, node.returns = [], None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None  # types are no logic, and name the wrapper's own classes
            names = frozenset(child.id for child in ast.walk(node) if isinstance(child, ast.Name))
            _without_docstrings(node)
            found[node.name] = Function(ast.unparse(node).encode(), names)
    return found


def _imports(path: Path, root: Path) -> dict[Path, set[str]]:
    """First-party files that a module imports, each with the local names it is imported for."""
    found: dict[Path, set[str]] = {}
    package = path.relative_to(root).parent.parts
    for level, base, name, local in _module(path).imports:
        within = (*package[: len(package) - level + 1], *base) if level else base
        # `from tasks.align import matrix` names a module, `from tasks.align.matrix import write` a thing inside one.
        target = (_module_file((*within, name), root) if name else None) or _module_file(within, root)
        if target:
            found.setdefault(target, set()).add(local)
    return found


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """The statements that may run, however deep; expressions are not entered, since nothing is imported there."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(tree, block, ()):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from _running(ast.Module(node.orelse, []))
                continue
            yield node
            yield from _running(node)


def _module_file(parts: Sequence[str], root: Path) -> Path | None:
    if not parts or parts[0] not in FIRST_PARTY:
        return None
    base = "/".join((str(root), *parts))
    for candidate in (f"{base}.py", f"{base}/__init__.py"):
        if _is_file(candidate):
            return Path(candidate)
    return None


def _is_file(path: str) -> bool:
    """Asked for thousands of names in a run: pathlib takes longer than the disk."""
    return os.path.isfile(path)  # noqa: PTH113


class Module(NamedTuple):
    """What a digest needs of a module: each file is read once, however many steps reach it.

    `code` is without comments and docstrings. `imports` are (level, module, name, local name), the module cut at its dots, the
    name None for `import module`. `file_names` are the strings that may name a file beside the module.
    """

    code: bytes
    imports: tuple[tuple[int, tuple[str, ...], str | None, str], ...]
    file_names: frozenset[str]


def _module(path: Path) -> Module:
    return _read_module(path, _stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1024)
def _read_module(path: Path, _stamp: tuple[int, int]) -> Module:
    code, imports, file_names = _memory().of(path, _found_in)
    return Module(code.encode(), tuple((level, tuple(base), *rest) for level, base, *rest in imports), frozenset(file_names))


@cache
def _memory() -> CodeMemory:
    return CodeMemory(CHECKOUT, Path(__file__))


def _found_in(source: bytes) -> list[Any]:
    """The fields of `Module` for a source text, as JSON keeps them."""
    tree = ast.parse(source)
    imports = list(_found_imports(tree))
    strings = [
        node.value for node in _without_docstrings(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [ast.unparse(tree), imports, sorted({text for text in strings if _may_name_a_file(text)})]


def _may_name_a_file(text: str) -> bool:
    """Whether a string may be the path of a file that belongs to the module."""
    return "." in text and len(text) < 100 and not text.startswith("/") and not any(part in text for part in ("\0", "\n", ".."))


def _found_imports(tree: ast.Module) -> Iterator[tuple[int, tuple[str, ...], str | None, str]]:
    for node in _running(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, tuple(alias.name.split(".")), None, (alias.asname or alias.name).split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = tuple(part for part in (node.module or "").split(".") if part)
            for alias in node.names:
                yield node.level, base, alias.name, alias.asname or alias.name


def _without_docstrings(tree: ast.AST) -> list[ast.AST]:
    """Take the docstrings out of a tree; every node that is left."""
    left = []
    for node in ast.walk(tree):
        left.append(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    node.body = rest or [ast.Pass()]
    return left
