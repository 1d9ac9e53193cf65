"""How the verbs print: results to stdout as lines, tables or one JSON object, complaints to stderr, foreign text made safe."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from tasks.shown import in_line, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console
    from rich.table import Table

FAR = 10_000  # columns where no terminal bounds them


def complain(message: str) -> None:
    """Print one line for a person to stderr, whatever line breaks the message has."""
    print(f"textmill: {in_line(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201


def print_line(line: str) -> None:
    """Print one line of a result."""
    print(in_line(line))  # noqa: T201


def print_json(value: Any) -> None:
    """Print one JSON object, in UTF-8 whatever the locale says."""
    line = json_text(value)
    if not isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's or a test's own
        print(line)  # noqa: T201
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode() + b"\n")


def print_values(values: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print one value a line, without those that are empty; or all of them as one JSON object."""
    if as_json:
        print_json(dict(values))
        return
    width = max(map(len, values), default=0)
    for name, value in values.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        if shown not in ("", None):
            print_line(f"{name.replace('_', ' '):<{width}}  {shown}")


def results() -> Console:
    """The console of results, on stdout: in a file or a pipe a row of a table is one line, however long."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = FAR
    return console


def result_table(*columns: str, title: str | None = None, boxed: bool = False) -> Table:
    """A table for `results` whose cells are folded where they are too wide: a part that is cut off might tell rows apart."""
    from rich.box import HEAVY_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=title and escape(in_line(title)), title_justify="left", pad_edge=boxed, box=HEAVY_HEAD if boxed else None
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def cells(*values: object) -> list[str]:
    """Values from outside as a table takes them: no markup, nothing that steers a terminal."""
    from rich.markup import escape

    return [escape(in_line(value)) for value in values]


def print_below(console: Console, lines: Iterable[str]) -> None:
    """Print lines under a table, each whole and without markup."""
    for line in lines:
        console.print(in_line(line), markup=False, highlight=False, soft_wrap=True)
