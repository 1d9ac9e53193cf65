"""Scored documents on disk: Parquet files by day, named for their content, so that writing one twice is writing it once."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.crash import crash_point
from tasks.durable import PRIVATE, flush, replaced
from tasks.errors import UnavailableError
from tasks.in_use import remedy
from tasks.monitor.tables import SCORED_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NUM_WRITERS = 8
SMALL_BYTES = 1 << 20  # of a file that may be merged with others of its day; compressed, so that merging takes little memory


class Part(NamedTuple):
    """One file of documents of one day; `path` is relative to the folder of all of them."""

    path: str
    day: str
    rows: int
    sha256: str


def write_parts(folder: Path, batches: Sequence[pa.RecordBatch]) -> list[Part]:
    """Write one file for each day among the batches (SCORED_SCHEMA), its rows by time and id; on disk when this returns."""
    table = pa.Table.from_batches(batches, SCORED_SCHEMA).sort_by(
        [("day", "ascending"), ("time", "ascending"), ("id", "ascending")]
    )
    runs = pc.run_end_encode(table.column("day").combine_chunks())
    start = 0
    days: list[tuple[str, pa.Table]] = []
    for day, end in zip(runs.values.cast(pa.string()).to_pylist(), runs.run_ends.to_pylist(), strict=True):
        days.append((day, table.slice(start, end - start)))
        start = end
    with ThreadPoolExecutor(NUM_WRITERS) as pool:  # a disk confirms many files in hardly more time than one
        parts = list(pool.map(lambda item: _write(folder, *item), days))
    flush(folder)
    return parts


def read_part(folder: Path, part: Part, columns: Sequence[str] | None) -> pa.Table:
    """The rows of a part, once every byte is verified; UnavailableError if the file is missing or has other bytes."""
    path = folder / part.path
    try:
        data = path.read_bytes()
    except OSError as error:
        told = remedy(path, error, "restore it from a backup")
        raise UnavailableError(f"{path} cannot be read ({error.strerror}); {told}") from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise UnavailableError(f"{path} has other bytes than were written; restore it from a backup")
    file = pq.ParquetFile(pa.BufferReader(data))
    wanted, held = list(columns or SCORED_SCHEMA.names), set(file.schema_arrow.names)
    table = file.read([name for name in wanted if name in held])
    for place, name in enumerate(wanted):
        if name not in held:  # a column that is younger than the file
            field = SCORED_SCHEMA.field(name)
            table = table.add_column(place, field, pa.nulls(part.rows, field.type))
    return table


def small_parts(folder: Path, parts: Iterable[Part]) -> list[Part]:
    """Those parts whose files have at most SMALL_BYTES; missing files are left out."""
    return [part for part in parts if (path := folder / part.path).is_file() and path.stat().st_size <= SMALL_BYTES]


def merge_parts(folder: Path, parts: Sequence[Part], held_bytes: int) -> Iterator[tuple[list[Part], Part]]:
    """Write parts of one day together, every byte verified: some parts, and the one that holds all their documents.

    Not much more than `held_bytes` are held at once. The old files stay for the sweep. UnavailableError: one is damaged.
    """
    group: list[Part] = []
    held: list[pa.RecordBatch] = []
    num_bytes = 0
    for place, part in enumerate(parts, start=1):
        table = read_part(folder, part, None)
        group.append(part)
        held += table.to_batches()
        num_bytes += table.nbytes
        if num_bytes >= held_bytes or place == len(parts):
            if len(group) > 1:
                (merged,) = write_parts(folder, held)
                yield group, merged
            group, held, num_bytes = [], [], 0


def sweep_parts(folder: Path, known: Iterable[str]) -> int:
    """Remove every file that `known` does not name, such as those of a killed refresh. Returns how many."""
    keep, removed = set(known), 0
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if path.relative_to(folder).as_posix() not in keep:
                path.unlink()
                removed += 1
    return removed


def _write(folder: Path, day: str, rows: pa.Table) -> Part:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    data = sink.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    place = folder / f"day={day}"
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / f"{digest[:32]}.parquet"
    with replaced(path, mode=PRIVATE, flushed=True) as partial:
        partial.write_bytes(data)
        crash_point("monitor.part_written")
    crash_point("monitor.part_named")
    return Part(path.relative_to(folder).as_posix(), day, rows.num_rows, digest)
