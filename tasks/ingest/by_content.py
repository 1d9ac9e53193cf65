"""Rows whose ids and order follow from their content alone, so that equal rows are equal bytes whatever brought them.

An id is the first half of the SHA-256 of a row's text, label and split; of equal rows the second has `-2` behind it, and so on.
The rows come in the order of these digests, equal ones in that of the columns kept beside them, and `source` says CONTENT:
which file or query a row is from would differ.

Shapes: N rows.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.in_order import rows_in_order
from tasks.ingest.kept import ID
from tasks.ingest.schema import CORPUS, KEPT, KEPT_PART

if TYPE_CHECKING:
    from collections.abc import Iterator, Set
    from pathlib import Path

CONTENT = "content"
_BATCH_ROWS = 4096
_DIGEST_BYTES = 16


def order_by_content(folder: Path, asked: Set[str] = frozenset()) -> dict[str, str]:
    """Write the corpus in `folder`, and the columns that it keeps, anew in the order of the rows' content.

    Returns the new ids of the rows that are `asked` for by their former ones. Memory is a batch and some 60 bytes a row; they
    wait in a file.
    """
    digests = bytearray()
    for digest in _digests(folder / CORPUS):
        digests += digest
    halves_N2 = np.frombuffer(digests, ">u8").reshape(-1, 2)
    beside = [_digests_beside(folder / KEPT_PART / KEPT)] if (folder / KEPT_PART / KEPT).is_file() else []
    order_N = np.lexsort((*beside, halves_N2[:, 1], halves_N2[:, 0]))
    renamed = _rewrite(folder / CORPUS, order_N, digests, asked)
    if (folder / KEPT_PART / KEPT).is_file():
        _rewrite(folder / KEPT_PART / KEPT, order_N, digests)
    return renamed


def _digests(corpus: Path) -> Iterator[bytes]:
    with pq.ParquetFile(corpus, page_checksum_verification=True) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=["sha256", "label", "split"], use_threads=False):
            for row in zip(*(batch.column(name).to_pylist() for name in ("sha256", "label", "split")), strict=True):
                words = "\0".join("" if each is None else each for each in row)  # no label holds a NUL, and none is empty
                yield hashlib.sha256(words.encode()).digest()[:_DIGEST_BYTES]


def _digests_beside(kept: Path) -> np.ndarray:
    """Of equal rows the order of their kept columns: uint64 [N]."""
    digests = bytearray()
    with pq.ParquetFile(kept, page_checksum_verification=True) as file:
        names = [name for name in file.schema_arrow.names if name != ID]
        for batch in file.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
            for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                digests += hashlib.sha256(json.dumps(row).encode()).digest()[:8]
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def _rewrite(path: Path, order_N: np.ndarray, digests: bytearray, asked: Set[str] = frozenset()) -> dict[str, str]:
    waiting, renamed = path.with_name("waiting.arrow"), dict[str, str]()
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            with pa.OSFile(str(waiting), "wb") as target, pa.ipc.new_file(target, schema) as stream:
                for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                    stream.write_batch(batch)
        ids = _ids(order_N, digests)
        dictionaries = [name for name in schema.names if name not in ("id", "text", "sha256")]
        options = {"compression": "zstd", "write_page_checksum": True, "use_dictionary": dictionaries}
        with pq.ParquetWriter(path, schema, **options) as written:
            for table in rows_in_order(waiting, order_N, _BATCH_ROWS):
                former = table.column(ID).to_pylist() if asked else []
                own = {ID: [next(ids) for _ in range(len(table))], "source": [CONTENT] * len(table)}
                renamed |= {old: new for old, new in zip(former, own[ID], strict=False) if old in asked}
                for name in own.keys() & set(schema.names):
                    at = schema.names.index(name)
                    table = table.set_column(at, schema.field(at), pa.array(own[name], pa.string()))
                written.write_table(table)
    finally:
        waiting.unlink(missing_ok=True)
    return renamed


def _ids(order_N: np.ndarray, digests: bytearray) -> Iterator[str]:
    before, copies = b"", 0
    for row in map(int, order_N):  # not as a list, which would be four times as large
        digest = bytes(digests[row * _DIGEST_BYTES : (row + 1) * _DIGEST_BYTES])
        before, copies = digest, copies + 1 if digest == before else 1
        yield digest.hex() if copies == 1 else f"{digest.hex()}-{copies}"
