import errno
import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError, UnavailableError
from tasks.monitor.alert import Alert
from tasks.monitor.parts import Part, merge_parts, read_part, write_parts
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import COUNTS_SCHEMA, HISTOGRAMS_SCHEMA, SCORED_SCHEMA
from tasks.monitor.transaction import MAX_SMALL_PARTS, Refused

MakeBatch = Callable[..., pa.RecordBatch]
MONDAY, TUESDAY = "2020-03-09", "2020-03-10"
DOCUMENTS = [
    (MONDAY, "shares fell", "negative", 0.9),
    (TUESDAY, "shares rose", "positive", 0.1),
    (MONDAY, "shares slumped", "negative", 0.8),
]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MonitorState]:
    with MonitorState.open(tmp_path, "news") as opened:
        yield opened


def alert(*, start: str = "2020-03-04", end: str = "2020-03-10", **changes: Any) -> Alert:
    values: dict[str, Any] = {"kind": "surge", "series": "all", "severity": "high", "window": (start, end), "created": 1.0}
    values["facts"] = {"count": 120, "negative_share": 0.4, "baseline": 0.2}
    values["evidence"] = {"words": ["fell"]}
    return Alert.make("news", **(values | changes))


def test_counts_add_up_by_series_and_day(state: MonitorState, make_batch: MakeBatch) -> None:
    batch = make_batch(DOCUMENTS, topics=[("topic", "energy")], names=["Shell", "BP"])
    with state.refresh(labels=["negative", "positive"]) as refresh:
        refresh.add(batch.slice(0, 2))
        refresh.add(batch.slice(2))
    assert state.counts().schema == COUNTS_SCHEMA
    expected = [(MONDAY, 2, 2, 1_700_000), (TUESDAY, 1, 0, 100_000)]
    for series in ("all", "topic:topic/energy", "name:Shell", "name:BP"):
        assert [tuple(row.values()) for row in state.counts(series).to_pylist()] == [(series, *row) for row in expected]
    assert state.counts().num_rows == 8


def test_slices_of_a_batch_count_their_own_topics_and_names(state: MonitorState, make_batch: MakeBatch) -> None:
    first = make_batch(DOCUMENTS[:1], topics=[("topic", "energy")], names=["Shell"])
    second = make_batch(DOCUMENTS[1:2], topics=[("topic", "retail")], names=["Tesco", "Next"])
    both = pa.Table.from_batches([first, second]).combine_chunks().to_batches()[0]
    with state.refresh() as refresh:
        refresh.add(both.slice(1))
    assert state.counts()["series"].to_pylist() == ["all", "name:Next", "name:Tesco", "topic:topic/retail"]


def test_histograms_hold_every_feature(state: MonitorState, make_batch: MakeBatch) -> None:
    with state.refresh(labels=["negative", "neutral", "positive"]) as refresh:
        refresh.add(make_batch(DOCUMENTS[:2], tokens=5, unseen=2, confidence=1.0))
    assert state.histograms().schema == HISTOGRAMS_SCHEMA
    rows = [tuple(row.values()) for row in state.histograms().to_pylist() if row["day"] == TUESDAY]
    assert rows == [
        ("confidence", TUESDAY, 19, 1),
        ("label", TUESDAY, 2, 1),
        ("length", TUESDAY, 3, 1),
        ("tokens", TUESDAY, 0, 5),
        ("unseen", TUESDAY, 4, 1),
        ("unseen_tokens", TUESDAY, 0, 2),
    ]
    assert state.labels() == ["negative", "neutral", "positive"]


def test_any_order_of_documents_gives_the_same_aggregates(tmp_path: Path, make_batch: MakeBatch) -> None:
    batch = make_batch([(f"2020-03-{1 + n % 9:02d}", f"text {n}", "negative", n / 60) for n in range(60)])
    results = []
    for name, pieces in (("a", [batch]), ("b", [batch.slice(n, 7) for n in range(56, -1, -7)])):
        with MonitorState.open(tmp_path, name) as state:
            for piece in pieces:
                with state.refresh() as refresh:
                    refresh.add(piece)
            results.append((state.counts(), state.histograms()))
    assert results[0] == results[1]


