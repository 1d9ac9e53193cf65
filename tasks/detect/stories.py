"""Follow stories: find, for the days that a refresh has added documents to, which documents are copies of an earlier one.

A day's copies depend on the documents of this day and of the `story_days` days before it, so a document that comes late changes
its own day and those that follow. These days are looked through anew; the others stay. So day by day comes to the same as all
at once, and memory is that of a window: what is compared of its documents, and one day's documents without their texts.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.detect.copies import RULE, Sketches, earliest_copies, firsts
from tasks.errors import UnavailableError
from tasks.monitor.aggregate import count_series
from tasks.monitor.stories import LOOK_AGAIN, Copy, replace_copies
from tasks.monitor.tables import SCORED_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.detect.settings import DetectConfig
    from tasks.monitor.state import MonitorState

log = logging.getLogger(__name__)

KEY = "stories"  # the setting of the monitor that says by which rule its stories were followed
COLUMNS = ["id", "time", "day", "text", "source", "label", "negative", "topics", "names", "fields", "towards"]
PUBLISHERS = ("publisher", "source", "provider", "outlet", "site")  # names of the field that says who published a document


class Day(NamedTuple):
    """The documents of one day in order of time and id: what is compared, what a copy is kept with, and what is counted."""

    sketches: Sketches
    ids: list[bytes]
    times: list[int]
    sources: list[str]
    counted: pa.Table

    def take(self, rows: np.ndarray) -> Day:
        """Some of its documents, and nothing to count."""
        ids, times, sources = (np.array(each, object)[rows].tolist() for each in (self.ids, self.times, self.sources))
        return Day(self.sketches.take(rows), ids, times, sources, self.counted.slice(0, 0))


def follow_stories(state: MonitorState, config: DetectConfig) -> int:
    """Find the copies of the days that an open refresh has added to; returns how many they have now.

    All days are looked through if the settings or the rule have changed since the refresh before. Days for which a file cannot
    be read keep what was found of them before, if anything was, and are looked through again by the next refresh. So are those
    that lost the document which theirs are copies of.
    """
    rule = json.dumps([RULE, config.story_days, config.story_similarity])
    held = sorted(state.days())
    before = set(json.loads(state.setting(LOOK_AGAIN) or "[]"))
    changed = set(state.touched_days()) | before & set(held) if state.setting(KEY) == rule else set(held)
    unread = set[str]()
    judged = {day for day in held if any(earlier in changed for earlier in (day, *_days_before(day, config.story_days)))}
    needed = sorted(judged | {earlier for day in judged for earlier in _days_before(day, config.story_days)} & set(held))
    window: deque[tuple[str, Day]] = deque()
    number = 0
    for day in needed:
        while window and window[0][0] < _days_before(day, config.story_days)[-1]:
            window.popleft()
        documents = _read(state, day, unread)
        is_whole = unread.isdisjoint((day, *_days_before(day, config.story_days)))
        if day in judged and (is_whole or not state.copies([day])):
            copies, rows = _copies(day, documents, [each for _, each in window], config.story_similarity)
            counted = documents.counted.take(pa.array(rows)).combine_chunks().to_batches()
            sums = (each for batch in counted for each in count_series(batch, state.negative() or config.negative))
            replace_copies(state.db, day, copies, sums)
            number += len(copies)
        window.append((day, documents.take(firsts(documents.sketches))))
    for day in before - set(held):
        replace_copies(state.db, day, [], [])
    if changed:
        state.keep_setting(KEY, rule)
    if unread != before:
        state.keep_setting(LOOK_AGAIN, json.dumps(sorted(unread)))
    return number


def _days_before(day: str, number: int) -> list[str]:
    """The `number` days before a day, latest first."""
    date = datetime.date.fromisoformat(day)
    return [(date - datetime.timedelta(days=back)).isoformat() for back in range(1, number + 1)]


def _copies(day: str, own: Day, before: Sequence[Day], similarity: float) -> tuple[list[Copy], np.ndarray]:
    """The copies among a day's documents, and their rows."""
    days = [*before, own]
    start = sum(len(each.ids) for each in before)
    earliest_N = earliest_copies(Sketches.joined([each.sketches for each in days]), start, similarity)
    rows = np.flatnonzero(earliest_N != start + np.arange(len(own.ids)))
    ends = np.cumsum([len(each.ids) for each in days])
    copies = []
    for row, place in zip(rows.tolist(), earliest_N[rows].tolist(), strict=True):
        number = int(np.searchsorted(ends, place, "right"))
        earlier, at = days[number], place - int(ends[number] - len(days[number].ids))
        shown = (earlier.ids[at], earlier.times[at], earlier.sources[at])
        copies.append(Copy(own.ids[row], day, own.times[row], own.sources[row], *shown))
    return copies, rows


def _read(state: MonitorState, day: str, unread: set[str]) -> Day:
    """A day's documents; of a damaged file none, which is said, and the day added to `unread`."""
    tables, sketches = [], []
    for table in _tables(state, day, unread):
        sketches.append(Sketches.of(table["text"].to_pylist(), table["names"].to_pylist()))
        sources = pa.array(_publishers(table), pa.string())
        tables.append(table.drop_columns(["text", "fields"]).set_column(3, "source", sources))
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in COLUMNS if name not in ("text", "fields")])
    whole = pa.concat_tables(tables) if tables else schema.empty_table()
    order = pc.sort_indices(whole, [("time", "ascending"), ("id", "ascending")])
    whole = whole.take(order)
    ids, sources = whole["id"].to_pylist(), whole["source"].to_pylist()
    compared = Sketches.joined([*sketches, Sketches.of([], [])]).take(order.to_numpy())
    return Day(compared, ids, whole["time"].cast(pa.int64()).to_pylist(), sources, whole)


def _tables(state: MonitorState, day: str, unread: set[str]) -> Iterator[pa.Table]:
    try:
        for batch in state.documents([day], COLUMNS):
            yield pa.Table.from_batches([batch])
    except (UnavailableError, OSError) as error:  # readers of that day are told; new documents must count all the same
        log.warning("copies of documents of %s are not looked for: %s", day, error)
        unread.add(day)


def _publishers(table: pa.Table) -> list[str]:
    """Who published each document: what a field of it says, else the source that it was collected from."""
    found = []
    for source, fields in zip(table["source"].to_pylist(), table["fields"].to_pylist(), strict=True):
        named = {name.strip().casefold(): value for name, value in fields or ()}
        found.append(next((named[name] for name in PUBLISHERS if named.get(name)), source))
    return found
