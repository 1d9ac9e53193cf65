"""One Python file made of several modules: the definitions that a program needs, each copied once, with its comments.

What an exported model runs is so the code of its package, not a second version of it. The file imports the standard library and
NumPy alone. A class of the program may take methods of another class, as `encode = NgramVocabulary.encode`: the method's own
text takes the place of such a line, and the rest of that class, with what it needs of other libraries, stays behind.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
import textwrap
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OWN = "tasks."  # modules that are copied; others are imported
BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__"}


class Definition(NamedTuple):
    """A name of a module."""

    module: str
    name: str


class Missing(ValueError):  # noqa: N818
    """A module does not define what the program takes of it, or needs more than NumPy for it."""


class Module:
    """A module's source, and what its names are."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source, self.lines = name, source, source.splitlines()
        self.imported: dict[str, Definition] = {}  # names that modules of our own define
        self.imports: dict[str, str] = {}  # names of other libraries, and the lines that import them
        self.statements: dict[str, ast.stmt] = {}
        self.typing: dict[str, str] = {}  # the same of the standard library's, where annotations alone name them
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.If):  # TYPE_CHECKING
                for line in statement.body:
                    if isinstance(line, ast.ImportFrom) and str(line.module).partition(".")[0] in sys.stdlib_module_names:
                        self.typing |= {each.name: f"from {line.module} import {each.name}" for each in line.names}
            elif isinstance(statement, ast.ImportFrom):
                self._import_from(statement)
            elif isinstance(statement, ast.Import):
                for alias in statement.names:
                    self.imports[alias.asname or alias.name] = f"import {alias.name}" + _as(alias)
            else:
                self.statements |= dict.fromkeys(_defined(statement), statement)

    def _import_from(self, statement: ast.ImportFrom) -> None:
        above = self.name.split(".")[: -statement.level] if statement.level else []
        place = ".".join([*above, *([statement.module] if statement.module else [])])
        for alias in statement.names:
            if place.startswith(OWN):
                self.imported[alias.asname or alias.name] = Definition(place, alias.name)
            elif place != "__future__":
                self.imports[alias.asname or alias.name] = f"from {place} import {alias.name}" + _as(alias)

    def text(self, node: ast.stmt) -> str:
        """A statement as it is written, with its decorators and the comments right above it."""
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        while first > 1 and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return "\n".join(self.lines[first - 1 : node.end_lineno])


