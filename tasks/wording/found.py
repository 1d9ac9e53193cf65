"""Find the sentences that a catalogue has to translate: in Python by its syntax, in templates and scripts by theirs.

The tests read these lists; so does whoever adds a language.
"""

from __future__ import annotations

import ast
import re
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAKERS = {"said": 0, "joined": 0}  # functions of sentence.py, and the place of the pattern among their arguments
IN_SCRIPT = re.compile(r'\bsay\("([^"]*)"')
_GETTEXT = re.compile(r"%\((\w+)\)s")


def in_python(file: Path) -> Iterator[str]:
    """The patterns in a module; ValueError for one that is not written out where it is made."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            pattern = node.args[MAKERS[node.func.id]]
            if not isinstance(pattern, ast.Constant):
                raise ValueError(f"{file}, line {node.lineno}: write the pattern out")
            yield str(pattern.value)


def in_template(file: Path) -> Iterator[str]:
    """The texts of a Jinja template; of a pair the one for several things."""
    import jinja2

    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    for _, _, texts in environment.extract_translations(file.read_text(encoding="utf-8")):  # type: ignore[attr-defined]
        yield texts if isinstance(texts, str) else [text for text in texts if text][-1]


def in_script(file: Path) -> Iterator[str]:
    """The texts in a script that calls `say`."""
    yield from IN_SCRIPT.findall(file.read_text(encoding="utf-8"))


def placeholders(pattern: str) -> set[str]:
    """The names of the values in a pattern of Python, of a template or of a script."""
    if named := _GETTEXT.findall(pattern):
        return set(named)
    with_names = re.sub(r"%\{[^}]*\}|%-?[a-zA-Z]|%%", "", pattern)  # what Plotly fills in, and gettext's per cent
    return {name for _, name, _, _ in string.Formatter().parse(with_names) if name}