def test_seen_knows_committed_documents_this_refresh_and_repetitions(state: MonitorState, make_batch: MakeBatch) -> None:
    batch = make_batch(DOCUMENTS)
    ids = batch.column("id").to_pylist()
    with state.refresh() as refresh:
        assert refresh.seen([ids[0], ids[0], ids[1]]).tolist() == [False, True, False]
        refresh.add(batch.slice(0, 1))
        assert refresh.seen(ids).tolist() == [True, False, False]
    with state.refresh() as refresh:
        assert refresh.seen(ids * 3000)[:3].tolist() == [True, False, False]


def test_a_failed_refresh_leaves_nothing(state: MonitorState, make_batch: MakeBatch) -> None:
    batch = make_batch(DOCUMENTS)
    with state.refresh() as refresh:
        refresh.add(batch.slice(0, 1))
    before = (state.counts(), state.histograms(), state.refreshes())

    def fail() -> None:
        with state.refresh() as refresh:
            refresh.add(batch.slice(1))
            refresh.quarantine([Refused("a.csv", 3, "malformed_row", b"x")])
            state.store_alerts([alert()], cooldown_days=7, channels=["file"])
            refresh.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (state.counts(), state.histograms(), state.refreshes()) == before
    assert (state.quarantined(), state.alerts(), state.deliveries()) == ([], [], [])
    assert sum(batch.num_rows for batch in state.documents()) == 1


def test_documents_come_back_by_day_and_as_they_were(state: MonitorState, make_batch: MakeBatch) -> None:
    batch = make_batch(DOCUMENTS, topics=[("topic", "energy")], names=["Shell"])
    with state.refresh() as refresh:
        refresh.add(batch)
        inside = pa.Table.from_batches(state.documents())  # before the commit
    table = pa.Table.from_batches(state.documents())
    assert table == inside
    assert table.schema == SCORED_SCHEMA
    expected = pa.Table.from_batches([batch]).sort_by([("time", "ascending"), ("id", "ascending")])
    assert table.to_pylist() == expected.to_pylist()
    assert [batch.to_pylist() for batch in state.documents([TUESDAY], ["text"])] == [[{"text": "shares rose"}]]


def test_latest_are_the_newest_with_the_label(state: MonitorState, make_batch: MakeBatch) -> None:
    days = [f"2020-03-{day:02d}" for day in range(1, 10)]
    for label in ("negative", "positive"):
        with state.refresh() as refresh:
            refresh.add(make_batch([(day, f"{label} {day}", label, 0.5) for day in days]))
    assert state.latest(3, label="negative")["text"].to_pylist() == [f"negative {day}" for day in days[:-4:-1]]
    assert state.latest(100).num_rows == 18


