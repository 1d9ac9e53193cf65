"""Write the columns that a corpus keeps; see kept.py. Values are text, and dates are written alike: ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.documents.times import TimeReader
from tasks.ingest.kept import BATCH_ROWS, ID, PREFIX, kept_schema
from tasks.ingest.schema import KEPT, KEPT_PART

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tasks.documents.missing import Missing
    from tasks.documents.record import Record
    from tasks.documents.times import DateOrder

MAX_CHARS = 1000  # of a value; the rest is cut off: these name groups, and are not read
MOSTLY = 0.95  # of a column's values that are dates, or numbers: then the column is one of those
SAMPLE = 2000  # different values by which a column is judged
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_PLAIN_DAY = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")  # the one number that may be a date
_ORDERS: tuple[DateOrder, ...] = ("DMY", "MDY", "YMD")
_EPOCH = datetime(1970, 1, 1)  # in UTC, which is not written out
_RAW = "raw.parquet"


class KeptWriter:
    """The part of one corpus, written in batches; `columns` has the names and kinds once it is closed."""

    def __init__(self, names: Sequence[str], missing: Missing, folder: Path) -> None:
        self.names, self._missing = tuple(names), missing
        self._folder = folder / KEPT_PART
        self._folder.mkdir()
        self._rows: list[tuple[str | None, ...]] = []
        self._raw = _opened(self._folder / _RAW, kept_schema(dict.fromkeys(names, "text")))
        self.columns: dict[str, str] = {}

    def add(self, record: Record) -> None:
        """Keep the values of a record that is in the corpus; one of an input without these columns has none."""
        values = [self._value(value) for _, value in record.rest] or [None] * len(self.names)
        self._rows.append((record.id, *values))
        if len(self._rows) >= BATCH_ROWS // 8:
            self._flush()

    def close(self) -> None:
        """Tell the kinds of the columns by their values, and write dates alike."""
        self._flush()
        self._raw.close()
        raw = self._folder / _RAW
        spelled = {name: _judged(_sample(raw, f"{PREFIX}{name}")) for name in self.names}
        self.columns = {name: kind for name, (kind, _) in spelled.items()}
        schema = kept_schema(self.columns)
        with _opened(self._folder / KEPT, schema) as written, pq.ParquetFile(raw) as file:
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                columns = [
                    _alike(batch.column(f"{PREFIX}{name}"), reader) if reader else batch.column(f"{PREFIX}{name}")
                    for name, (_, reader) in spelled.items()
                ]
                written.write_batch(pa.record_batch([batch.column(ID), *columns], schema=schema))
        raw.unlink()

    def _flush(self) -> None:
        if self._rows:
            columns = [pa.array(column, pa.string()) for column in zip(*self._rows, strict=True)]
            self._raw.write_batch(pa.record_batch(columns, schema=self._raw.schema))
            self._rows = []

    def _value(self, value: Any) -> str | None:
        text = "" if value is None else str(value).strip()
        if not text or self._missing.cell(text):
            return None
        return text[:MAX_CHARS].encode("utf-8", "replace").decode()  # JSON may hold half a surrogate pair


def _opened(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True, use_dictionary=schema.names[1:])


def _sample(path: Path, column: str) -> list[str]:
    """The first different values of a column."""
    found: dict[str, None] = {}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=[column], use_threads=False):
            found |= dict.fromkeys(pc.unique(batch.column(column).drop_null()).to_pylist())
            if len(found) >= SAMPLE:
                break
    return list(found)[:SAMPLE]


def _judged(values: Sequence[str]) -> tuple[str, TimeReader | None]:
    """The kind of a column with these values; for dates also a reader that knows their order."""
    if not values:
        return "text", None
    if _share(bool(_PLAIN_DAY.fullmatch(value)) or not _NUMBER.fullmatch(value) for value in values) >= MOSTLY:
        reader = TimeReader("UTC", _order(values))
        if _share(_moment(value, reader) is not None for value in values) >= MOSTLY:
            return "date", reader
    return ("number" if _share(bool(_NUMBER.fullmatch(value)) for value in values) >= MOSTLY else "text"), None


def _share(which: Iterable[bool]) -> float:
    found = list(which)
    return sum(found) / len(found)


def _order(values: Sequence[str]) -> DateOrder | None:
    """The one order in which every date in numbers is a date; None where there are several, or none is needed."""
    reader = TimeReader("UTC", None)
    allowed = [orders.intersection(_ORDERS) for value in values if (orders := reader.orders(value))]
    allowed = [orders for orders in allowed if orders]
    common = [order for order in _ORDERS if allowed and order in reduce(frozenset.intersection, allowed)]
    return common[0] if len(common) == 1 else None


def _moment(value: str, reader: TimeReader) -> str | None:
    """A date, or a time in UTC, as ISO 8601; None for a value that is neither."""
    if _NUMBER.fullmatch(value) and not _PLAIN_DAY.fullmatch(value):
        return None
    found = reader.read(value)
    if found.reason is not None:
        return None
    when = _EPOCH + timedelta(seconds=found.microseconds // 1_000_000)
    return (when.date() if when.time() == time() else when).isoformat()


def _alike(column: pa.Array, reader: TimeReader) -> pa.Array:
    """The column with each date as ISO 8601; what is not a date stays as it is."""
    encoded = column.dictionary_encode()
    values = pa.array(list(_spelled(encoded.dictionary.to_pylist(), reader)), pa.string())
    return values.take(encoded.indices)


def _spelled(values: Sequence[str], reader: TimeReader) -> Iterator[str]:
    for value in values:
        yield _moment(value, reader) or value
