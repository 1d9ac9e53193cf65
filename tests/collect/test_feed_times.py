"""The times of feeds are read like those of tables: nothing that a library makes up, whatever the month of the refresh."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path

import pytest

from tasks.collect.collect import Collector, identity
from tasks.collect.order import needs_order
from tasks.collect.settings import CollectConfig
from tasks.documents.times import TimeReader
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState
from tests.documents.test_many_times import NOW, cases

Collect = Callable


def feed(path: Path, *dates: str, tag: str = "pubDate") -> Path:
    items = "".join(f"<item><title>entry {row}</title><{tag}>{escape(when)}</{tag}></item>" for row, when in enumerate(dates))
    path.write_text(
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>x</title>{items}</channel></rss>'
    )
    return path


def test_dates_that_feedparser_makes_up_are_those_of_a_table(collect: Collect, tmp_path: Path) -> None:
    dates = ["2019/07/15 10:00", "2019年7月15日", "2019.07.15", "15-07-2019 10:00", "03-04-20", "2019", "2019-07"]
    found = collect(feed(tmp_path / "feed.rss", *dates, "Mon, 15 Jul 2019 10:00:00 GMT"))
    july = date(2019, 7, 15)
    assert [row["day"] for row in found.rows] == [july, july, july, july, date(2020, 4, 3), july]
    assert found.report["reasons"] == {"incomplete_date": 2}


def test_times_without_a_zone_are_local_and_names_of_zones_count(collect: Collect, tmp_path: Path) -> None:
    dates = [
        *("2019-07-15 23:30:00", "15 Jul 2019 23:30", "Mon, 15 Jul 2019 00:30:00 BST", "Mon, 15 Jul 2019 05:30:00 JST"),
        *("Mon, 15 Jul 2019 00:30:00 CEST", "Mon, 15 Jul 2019 10:00:00 +0000"),
    ]
    found = collect(feed(tmp_path / "feed.rss", *dates), timezone="Asia/Shanghai")
    times = [row["time"].replace(tzinfo=None).isoformat(" ", "minutes") for row in found.rows]
    assert times == [
        *("2019-07-15 15:30", "2019-07-15 15:30", "2019-07-14 23:30", "2019-07-14 20:30"),
        *("2019-07-14 22:30", "2019-07-15 10:00"),
    ]
    assert found.rows[0]["day"] == date(2019, 7, 15)


def test_an_entry_counts_once_in_whatever_month_it_is_read(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    path = feed(tmp_path / "feed.rss", "2019/07/15 10:00", "2019年7月15日")
    before = time.gmtime
    assert len(collect(path).rows) == 2
    for month in (3, 12):
        at = datetime(2020, month, 5, tzinfo=UTC).timestamp()
        monkeypatch.setattr("time.gmtime", lambda seconds=None, at=at: before(at if seconds is None else seconds))
        assert collect(path).figures["duplicates"] == 2


def test_what_an_earlier_version_counted_at_another_time_counts_once(collect: Collect, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.rss", "2019-07-15 23:30:00", "Mon, 15 Jul 2019 05:30:00 JST", "Mon, 15 Jul 2019 10:00:00 GMT")
    old = ["2019-07-15T23:30:00", "2019-07-15T05:30:00", "2019-07-15T10:00:00"]  # zones dropped
    with MonitorState.open(tmp_path / "other", "news") as state:
        for row, when in enumerate(old):
            moment = int(datetime.fromisoformat(when + "+00:00").timestamp() * 1e6)
            state.db.execute("INSERT INTO documents VALUES (?, '2019-07-15')", (identity(moment, f"entry {row}"),))
        with state.refresh() as refresh:
            collector = Collector(CollectConfig(source=str(path), timezone="Asia/Shanghai"), refresh, now=NOW)
            assert list(collector.batches()) == []
            assert refresh.duplicates == 3


@pytest.mark.parametrize(
    "written",
    ["Thu, 18 Jul 2019 10:00:00 XYZ", "2 hours ago", "July 2019", "18 Jul", "2019-07", "Mon, 31 Feb 2019 10:00:00 GMT"],
)
def test_what_only_feedparser_can_read_is_refused(collect: Collect, tmp_path: Path, written: str) -> None:
    found = collect(feed(tmp_path / "feed.rss", written))
    assert (found.rows, found.figures["quarantined"]) == ([], 1)


def test_dates_of_dublin_core_and_of_a_field_that_is_named(collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "feed.rss"
    path.write_text(
        '<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><item><title>A</title>'
        "<dc:date>2019/07/15 10:00</dc:date></item></channel></rss>"
    )
    assert [row["day"] for row in collect(path).rows] == [date(2019, 7, 15)]
    assert collect(path, time="updated").figures["duplicates"] == 1


def test_american_dates_of_a_feed_are_refused_with_the_remedy(collect: Collect, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.rss", "03/14/2020 10:00", "03/05/2020 10:00")
    with pytest.raises(RequestError, match=r"month first.*--collect\.date-order MDY"):
        collect(path)
    assert [row["day"] for row in collect(path, date_order="MDY").rows] == [date(2020, 3, 14), date(2020, 3, 5)]


def read(collect_into: Path, source: Path, zone: str) -> dict[str, str]:
    """What became of each text of a source: its instant or its reason."""
    with MonitorState.open(collect_into, "news") as state:
        with state.refresh() as refresh:
            collector = Collector(CollectConfig(source=str(source), timezone=zone), refresh, now=NOW)
            rows = [row for batch in collector.batches() for row in batch.to_pylist()]
            refresh.scored = len(rows)
        said = {row["text"]: row["time"].replace(tzinfo=None).isoformat() for row in rows}
        refused = {re.search(r"entry \d+", row["bytes"].decode())[0]: row["reason"] for row in state.quarantined()}  # type: ignore[index]
    return said | refused


def test_a_feed_and_a_table_read_each_way_to_write_a_time_alike(tmp_path: Path) -> None:
    total = 0
    # An empty element is none; and of dates in numbers what is done depends on their neighbours: test_order.py has them.
    reader = TimeReader("UTC", None)
    some = [case for case in cases() if case.written.strip() and not needs_order(case.written, reader)]
    for zone in {case.zone for case in some}:
        group = [case for case in some if case.zone == zone and not case.order]
        xml = feed(tmp_path / "feed.rss", *(case.written for case in group))
        table = tmp_path / "table.csv"
        rows = "".join(f'"{case.written}",entry {row}\n' for row, case in enumerate(group))
        table.write_text("time,text\n" + rows, encoding="utf-8")
        found = [read(tmp_path / f"{zone}-{source.name}".replace("/", "-"), source, zone) for source in (xml, table)]
        for row, case in enumerate(group):
            assert [said[f"entry {row}"] for said in found] == [case.expected] * 2, case
        total += len(group)
    assert total > 280
