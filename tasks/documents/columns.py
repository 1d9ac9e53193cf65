"""Which columns of a table hold text and label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tasks.documents.reading import DEFAULT_LABEL, DEFAULT_TEXT
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.documents.reading import Reading

_SHOWN = 20
_KEPT = "column to keep"


class Columns(NamedTuple):
    """Positions of the columns to read, and how many columns a row must have.

    `texts` are joined if there is more than one. `second` is the column of labels or times; None if none is read. `number` is
    None where rows may differ. `rest` and `rest_keys` are other columns, where they are kept. JSON lines are read by key: a
    row is its texts, its label or time, and the rest, in this order.
    """

    texts: tuple[int, ...]
    second: int | None
    number: int | None
    text_keys: tuple[str, ...] = ()
    second_key: str | None = None
    rest: tuple[int, ...] = ()
    rest_keys: tuple[str, ...] = ()
    label_in_text: bool = False  # one column is asked for as both

    def with_rest(self, names: Sequence[str]) -> Columns:
        """The same columns, and all others of `names` are kept."""
        rest = tuple(at for at in range(len(names)) if at not in self.texts and at != self.second)
        return self._replace(rest=rest, rest_keys=tuple(names[at].strip() for at in rest))


def position(column: str) -> int | None:
    """Read a 0-based position, or None if the column is given by name."""
    return int(column) if re.fullmatch(r"[0-9]{1,6}", column) else None


def positions(columns: str) -> list[int] | None:
    """Read one position or several with commas between them; None if one is not a position."""
    found = [position(column.strip()) for column in columns.split(",")]
    return None if None in found else [at for at in found if at is not None]


def choose_columns(path: Path, reading: Reading, names: Sequence[str], *, header: bool) -> Columns:
    """Find the columns that the reading asks for. `names`: the fields of the header, or of the first row without one.

    The text may be several columns with commas between them, `title,body`. Without a header the columns are text and label, in
    this order, unless positions are given. `rest` are the columns that the reading names. RequestError lists the columns of the
    file.
    """
    text, label, two = reading.text, reading.label, reading.second != "none"
    if not header and text == DEFAULT_TEXT and (label == DEFAULT_LABEL or not two):
        text, label = "0", "1"
    stripped = [name.strip() for name in names]
    texts = _texts(path, reading, text, stripped, header=header)
    second = _find(path, reading, reading.second, label, stripped, header=header) if two else None
    keys = tuple(stripped[at] for at in texts)
    rest = tuple(_find(path, reading, _KEPT, name, stripped, header=header) for name in reading.named)
    return Columns(
        texts,
        second,
        len(stripped),
        keys,
        None if second is None else stripped[second],
        rest,
        tuple(stripped[at] for at in rest),
        label_in_text=second in texts,
    )


def joined(texts: Sequence[str]) -> str:
    """Make one text of several columns: a line each, without the empty ones."""
    return "\n".join(text for text in texts if text.strip())


def _texts(path: Path, reading: Reading, asked: str, names: Sequence[str], *, header: bool) -> tuple[int, ...]:
    """Positions of one text column, or of several; the longest name that exists wins, so that a name may hold a comma."""
    if "," not in asked or (header and asked in names):
        return (_find(path, reading, "text", asked, names, header=header),)
    parts, found = asked.split(","), []
    while parts:
        sizes = [size for size in range(len(parts), 0, -1) if header and ",".join(parts[:size]).strip() in names]
        size = sizes[0] if sizes else 1
        found.append(_find(path, reading, "text", ",".join(parts[:size]).strip(), names, header=header))
        parts = parts[size:]
    return tuple(dict.fromkeys(found))


def _find(path: Path, reading: Reading, what: str, column: str, names: Sequence[str], *, header: bool) -> int:
    if header and column in names:
        return names.index(column)
    at = position(column)
    if at is not None and at < len(names):
        return at
    flag = {"text": reading.flags.text, _KEPT: reading.flags.keep}.get(what, reading.flags.label)
    if at is None and not header:
        raise RequestError(
            f"{path}: without a header, {flag} is a position from 0, not {column!r}; or use {reading.flags.header}"
        )
    shown = ", ".join(repr(name[:40]) for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    near = next((name for name in names if name.casefold() == column.casefold()), "")
    raise RequestError(
        f"{path}: no column {column!r} for the {what}; there are: {shown}. Choose one with {flag}"
        + (f", such as {flag} {near}" if near else "")
    )
