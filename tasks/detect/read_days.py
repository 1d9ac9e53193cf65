"""Read the documents of days again and again: alerts of neighbouring days are explained by almost the same ones."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa

    from tasks.monitor.state import MonitorState

MOST_BYTES = 64 << 20  # of documents that are held


class _Day(NamedTuple):
    """A day's documents, and the names that they speak of."""

    batches: list[pa.RecordBatch]
    names: frozenset[str]
    size: int


class ReadDays:
    """Some columns of a monitor's documents; the days that were asked for last are held, in at most `most_bytes`.

    No document may be added while it is used. A day alone that has more bytes is not held.
    """

    def __init__(self, state: MonitorState, columns: Sequence[str], most_bytes: int = MOST_BYTES) -> None:
        self._state, self._columns, self._most = state, columns, most_bytes
        self._held: OrderedDict[str, _Day] = OrderedDict()
        self._size = 0

    def batches(self, days: Collection[str], name: str | None = None) -> Iterator[pa.RecordBatch]:
        """The documents of these days, by day; with a `name` not those batches of which none speaks of it."""
        for day in sorted(set(days)):
            held = self._held.get(day)
            if held is None:
                read = self._state.documents({day}, self._columns)
                held = _Day(batches := list(read), _names(batches), sum(batch.nbytes for batch in batches))
                self._hold(day, held)
            else:
                self._held.move_to_end(day)
            if name is None or name in held.names:
                yield from held.batches

    def sizes(self) -> list[int]:
        """The bytes of each day that is held."""
        return [day.size for day in self._held.values()]

    def _hold(self, day: str, read: _Day) -> None:
        if read.size > self._most:
            return
        self._held[day] = read
        self._size += read.size
        while self._size > self._most:
            _, oldest = self._held.popitem(last=False)
            self._size -= oldest.size


def _names(batches: Sequence[pa.RecordBatch]) -> frozenset[str]:
    return frozenset(name for batch in batches for name in pc.unique(batch.column("names").flatten()).to_pylist())
