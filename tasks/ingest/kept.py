"""The columns of a table that a corpus keeps beside its texts and labels: a part of its own, for slices, splits and reports.

`kept/kept.parquet` lies beside corpus.parquet and has its rows in its order: the id, and a column of text for each of
`ingest.keep`, null where the table has no value. A step that is handed the corpus without this part does not notice it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.ingest.schema import KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ID = "id"
PREFIX = "keep:"  # of the columns' names, so that one may be called id
KIND = b"kind"  # in a column's metadata: date (values are ISO 8601 where they could be read), number or text
BATCH_ROWS = 65_536
LOOKED_AT = 2000  # values among which one is looked for that is no date
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?")  # a date, or a time in UTC


def kept_schema(kinds: dict[str, str]) -> pa.Schema:
    """The schema of a part that has columns of these names and kinds."""
    columns = [pa.field(f"{PREFIX}{name}", pa.string(), metadata={KIND: kind.encode()}) for name, kind in kinds.items()]
    return pa.schema([pa.field(ID, pa.string(), nullable=False), *columns])


def kept_columns(folder: Path) -> dict[str, str]:
    """The names of the columns in a folder of this part, in the order of `ingest.keep`, each with its kind."""
    schema = pq.read_schema(folder / KEPT)
    return {field.name.removeprefix(PREFIX): field.metadata[KIND].decode() for field in schema if field.name != ID}


def read_kept(folder: Path, ids: pa.Array, names: Sequence[str]) -> dict[str, pa.Array]:
    """Values of the columns `names` of the rows with these ids [N], in their order: strings, null where there is none.

    Raises OSError if a page is damaged or a row is missing.
    """
    path, wanted = folder / KEPT, ids.cast(pa.string())
    columns = [f"{PREFIX}{name}" for name in names]
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        batches = file.iter_batches(BATCH_ROWS, columns=[ID, *columns], use_threads=False)
        found = [batch.filter(pc.is_in(batch.column(ID), value_set=wanted)) for batch in batches]
        schema = pa.schema([file.schema_arrow.field(name) for name in (ID, *columns)])
    table = pa.Table.from_batches(found, schema)
    at = pc.index_in(wanted, value_set=table.column(ID).combine_chunks())
    if at.null_count:
        raise OSError(f"{path} lacks {at.null_count} of {len(ids)} rows")
    return {
        name: table.column(column).combine_chunks().take(at) if len(table) else pa.nulls(len(ids), pa.string())
        for name, column in zip(names, columns, strict=True)
    }


def only_dates(column: pa.Array) -> pa.Array:
    """The values of a column of dates, null where one could not be read as a date and is kept as it was found."""
    encoded = column.dictionary_encode()
    dates = [value if _is_date(value) else None for value in encoded.dictionary.to_pylist()]
    return pa.array(dates, pa.string()).take(encoded.indices)


def _is_date(value: str) -> bool:
    if not _WRITTEN.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def not_a_date(values: pa.Array) -> str | None:
    """Of a column that is not one of dates a value to show for it, one that cannot be read as a date if there is one."""
    from tasks.documents.times import TimeReader

    reader = TimeReader("UTC", None)
    known = [value for value in pc.unique(values).to_pylist() if value is not None][:LOOKED_AT]
    return next((value for value in known if reader.read(value).reason is not None), known[0] if known else None)
