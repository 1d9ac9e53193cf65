"""The tables that ingest writes and later rooms read."""

from __future__ import annotations

import pyarrow as pa

CORPUS = "corpus.parquet"
QUARANTINE = "quarantine.parquet"
KEPT_PART, KEPT = "kept", "kept.parquet"  # columns of the table beside text and label, where some are asked for; see kept.py
TEXT_ALONE = "text"  # the label of every row of a corpus that is read without labels; see texts.py

# label: null = unlabelled; split: train, test, unlabelled, or null = not split yet; sha256: hex, of the text's UTF-8 bytes.
CORPUS_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("sha256", pa.string()),
    ]
)

# offset: byte in the source where the record begins; for `undecodable` the first bad byte; in Parquet the row, from 0.
# bytes: the record as found, at most QUARANTINE_BYTES of it.
QUARANTINE_SCHEMA = pa.schema(
    [("source", pa.string()), ("offset", pa.int64()), ("reason", pa.string()), ("bytes", pa.binary())]
)
