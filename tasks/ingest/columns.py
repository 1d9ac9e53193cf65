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
    """Positions of the text and the label (None: not asked for), and how many columns a row must have (None: not fixed).

    For JSON lines the keys matter: there a row is read as its text and its label, in this order.
    """

    text: int
    label: int | None
    number: int | None
    text_key: str = ""
    label_key: str | None = None


def position(column: str) -> int | None:
    """Read a 0-based position, or None if the column is given by name."""
    return int(column) if re.fullmatch(r"[0-9]{1,6}", column) else None


def choose_columns(path: Path, config: IngestConfig, names: Sequence[str], *, header: bool, labelled: bool) -> Columns:
    """Find the columns that the config asks for. `names`: the fields of the header, or of the first row if there is none.

    RequestError lists the columns there are. Without a header the columns are text and label, in this order, unless the config
    gives positions.
    """
    asked = (config.text, config.label)
    if not header and asked == _DEFAULTS:
        asked = ("0", "1")
    stripped = [name.strip() for name in names]
    text = _find(path, "text", asked[0], stripped, header=header)
    label = _find(path, "label", asked[1], stripped, header=header) if labelled else None
    return Columns(text, label, len(stripped), stripped[text], None if label is None else stripped[label])


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
    raise RequestError(f"{path}: no column {column!r} for the {what}; there are: {shown}. Choose one with --ingest.{what}")
