"""The table that `textmill review` writes, whatever its format."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from tasks.labels.row import NEW

WRONG, UNCERTAIN, RANDOM = "wrong_label", "uncertain", "random"


class Chosen(NamedTuple):
    """A row that is worth a look. `label` is the one that it has; `suggested` the model's, of probability `confidence`.

    `why` is WRONG, UNCERTAIN or RANDOM, and `score` what it is ranked by among rows of its kind.
    """

    why: str
    text: str
    label: str | None
    suggested: str | None
    confidence: float | None
    score: float | None
    row: str
    source: str | None
    key: str


# What a person reads and fills in comes first.
SCHEMA = pa.schema(
    [
        ("rank", pa.int64()),
        ("why", pa.string()),
        ("text", pa.string()),
        ("current_label", pa.string()),
        ("suggested", pa.string()),
        ("confidence", pa.float64()),
        (NEW, pa.string()),
        ("annotator", pa.string()),
        ("score", pa.float64()),
        ("row", pa.string()),
        ("source", pa.string()),
        ("model", pa.string()),
        ("key", pa.string()),
    ]
)


def as_rows(chosen: list[Chosen], model: str | None) -> list[dict[str, Any]]:
    """The rows of the table, ranked from 1."""
    rows = []
    for rank, each in enumerate(chosen, 1):
        row = each._asdict()
        row |= {
            "rank": rank,
            "text": each.text.strip(),
            "current_label": row.pop("label"),
            NEW: None,
            "annotator": None,
            "model": model,
        }
        row |= {name: None if row[name] is None else round(row[name], 6) for name in ("confidence", "score")}
        rows.append({name: row[name] for name in SCHEMA.names})
    return rows
