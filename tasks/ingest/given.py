"""Labels that people gave beside the corpus, joined to its rows by what their texts say; see tasks/labels.

A given label replaces that of every row whose text it is for, and becomes that of rows without one. Texts that the corpus
does not have become rows of their own, with the source `labels/IMPORT`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.documents.record import Record
from tasks.labels.content import content_key
from tasks.labels.schema import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CHANGED = "side/given_labels.parquet"
CHANGED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("label", pa.string()),  # that the corpus has; null: none
        pa.field("given", pa.string(), nullable=False),
    ]
)
PREFIX = "labels:"  # of the ids of rows of their own


class GivenLabels:
    """The labels of a table that the step `labels` made, and what became of them.

    Memory: a few hundred bytes a label, and its text.
    """

    def __init__(self, folder: Path, accepted: frozenset[str], split: str | None) -> None:
        """`accepted` are the labels that the request takes, if it names some; `split` is that of rows that get a label."""
        with pq.ParquetFile(folder / TABLE, page_checksum_verification=True) as file:
            rows = file.read().to_pylist()
        self.split = split
        self.counts: Counter[str] = Counter()
        self._labels: dict[str, str] = {}
        self._rows: dict[str, tuple[str, str]] = {}
        for row in rows:
            if accepted and row["label"] not in accepted:
                self.counts["unknown_label"] += 1
                continue
            self._labels[row["key"]] = row["label"]
            if row["source"] is not None:
                self._rows[row["key"]] = (row["text"], row["source"])
        self._used: set[str] = set()
        self._changed: list[tuple[str, str | None, str]] = []

    def of(self, text: str) -> tuple[str, str] | None:
        """The key of a text and the label that somebody gave it; None if nobody has."""
        label = self._labels.get(key := content_key(text))
        return None if label is None else (key, label)

    def use(self, key: str, row: str, before: str | None, label: str, split: str | None) -> None:
        """Count a row that is kept with a given label; `before` is the one that it had."""
        self._used.add(key)
        if row.startswith(PREFIX):
            self.counts["rows_added"] += 1
        elif before == label:
            self.counts["confirmed"] += 1
        else:
            self.counts["labelled" if before is None else "corrected"] += 1
            self.counts["corrected_test"] += before is not None and split == "test"
            self._changed.append((row, before, label))

    def rest(self) -> Iterator[Record]:
        """A record for each labelled text that no row of the corpus has."""
        for key, (text, source) in self._rows.items():
            if key not in self._used:
                yield Record(f"{PREFIX}{key[:32]}", source, 0, text.encode(), text, self._labels[key], self.split)

    @property
    def changed(self) -> set[str]:
        """The ids of rows that have another label than the corpus gives them."""
        return {row for row, _, _ in self._changed}

    def rename(self, ids: Mapping[str, str]) -> None:
        """Give these rows the ids that they have now."""
        self._changed = [(ids[row], before, label) for row, before, label in self._changed]

    def report(self) -> dict[str, int]:
        """How many rows were corrected (of an official test split among them), confirmed, labelled and added.

        `unused` labels are for texts that no row has and that are not added.
        """
        names = ("corrected", "confirmed", "labelled", "rows_added", "corrected_test", "unknown_label")
        return {name: self.counts[name] for name in names} | {"unused": len(self._labels.keys() - self._used)}

    def write(self, folder: Path) -> None:
        """Write which rows have another label than the corpus gives them."""
        (folder / CHANGED).parent.mkdir(exist_ok=True)
        columns = list(zip(*self._changed, strict=True)) or [()] * len(CHANGED_SCHEMA)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, CHANGED_SCHEMA, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, schema=CHANGED_SCHEMA), folder / CHANGED, write_page_checksum=True)
