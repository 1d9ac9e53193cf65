"""The table of the labels that hold, which ingest joins to a corpus."""

from __future__ import annotations

import pyarrow as pa

TABLE = "labels.parquet"
# key: see content.py; text: null where no file has it whole; source: of a row of its own, where the corpus lacks the text;
# null: it becomes none.
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("source", pa.string()),
    ]
)