@dataclass
class Bundle:
    """Makes the file. `read` gives the source of a module of our own.

    `instead` replaces a definition by another text, `aliases` by another definition.
    """

    read: Callable[[str], str]
    instead: Mapping[Definition, str] = field(default_factory=dict)
    aliases: Mapping[Definition, Definition] = field(default_factory=dict)
    _modules: dict[str, Module] = field(default_factory=dict)
    _imports: dict[str, str] = field(default_factory=dict)
    _found: dict[str, dict[str, str]] = field(default_factory=dict)  # module -> name in the file -> name in the module
    _asked: dict[tuple[str, str], None] = field(default_factory=dict)  # names that other modules use
    _renamed: dict[str, dict[str, str]] = field(default_factory=dict)
    _before: dict[str, set[str]] = field(default_factory=dict)  # module -> modules that it needs

    def text(self, wanted: list[Definition]) -> str:
        """The imports and definitions that `wanted` need.

        Where two modules have one name, each for itself, one is renamed; ValueError if others ask for both.
        """
        for definition in wanted:
            self._need(definition, definition.name, None)
            self._asked[definition.module, definition.name] = None
        names: dict[str, str] = {}
        for module, name in [*self._asked, *((module, name) for module, found in self._found.items() for name in found)]:
            if names.setdefault(name, module) != module:
                if (module, name) in self._asked:
                    raise ValueError(f"{module} and {names[name]} both define {name}")
                self._renamed.setdefault(module, {})[name] = f"{name}_of_{module.rpartition('.')[2]}"
        others = [line for line in self._imports.values() if not _is_allowed(line)]
        if others:
            raise Missing(f"{others[0]}: only the standard library and NumPy may be imported")
        order = TopologicalSorter({module: self._before.get(module, set()) for module in self._found}).static_order()
        return _imports_text(set(self._imports.values())) + "\n\n" + "\n\n\n".join(map(self._module_text, order)) + "\n"

    def _module(self, name: str) -> Module:
        if name not in self._modules:
            self._modules[name] = Module(name, self.read(name))
        return self._modules[name]

    def _need(self, definition: Definition, called: str, asking: str | None) -> None:
        definition = self.aliases.get(definition, definition)
        module = self._module(definition.module)
        if definition.name not in module.statements:
            if definition.name not in module.imported:
                raise Missing(f"{definition.module} does not define {definition.name}")
            self._need(module.imported[definition.name], called, asking)  # handed on
            return
        if asking not in (None, definition.module):
            self._asked[definition.module, called] = None
            self._before.setdefault(str(asking), set()).add(definition.module)
        found = self._found.setdefault(definition.module, {})
        found[called] = definition.name
        if called == definition.name or definition.name not in found:
            found[definition.name] = definition.name
            self._look_into(definition)

    def _look_into(self, definition: Definition) -> None:
        module = self._module(definition.module)
        if definition in self.instead:
            self._resolve(module, ast.parse(self.instead[definition]).body[0])
            return
        statement = module.statements[definition.name]
        taken = dict(self._taken(module, statement))
        self._resolve(module, statement, leave=set(taken))
        for owner, method in taken.values():
            self._resolve(owner, method, asking=module.name)

    def _resolve(
        self, module: Module, statement: ast.stmt, *, leave: set[ast.stmt] | None = None, asking: str | None = None
    ) -> None:
        """Need whatever a statement looks up; `leave` are parts of it that are not read."""
        used, annotated = _names(statement, leave or set())
        for name in used:
            if name in module.statements:
                if name not in self._found.get(module.name, {}) or asking:
                    self._need(Definition(module.name, name), name, asking)
            elif name in module.imported:
                self._need(module.imported[name], name, asking or module.name)
            elif name in module.imports:
                self._imports[name] = module.imports[name]
        for name in annotated:
            if (line := module.typing.get(name) or module.imports.get(name)) and _is_allowed(line):
                self._imports[name] = line

    def _taken(self, module: Module, statement: ast.stmt) -> Iterator[tuple[ast.stmt, tuple[Module, ast.stmt]]]:
        """The lines of a class that take a method of an imported one, each with that method and its module."""
        for line in statement.body if isinstance(statement, ast.ClassDef) else []:
            if not isinstance(line, ast.AnnAssign):
                continue
            value = line.value
            if not (isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name)):
                continue
            if (home := module.imported.get(value.value.id)) is None:
                continue
            if ast.unparse(line.target) != value.attr:  # the method's own text names it
                raise ValueError(f"{module.name} takes {home.name}.{value.attr} under another name")
            owner = self._module(home.module)
            body = getattr(owner.statements.get(home.name), "body", [])
            method = next((each for each in body if getattr(each, "name", None) == value.attr), None)
            if method is None:
                raise Missing(f"{home.module} does not define {home.name}.{value.attr}")
            yield line, (owner, method)

    def _module_text(self, name: str) -> str:
        module, found = self._module(name), self._found[name]
        parts: dict[int, str] = {}
        for own in set(found.values()):
            statement = module.statements[own]
            parts[statement.lineno] = self.instead.get(Definition(name, own)) or self._statement_text(module, statement)
        texts = [parts[line] for line in sorted(parts)] + [f"{each} = {own}" for each, own in found.items() if own != each]
        for old, new in self._renamed.get(name, {}).items():
            texts = [re.sub(rf"\b{old}\b", new, text) for text in texts]
        apart = ["\n" if not at or _short(text) else "\n\n\n" for at, text in enumerate(texts)]
        return f"# ---- {name}\n" + "".join(map("".join, zip(apart, texts, strict=True)))

    def _statement_text(self, module: Module, statement: ast.stmt) -> str:
        text = module.text(statement)
        for line, (owner, method) in self._taken(module, statement):
            taken = textwrap.indent(textwrap.dedent(owner.text(method)), "    ")
            text = text.replace(module.text(line), f"\n{taken}", 1)
        return re.sub(r"\n{3,}", "\n\n", text)


def _imports_text(lines: set[str]) -> str:
    """The lines of imports in order, those of one module together."""
    whole = sorted(line for line in lines if line.startswith("import"))
    parts: dict[str, list[str]] = {}
    for line in sorted(lines - set(whole)):
        module, _, names = line.partition(" import ")
        parts.setdefault(module, []).append(names)
    return "\n".join([*whole, *(f"{module} import {', '.join(names)}" for module, names in parts.items())])


def _is_allowed(line: str) -> bool:
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names | {"numpy"}


def _as(alias: ast.alias) -> str:
    return f" as {alias.asname}" if alias.asname else ""


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [node.id for target in targets if target is not None for node in ast.walk(target) if isinstance(node, ast.Name)]


def _short(text: str) -> bool:
    return not any(line.startswith(("def ", "class ")) for line in text.splitlines())


def _names(statement: ast.stmt, leave: set[ast.stmt]) -> tuple[list[str], list[str]]:
    """The names that a statement looks up when it runs, and those of its annotations, which nobody looks up; in order."""
    used: dict[str, None] = {}
    annotated: dict[str, None] = {}

    def visit(node: ast.AST, found: dict[str, None]) -> None:
        if node in leave:
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in BUILTINS:
            found[node.id] = None
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child, annotated if name in ("annotation", "returns") else found)

    visit(statement, used)
    return list(used), list(annotated)
