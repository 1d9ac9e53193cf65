"""Which columns of a table hold text and label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.config import IngestConfig

_SHOWN = 20
_DEFAULTS = ("text", "label")


class Columns(NamedTuple):
    """Positions of the texts (more than one: to be joined) and the label (None: not asked for), and how many a row must have.

    `number` is None where it is not fixed. `rest` and `rest_keys` are the other columns, where they are to be kept. For JSON
    lines the keys matter: there a row is read as its texts, its label and the rest, in this order.
    """

    texts: tuple[int, ...]
    label: int | None
    number: int | None
    text_keys: tuple[str, ...] = ()
    label_key: str | None = None
    rest: tuple[int, ...] = ()
    rest_keys: tuple[str, ...] = ()
    label_in_text: bool = False  # the same column is asked for as both

    def with_rest(self, names: Sequence[str]) -> Columns:
        """The same with all other columns of `names` to be kept."""
        rest = tuple(at for at in range(len(names)) if at not in self.texts and at != self.label)
        return self._replace(rest=rest, rest_keys=tuple(names[at].strip() for at in rest))


def position(column: str) -> int | None:
    """Read a 0-based position, or None if the column is given by name."""
    return int(column) if re.fullmatch(r"[0-9]{1,6}", column) else None


def positions(columns: str) -> list[int] | None:
    """Read one position or several with commas between them; None if one is no position."""
    found = [position(column.strip()) for column in columns.split(",")]
    return None if None in found else [at for at in found if at is not None]


def choose_columns(path: Path, config: IngestConfig, names: Sequence[str], *, header: bool, labelled: bool) -> Columns:
    """Find the columns that the config asks for. `names`: the fields of the header, or of the first row if there is none.

    The text may be several columns with commas between them, `title,body`. RequestError lists the columns there are. Without a
    header the columns are text and label, in this order, unless the config gives positions.
    """
    asked = (config.text, config.label)
    if not header and asked == _DEFAULTS:
        asked = ("0", "1")
    stripped = [name.strip() for name in names]
    texts = _texts(path, asked[0], stripped, header=header)
    label = _find(path, "label", asked[1], stripped, header=header) if labelled else None
    keys = tuple(stripped[text] for text in texts)
    return Columns(texts, label, len(stripped), keys, None if label is None else stripped[label], label_in_text=label in texts)


def joined(texts: Sequence[str]) -> str:
    """Make one text of several columns: a line each, without those that are empty."""
    return "\n".join(text for text in texts if text.strip())


def _texts(path: Path, asked: str, names: Sequence[str], *, header: bool) -> tuple[int, ...]:
    """Positions of one text column, or of several; the longest name that there is wins, so that a name may hold a comma."""
    if "," not in asked or (header and asked in names):
        return (_find(path, "text", asked, names, header=header),)
    parts, found = asked.split(","), []
    while parts:
        sizes = [size for size in range(len(parts), 0, -1) if header and ",".join(parts[:size]).strip() in names]
        size = sizes[0] if sizes else 1
        found.append(_find(path, "text", ",".join(parts[:size]).strip(), names, header=header))
        parts = parts[size:]
    return tuple(dict.fromkeys(found))


def _find(path: Path, what: str, column: str, names: Sequence[str], *, header: bool) -> int:
    if header and column in names:
        return names.index(column)
    at = position(column)
    if at is not None and at < len(names):
        return at
    if at is None and not header:
        raise RequestError(
            f"{path}: without a header, --ingest.{what} is a position from 0, not {column!r}; or use --ingest.header true"
        )
    shown = ", ".join(repr(name[:40]) for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    near = next((name for name in names if name.casefold() == column.casefold()), "")
    raise RequestError(
        f"{path}: no column {column!r} for the {what}; there are: {shown}. Choose one with --ingest.{what}"
        + (f", such as --ingest.{what} {near}" if near else "")
    )
