"""Which entries of a watch-list no document speaks of, and since when they were looked for."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from tasks.monitor.state import MonitorState
from tasks.monitor.watched import NotFound, begin_watching, not_found, not_found_in_words, num_watched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa


def refresh(state: MonitorState, batch: pa.RecordBatch, entries: list[str], day: str) -> None:
    with state.refresh() as transaction:
        transaction.add(batch)
        begin_watching(state, entries, day)


def test_entries_that_were_never_found_are_told_with_the_documents_since(
    tmp_path: Path, make_batch: Callable[..., pa.RecordBatch]
) -> None:
    documents = [("2022-03-01", f"茅台股价 {number}", "negative", 0.9) for number in range(3)]
    with MonitorState.open(tmp_path, "desk") as state:
        begin_watching(state, ["茅台", "腾讯"], "2022-03-01")
        assert not_found(state) == []  # nothing was scored yet
        refresh(state, make_batch(documents, names=["茅台"]), ["茅台", "腾讯"], "2022-03-02")
        assert not_found(state) == [NotFound("腾讯", "2022-03-01", 3)]
        later = [("2022-03-05", "AT&T falls", "negative", 0.9)]
        refresh(state, make_batch(later), ["茅台", "腾讯", "Café"], "2022-03-05")
        assert not_found(state) == [NotFound("Café", "2022-03-05", 1), NotFound("腾讯", "2022-03-01", 4)]
        assert not_found_in_words(not_found(state), num_watched(state)) == [
            "1 of 3 entries found in none of the 4 documents since 2022-03-01: 腾讯",
            "1 of 3 entries found in none of the 1 documents since 2022-03-05: Café",
        ]
        refresh(state, make_batch([("2022-03-06", "x", "negative", 0.9)]), ["腾讯"], "2022-03-06")
        assert not_found(state) == [NotFound("腾讯", "2022-03-01", 5)]
        refresh(state, make_batch([("2022-03-06", "y", "negative", 0.9)]), [], "2022-03-06")
        assert (not_found(state), num_watched(state)) == ([], 0)


def test_many_entries_are_told_in_one_line() -> None:
    missing = [NotFound(f"name {number:02}", "2022-03-01", 1234) for number in range(20)]
    (line,) = not_found_in_words(missing, 30)
    assert line.startswith("20 of 30 entries found in none of the 1,234 documents since 2022-03-01: name 00, name 01")
    assert line.endswith("name 07 and 12 more")


def test_a_refresh_that_fails_begins_nothing(tmp_path: Path, make_batch: Callable[..., pa.RecordBatch]) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        try:
            with state.refresh() as transaction:
                transaction.add(make_batch([("2022-03-01", "x", "negative", 0.9)]))
                begin_watching(state, ["腾讯"], "2022-03-01")
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        assert num_watched(state) == 0


def test_a_monitor_of_before_counts_from_its_next_refresh(tmp_path: Path, make_batch: Callable[..., pa.RecordBatch]) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, make_batch([("2022-03-01", "Tesco", "negative", 0.9)], names=["Tesco"]), [], "2022-03-01")
    with sqlite3.connect(tmp_path / "monitor" / "desk" / "state.db") as db:
        db.execute("DELETE FROM settings WHERE key != 'negative'")
    db.close()
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, make_batch([("2022-03-02", "x", "negative", 0.9)]), ["Tesco", "腾讯"], "2022-03-02")
        assert not_found(state) == [NotFound("腾讯", "2022-03-02", 1)]
