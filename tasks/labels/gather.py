"""The labels that hold, as a table of one row a text, sorted by key: what ingest joins to a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import UnavailableError
from tasks.labels.imports import in_use
from tasks.labels.in_force import in_force
from tasks.labels.schema import SCHEMA, TABLE

if TYPE_CHECKING:
    from pathlib import Path

CONFLICTS = "side/conflicts.parquet"
CONFLICTS_SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("holds", pa.bool_(), nullable=False),
    ]
)


def write_labels(imports: Path, folder: Path) -> dict[str, Any]:
    """Write labels.parquet, and who disagrees to side/conflicts.parquet; the report counts them. See `in_force`.

    UnavailableError names an import that is damaged.
    """
    try:
        found = in_force(in_use(imports))
    except (pa.ArrowInvalid, OSError) as error:
        raise UnavailableError(f"{imports}: an import is damaged ({error}); restore it from a backup") from error
    rows = [
        (each.key, each.text, each.label, None if each.only_known or each.text is None else f"labels/{each.source}")
        for _, each in sorted(found.labels.items())
    ]
    _write(rows, SCHEMA, folder / TABLE)
    (folder / "side").mkdir()
    apart = [
        (found.labels[key].text, annotator, label, label == found.labels[key].label)
        for key, people in sorted(found.conflicts.items())
        for annotator, label in sorted(people.items())
    ]
    _write(apart, CONFLICTS_SCHEMA, folder / CONFLICTS)
    return found.report


def _write(rows: list[tuple[Any, ...]], schema: pa.Schema, path: Path) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd", write_page_checksum=True)
