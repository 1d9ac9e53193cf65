"""What an earlier version counted counts once, also where it read the time otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.collect.collect import identity
from tasks.collect.settings import CollectConfig
from tasks.monitor.state import MonitorState

Collect = Callable


def counted_before(root: Path, when: int, text: str) -> None:
    """Put a document's identity into the monitor, as the version before this one made it; `when` is in microseconds."""
    with MonitorState.open(root, "news") as state:
        state.db.execute("INSERT INTO documents VALUES (?, '2000-01-01')", (identity(when, text),))


@pytest.mark.parametrize(
    ("written", "zone", "before"),
    [
        ("202003151030", "UTC", 202003151030_000),  # as milliseconds since 1970
        ("2020-03-15 10:00:00 CST", "Asia/Shanghai", 1584288000_000000),  # as if it were in Chicago
        ("2020-03-15T10:00:00Z", "UTC", 1584266400_000000),
        ("18-Jul-20", "UTC", 1595030400_000000),
    ],
)
def test_a_time_that_is_read_otherwise_now_is_no_new_document(tmp_path: Path, written: str, zone: str, before: int) -> None:
    from tasks.collect.collect import Collector

    counted_before(tmp_path / "root", before, "Sales rose")
    (tmp_path / "news.csv").write_text(f"time,text\n{written},Sales rose\n{written},Sales fell\n")
    config = CollectConfig(source=str(tmp_path / "news.csv"), timezone=zone)
    with MonitorState.open(tmp_path / "root", "news") as state, state.refresh() as refresh:
        rows = [row["text"] for batch in Collector(config, refresh, now=1.6e9).batches() for row in batch.to_pylist()]
        refresh.scored = len(rows)
        assert (rows, refresh.duplicates) == (["Sales fell"], 1)


def test_a_file_is_read_once_more_by_a_reader_that_reads_more(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", 0.0)
    news = tmp_path / "news.csv"
    news.write_text("time,text\n2020-03-15 10:00:00 UTC,Sales rose\n")
    with monkeypatch.context() as before:
        before.setattr("tasks.collect.files.READER", 1)
        assert collect(news).report["unchanged"] == 0
    again = collect(news)
    assert (again.report["unchanged"], again.figures["duplicates"]) == (0, 1)
    assert collect(news).report["unchanged"] == 1
