"""Collected documents on their way to scoring: one Arrow file, read once and in order, so that memory is one batch."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.collect.found import COLLECTED_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def write_spool(path: Path, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches (COLLECTED_SCHEMA) in place of what `path` held, readable by the owner only; return how many rows."""
    rows = 0
    with (
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,  # noqa: PTH123 mode 0600
        pa.ipc.new_stream(file, COLLECTED_SCHEMA) as stream,
    ):
        for batch in batches:
            stream.write_batch(batch)
            rows += batch.num_rows
    return rows


def read_spool(path: Path) -> Iterator[pa.RecordBatch]:
    """The batches as they were written."""
    with path.open("rb") as file, pa.ipc.open_stream(file) as stream:
        yield from stream


@contextlib.contextmanager
def spool_in(folder: Path) -> Iterator[Path]:
    """Give a place for the spool in a monitor's folder; a file that is left there, by a killed refresh too, is removed."""
    path = folder / "incoming.arrow"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
