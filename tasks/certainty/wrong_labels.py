"""The train rows ranked by how probably their label is wrong: a file of all, and the first with their texts for a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.certainty.confident import doubts, share_wrong
from tasks.certainty.rows import PROBABILITIES, read_judged
from tasks.prepare.read import iter_texts, read_labels
from tasks.shown import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.certainty.confident import Doubts
    from tasks.certainty.rows import Judged

ISSUES, PAGE = "label_issues.parquet", "page.json"
SHOWN, QUOTED_CHARS = 20, 400
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("suggested", pa.string(), nullable=False),
        pa.field("probability", pa.float32(), nullable=False),  # of the label that it has
        pa.field("suggested_probability", pa.float32(), nullable=False),
        pa.field("rank", pa.int64(), nullable=False),  # 1: the most doubtful
        pa.field("issue", pa.bool_(), nullable=False),  # whether its label is probably wrong
    ]
)


def write_wrong_labels(dataset: Path, texts: Path, folds: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Write label_issues.parquet and page.json; the report counts the labels that are probably wrong.

    `folds` are the folders of the folds of the train rows of `dataset`, and `texts` has their texts.
    """
    names = read_labels(dataset)
    rows = read_judged([each / PROBABILITIES for each in folds], len(names))
    labels_N = rows.numbers(names)
    found = doubts(rows.probabilities, labels_N)
    table = _table(names, rows, labels_N, found)
    pq.write_table(table, folder / ISSUES, compression="zstd", write_page_checksum=True)
    shown = _quoted(table.filter(table.column("issue")).slice(0, SHOWN).to_pylist(), texts)
    (folder / PAGE).write_text(json_text(shown, indent=1), encoding="utf-8")
    issues = int(found.issue.sum())
    pairs = [
        {"label": names[given], "suggested": names[other], "rows": int(found.joint[given, other])}
        for given, other in zip(*np.nonzero(found.joint), strict=True)
        if given != other
    ]
    return {
        "rows": len(labels_N),
        "issues": issues,
        "share": issues / max(len(labels_N), 1),
        "estimated_share": share_wrong(found.joint, labels_N),
        "accuracy": float((rows.probabilities.argmax(1) == labels_N).mean()) if len(labels_N) else 0.0,
        "pairs": sorted(pairs, key=lambda each: -int(str(each["rows"]))),
    }


def _table(names: Sequence[str], rows: Judged, labels_N: np.ndarray, found: Doubts) -> pa.Table:
    """All rows, the most doubtful first."""
    order, at = found.order, np.arange(len(labels_N))
    known = pa.array(names, pa.string())
    columns = [
        pa.array(rows.ids, pa.string()).take(pa.array(order)),
        known.take(pa.array(labels_N[order])),
        known.take(pa.array(found.suggested[order])),
        pa.array(rows.probabilities[at, labels_N][order]),
        pa.array(rows.probabilities[at, found.suggested][order]),
        pa.array(at + 1),
        pa.array(found.issue[order]),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _quoted(rows: list[dict[str, Any]], texts: Path) -> list[dict[str, Any]]:
    """The rows with the beginning of their texts."""
    wanted, found = pa.array([row["id"] for row in rows], pa.string()), dict[str, str]()
    for batch in iter_texts(texts, ("train",)) if rows else ():
        for row in batch.filter(pc.is_in(batch.column("id"), value_set=wanted)).to_pylist():
            found[row["id"]] = row["text"]
    return [{**row, "text": found[row["id"]][: QUOTED_CHARS + 1]} for row in rows]


def read_page(folder: Path) -> list[dict[str, Any]]:
    """The rows that a page shows."""
    shown: list[dict[str, Any]] = json.loads((folder / PAGE).read_text(encoding="utf-8"))
    return shown
