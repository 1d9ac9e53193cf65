import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

COLUMNS = ("id", "text", "label", "split", "source", "sha256")


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[..., Path]:
    """Write rows (id, text, label, split) as ingest does; returns the folder."""

    def write(rows: Any, *, name: str = "corpus", quarantined: int = 0, row_group_size: int = 100) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        full = [(*row, "source", hashlib.sha256(row[1].encode()).hexdigest()) for row in rows]
        schema = pa.schema([(column, pa.string()) for column in COLUMNS])
        columns = [list(column) for column in zip(*full, strict=True)] or [[]] * len(COLUMNS)
        options = {"compression": "zstd", "write_page_checksum": True}
        table = pa.table(columns, schema=schema)
        pq.write_table(table, folder / "corpus.parquet", row_group_size=row_group_size, **options)
        fields = [("source", pa.string()), ("offset", pa.int64()), ("reason", pa.string()), ("bytes", pa.binary())]
        bad = {"source": "x", "offset": 0, "reason": "undecodable", "bytes": b"\xff"}
        pq.write_table(pa.Table.from_pylist([bad] * quarantined, pa.schema(fields)), folder / "quarantine.parquet", **options)
        return folder

    return write


@pytest.fixture
def make_text() -> Callable[..., str]:
    """Texts of random words, no two alike."""
    rng = random.Random(17)
    return lambda count=30: " ".join(f"w{rng.randrange(20_000)}" for _ in range(count))
