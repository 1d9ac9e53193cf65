"""The columns by which test rows are put into slices: length, script, source, the columns that the corpus keeps, names.

In go the folders of texts, corpus and kept columns, out comes a grouping for each column that tells rows apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.evaluate.slices.groups import Grouping, by_number, by_text, by_value
from tasks.evaluate.slices.script import script_of
from tasks.evaluate.slices.settings import LENGTH, NAME, SCRIPT, SOURCE
from tasks.ingest.kept import kept_columns, read_kept
from tasks.ingest.schema import CORPUS
from tasks.prepare.read import iter_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.evaluate.slices.settings import SliceConfig

MOST_NAMES = 50  # of a watch-list that are slices, the most frequent ones
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Rows:
    """The test rows with what they are told apart by: N ids, groupings of all columns, and kept values as they are."""

    ids: pa.Array
    groupings: tuple[Grouping, ...]
    values: dict[str, list[str | None]]
    kinds: dict[str, str]

    def slice(self, name: str) -> np.ndarray:
        """Rows of the slice `COLUMN=VALUE`, bool [N]: a group, a value as it is, or the beginning of a date."""
        column, _, value = name.partition("=")
        found = np.zeros(len(self.ids), bool)
        for grouping in self.groupings:
            if grouping.column == column and value in grouping.labels:
                found |= grouping.slice(value)
        begins = self.kinds.get(column) == "date" and value != ""
        for row, own in enumerate(self.values.get(column, ())):
            if own is not None and (own == value or (begins and own.startswith(value))):
                found[row] = True
        return found


def read_rows(config: SliceConfig, texts: Path, corpus: Path, kept: Path | None) -> Rows:
    """Group the test rows, in their order; `texts` is prepare's part holdout_texts, `kept` ingest's part of that name.

    Texts are streamed; memory is a few values of each test row. A kept column takes the place of one of every corpus that has
    its name.
    """
    ids, lengths, scripts, named = _read_texts(config, texts)
    kinds = kept_columns(kept) if kept is not None else {}
    groupings = [by_number(LENGTH, lengths), by_value(SCRIPT, scripts, config.slice_rows)]
    groupings.append(by_value(SOURCE, _sources(corpus, ids), config.slice_rows))
    groupings = [each for each in groupings if each.column not in kinds]
    values = {name: _values(column) for name, column in read_kept(kept, ids, list(kinds)).items()} if kept else {}
    groupings += [by_text(name, values[name], kind, config.slice_rows) for name, kind in kinds.items()]
    return Rows(ids, (*groupings, *named), values, kinds)


def _read_texts(config: SliceConfig, texts: Path) -> tuple[pa.Array, np.ndarray, list[str], list[Grouping]]:
    """Id, length in characters and script of each test row, and groupings by the names that rows speak of."""
    watch = None
    if config.watch_list is not None:
        from tasks.score.watch import WatchList

        watch = WatchList.load(config.watch_list)
    ids: list[pa.Array] = []
    lengths: list[np.ndarray] = [np.empty(0, np.int64)]
    scripts: list[str] = []
    names: dict[str, list[int]] = {}
    for batch in iter_texts(texts, ("test",)):
        column = batch.column("text")
        written = column.to_pylist()
        for row, entries in enumerate(watch.find(written) if watch else ()):
            for entry in entries:
                names.setdefault(entry, []).append(len(scripts) + row)
        ids.append(batch.column("id"))
        lengths.append(pc.utf8_length(column).to_numpy(zero_copy_only=False).astype(np.int64))
        scripts += map(script_of, written)
    return (
        pa.chunked_array(ids, pa.string()).combine_chunks(),
        np.concatenate(lengths),
        scripts,
        list(_named(names, len(scripts))),
    )


def _named(names: dict[str, list[int]], num_rows: int) -> Iterator[Grouping]:
    """One grouping for each name: a row may speak of several, and of a name it speaks or it does not."""
    for name, rows in sorted(names.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_NAMES]:
        groups = np.full(num_rows, -1, np.int64)
        groups[rows] = 0
        yield Grouping(NAME, (name,), groups)


def _sources(corpus: Path, ids: pa.Array) -> list[str | None]:
    """Where each row was found, by its id."""
    found = []
    with pq.ParquetFile(corpus / CORPUS, page_checksum_verification=True) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["id", "source"], use_threads=False):
            found.append(batch.filter(pc.is_in(batch.column("id"), value_set=ids)))  # noqa: PERF401 a batch is let go
    table = pa.Table.from_batches(found)
    at = pc.index_in(ids, value_set=table.column("id").combine_chunks())
    return _values(table.column("source").combine_chunks().cast(pa.string()).take(at))


def _values(column: pa.Array) -> list[str | None]:
    """The values of a column of strings; equal ones are one object."""
    encoded = column.dictionary_encode()
    known = encoded.dictionary.to_pylist()
    return [None if number is None else known[number] for number in encoded.indices.to_pylist()]