def test_a_changed_byte_of_a_file_is_an_error(state: MonitorState, make_batch: MakeBatch) -> None:
    with state.refresh() as refresh:
        refresh.add(make_batch(DOCUMENTS[:1]))
    (path,) = (state.folder / "documents").rglob("*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnavailableError, match="other bytes"):
        list(state.documents())


def test_quarantine_keeps_a_record_once_and_counts_it_each_time(state: MonitorState) -> None:
    for _ in range(2):
        with state.refresh() as refresh:
            refresh.quarantine([Refused("a.csv", 3, "incomplete_date", b"Jul-18,x"), Refused("a.csv", 9, "empty", b",")])
            refresh.duplicates += 4
    assert [(row["offset"], row["reason"], row["bytes"]) for row in state.quarantined()] == [
        (3, "incomplete_date", b"Jul-18,x"),
        (9, "empty", b","),
    ]
    assert [[row[name] for name in ("found", "scored", "duplicates", "quarantined")] for row in state.refreshes()] == [
        [6, 0, 4, 2]
    ] * 2


def test_a_surge_that_moves_by_a_day_is_no_second_alert(state: MonitorState) -> None:
    def stored(alerts: list[Alert]) -> list[str]:
        return [a.window_end for a in state.store_alerts(alerts, cooldown_days=7)]

    assert stored([alert(end="2020-03-12"), alert()]) == ["2020-03-10"]
    assert stored([alert(), alert(end="2020-03-16"), alert(end="2020-03-04")]) == []
    assert stored([alert(end="2020-03-17")]) == ["2020-03-17"]
    assert stored([alert(severity="low"), alert(series="name:BP"), alert(kind="drift")]) == ["2020-03-10"] * 3
    assert [a for a in state.alerts() if a.window_end == "2020-03-17"] == [alert(end="2020-03-17")]


def test_an_alert_is_due_on_its_channels_until_each_has_taken_it(state: MonitorState) -> None:
    with state.refresh():
        state.store_alerts([alert()], cooldown_days=7, channels=["file", "webhook"])
    state.delivered(alert().id, "file", now=5.0)
    state.failed(alert().id, "webhook", "connection refused", next_try=60.0)
    assert state.outbox(["file", "webhook"], now=59.0) == []
    assert [(d.alert, d.channel, d.attempts) for d in state.outbox(["file", "webhook"], now=60.0)] == [(alert(), "webhook", 1)]
    assert state.outbox(["file"], now=60.0) == []
    assert [row["error"] for row in state.deliveries()] == [None, "connection refused"]


def test_an_alert_that_was_stored_before_it_had_facts_reads_as_it_did(state: MonitorState) -> None:
    drift = alert(kind="drift", facts={"count": 7}, evidence={"message": "longer"})
    payload = '{"baseline":0.0,"count":7,"evidence":{"message":"longer"},"negative_share":0.0}'
    row = (drift.id, "drift", "all", "high", "2020-03-04", "2020-03-10", payload, 1.0)
    state.db.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert state.alerts() == [drift]
    assert drift.payload() == payload  # so that yesterday's program reads what today's stores


def test_any_fact_of_a_detector_is_kept_and_shown(state: MonitorState) -> None:
    late = alert(kind="late", facts={"hours": 30, "count": 0}, evidence={"message": "no news for 30 hours"})
    state.store_alerts([late], cooldown_days=7)
    (stored,) = state.alerts()
    assert stored.facts == {"hours": 30}
    assert stored.summary() == late.summary()
    assert {name: stored.summary()[name] for name in ("hours", "count", "negative_share", "baseline")} == {
        "hours": 30,
        "count": 0,
        "negative_share": 0.0,
        "baseline": 0.0,
    }


def test_ids_say_what_an_alert_is_about() -> None:
    assert alert().id == alert(start="2020-03-01", facts={"count": 7}, created=9.0).id
    assert len({alert(severity="low").id, alert(series="name:BP").id, alert(end="2020-03-11").id, alert().id}) == 4


def test_the_days_of_a_version_are_those_that_it_alone_scored(state: MonitorState, make_batch: MakeBatch) -> None:
    with state.refresh() as refresh:
        refresh.add(make_batch(DOCUMENTS))
        refresh.add(make_batch([(TUESDAY, "late", "negative", 0.9), ("2020-03-11", "new", "negative", 0.9)], model="news/4"))
    assert {model: state.days_of(model) for model in ("news/3", "news/4", "news/5")} == {
        "news/3": [MONDAY],
        "news/4": ["2020-03-11"],
        "news/5": [],
    }


def test_another_negative_label_is_refused(state: MonitorState) -> None:
    with state.refresh(negative="negative"):
        pass
    with pytest.raises(RequestError, match=r"give another --collect\.name"), state.refresh(negative="bad"):
        pass


def test_only_the_owner_can_read_the_state(state: MonitorState, make_batch: MakeBatch) -> None:
    with state.refresh() as refresh:
        refresh.add(make_batch(DOCUMENTS))
    places = [state.folder.parent, state.folder, *state.folder.rglob("*")]
    assert sum(path.is_file() for path in places) >= 4
    assert [path for path in places if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.parametrize("name", ["../x", "", "a/b", "."])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match="not a valid name for a monitor"), MonitorState.open(tmp_path, name):
        pass


def test_reading_needs_a_monitor_and_no_lock(tmp_path: Path, state: MonitorState, make_batch: MakeBatch) -> None:
    with pytest.raises(RequestError, match="no monitor 'other'"), MonitorState.read(tmp_path, "other"):
        pass
    with state.refresh() as refresh:
        refresh.add(make_batch(DOCUMENTS))
        with MonitorState.read(tmp_path, "news") as reader:
            assert reader.counts().num_rows == 0
    with MonitorState.read(tmp_path, "news") as reader:
        assert reader.counts().num_rows == 2


def test_a_damaged_or_later_database_is_told_in_one_line(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "later") as state:
        state.db.execute("PRAGMA user_version = 99")
    with pytest.raises(RequestError, match="format 99"), MonitorState.open(tmp_path, "later"):
        pass
    (tmp_path / "monitor" / "later" / "state.db").write_bytes(b"no database" * 1000)
    with pytest.raises(UnavailableError, match="restore it"), MonitorState.open(tmp_path, "later"):
        pass


def test_the_small_files_of_a_day_become_one_and_nothing_else_changes(
    tmp_path: Path, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"text {n}" for n in range(2 * MAX_SMALL_PARTS + 3)]
    batch = make_batch([(MONDAY, text, "negative", 0.9) for text in texts] + [(TUESDAY, "alone", "positive", 0.1)])
    left: dict[str, tuple[Any, ...]] = {}
    for limit in (MAX_SMALL_PARTS, 1000):
        monkeypatch.setattr("tasks.monitor.transaction.MAX_SMALL_PARTS", limit)
        with MonitorState.open(tmp_path / str(limit), "news") as state:
            for row in range(batch.num_rows):
                with state.refresh() as refresh:
                    refresh.add(batch.slice(row, 1))
                if row == MAX_SMALL_PARTS - 1:
                    reader = state.documents()
                    next(reader)
                if row == MAX_SMALL_PARTS:  # the files were merged; who reads meanwhile finds the old ones
                    assert len(list(reader)) == MAX_SMALL_PARTS - 1
            documents = pa.Table.from_batches(state.documents()).sort_by("id")
            left[str(limit)] = (state.counts(), state.histograms(), state.models(), documents)
            with state.refresh():
                pass  # sweeps
            named = {path for (path,) in state.db.execute("SELECT path FROM files")}
        folder = tmp_path / str(limit) / "monitor" / "news" / "documents"
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")} == named
        assert len(named) == (4 if limit == MAX_SMALL_PARTS else len(texts) + 1)
    assert left[str(MAX_SMALL_PARTS)] == left["1000"]


def test_a_damaged_file_is_not_merged_and_holds_up_nothing(
    state: MonitorState, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tasks.monitor.transaction.MAX_SMALL_PARTS", 1)
    with state.refresh() as refresh:
        refresh.add(make_batch(DOCUMENTS[:1]))
    (path,) = (state.folder / "documents").rglob("*.parquet")
    path.write_bytes(b"damaged")
    with state.refresh() as refresh:
        refresh.add(make_batch(DOCUMENTS[2:]))
    assert state.counts().to_pylist()[0]["documents"] == 2
    assert "other bytes" in caplog.text
    with pytest.raises(UnavailableError, match="other bytes"):
        list(state.documents())


def add_alone(state: MonitorState, batch: pa.RecordBatch, row: int) -> None:
    with state.refresh() as refresh:
        refresh.add(batch.slice(row, 1))


def test_no_more_is_merged_at_once_than_may_be_held(
    state: MonitorState, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_batch([(MONDAY, f"text {n}", "negative", 0.9) for n in range(6)])
    for row in range(5):
        add_alone(state, batch, row)
    (first, *_) = [Part(*row) for row in state.db.execute("SELECT path, day, rows, sha256 FROM files")]
    monkeypatch.setattr("tasks.monitor.transaction.MAX_SMALL_PARTS", 3)
    monkeypatch.setattr("tasks.monitor.transaction.HELD_BYTES", read_part(state.folder / "documents", first, None).nbytes + 1)
    add_alone(state, batch, 5)
    assert [rows for (rows,) in state.db.execute("SELECT rows FROM files")] == [2, 2, 2]
    assert pa.Table.from_batches(state.documents()).sort_by("id") == pa.Table.from_batches([batch]).sort_by("id")


def test_a_merge_that_finds_no_room_leaves_the_files_and_holds_up_nothing(
    state: MonitorState, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tasks.monitor.transaction.MAX_SMALL_PARTS", 1)
    monkeypatch.setattr("tasks.monitor.transaction.merge_parts", full)
    batch = make_batch([(MONDAY, f"text {n}", "negative", 0.9) for n in range(2)])
    for row in range(2):
        add_alone(state, batch, row)
    assert "are not merged: [Errno 28]" in caplog.text
    assert sum(found.num_rows for found in state.documents()) == 2


WRITER = """
import sys, pathlib, pickle, pyarrow as pa
from tasks.monitor.state import MonitorState
with pa.ipc.open_stream(sys.argv[2]) as stream:
    batches = list(stream)
with MonitorState.open(pathlib.Path(sys.argv[1]), "news") as state, state.refresh() as refresh:
    for batch in batches:
        refresh.add(batch)
    if len(sys.argv) > 3:
        refresh.flush()
        print("written", flush=True)
        sys.stdin.read()
"""


def test_a_refresh_killed_before_its_commit_never_was(tmp_path: Path, make_batch: MakeBatch) -> None:
    batch = make_batch(DOCUMENTS)
    with pa.ipc.new_stream(tmp_path / "batch.arrow", batch.schema) as stream:
        stream.write_batch(batch)
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(tmp_path / "batch.arrow")]
    with subprocess.Popen([*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    folder = tmp_path / "monitor" / "news"
    assert len(list(folder.rglob("*.parquet"))) == 2
    with MonitorState.open(tmp_path, "news") as state:
        assert list(state.documents()) == []
        assert state.counts().num_rows == 0
    for point, committed in (("monitor.uncommitted", False), ("monitor.committed", True)):
        killed = subprocess.run(command, env=os.environ | {"TEXTMILL_CRASH_AT": point})
        assert killed.returncode == -signal.SIGKILL
        with MonitorState.read(tmp_path, "news") as state:
            assert len(list(state.documents())) == (2 if committed else 0)
    with MonitorState.open(tmp_path, "clean") as clean, clean.refresh() as refresh:
        refresh.add(batch)
        expected = (clean.counts(), clean.histograms())
    with MonitorState.open(tmp_path, "news") as state:
        with state.refresh():
            pass
        assert (state.counts(), state.histograms()) == expected
    assert len(list(folder.rglob("*.parquet"))) == 2


def test_a_second_refresh_waits_for_the_first(tmp_path: Path, make_batch: MakeBatch) -> None:
    batch = make_batch(DOCUMENTS)
    with pa.ipc.new_stream(tmp_path / "batch.arrow", batch.schema) as stream:
        stream.write_batch(batch)
    with MonitorState.open(tmp_path, "news"):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(tmp_path / "batch.arrow")])
        time.sleep(2.0)
        assert process.poll() is None
        with sqlite3.connect(tmp_path / "monitor" / "news" / "state.db") as db:
            assert db.execute("SELECT count(*) FROM documents").fetchone() == (0,)
        db.close()
    assert process.wait() == 0


def test_days_without_a_negative_document_are_not_read_for_the_latest(
    state: MonitorState, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with state.refresh() as refresh:
        labels = {2: "negative", 5: "negative"}
        refresh.add(make_batch([(f"2020-03-{n:02d}", str(n), labels.get(n, "positive"), 0.5) for n in range(1, 9)]))
    read: list[str] = []

    def counted(*given: Any) -> Any:
        read.append(given[1].day)
        return read_part(*given)

    monkeypatch.setattr("tasks.monitor.state.read_part", counted)
    assert state.latest(5, label="negative")["text"].to_pylist() == ["5", "2"]
    assert read == ["2020-03-05", "2020-03-02"]


def test_documents_of_a_version_without_the_column_are_read_and_merged(tmp_path: Path) -> None:
    rows = [
        {"id": bytes([n]) * 32, "time": datetime(2020, 7, 18, tzinfo=UTC), "day": date(2020, 7, 18), "text": f"text {n}"}
        for n in range(2)
    ]
    new = pa.RecordBatch.from_pylist([rows[0] | {"fields": [("link", "https://example.org/1")]}], SCORED_SCHEMA)
    (part,) = write_parts(tmp_path, [new])
    old = pa.Table.from_pylist(rows[1:], SCORED_SCHEMA).drop_columns("fields")
    path = tmp_path / "day=2020-07-18" / "old.parquet"
    pq.write_table(old, path)
    before = Part("day=2020-07-18/old.parquet", "2020-07-18", 1, hashlib.sha256(path.read_bytes()).hexdigest())
    assert read_part(tmp_path, before, None).schema == SCORED_SCHEMA
    assert read_part(tmp_path, before, ["text", "fields"]).to_pylist() == [{"text": "text 1", "fields": None}]
    ((_, merged),) = merge_parts(tmp_path, [part, before], 1 << 20)
    held = read_part(tmp_path, merged, None)
    assert held.schema == SCORED_SCHEMA
    assert held.column("fields").to_pylist() == [[("link", "https://example.org/1")], None]
