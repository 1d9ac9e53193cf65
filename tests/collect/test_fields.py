"""The columns of a record that a refresh reads past are kept with the document: its id, its address, its date as written."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Collect = Callable


def fields(found: object) -> list[dict[str, str]]:
    return [dict(row["fields"] or ()) for row in found.rows]  # type: ignore[attr-defined]


def test_an_entry_of_a_feed_keeps_its_id_and_its_link(collect: Collect, tmp_path: Path) -> None:
    feed = tmp_path / "feed.rss"
    feed.write_text(
        '<?xml version="1.0"?><rss version="2.0"><channel><item><title>Sales rose</title><link>https://example.org/1</link>'
        "<guid>one</guid><pubDate>Sat, 18 Jul 2020 10:30:00 GMT</pubDate><description>More</description></item>"
        "<item><title>Sales fell</title><pubDate>Sat, 18 Jul 2020 10:30:00 GMT</pubDate></item></channel></rss>"
    )
    assert fields(collect(feed)) == [{"id": "one", "link": "https://example.org/1"}, {}]
    assert fields(collect(feed, text="summary")) == [{"id": "one", "link": "https://example.org/1", "title": "Sales rose"}]


def test_the_other_columns_of_tables_are_kept(collect: Collect, tmp_path: Path) -> None:
    table = tmp_path / "news.csv"
    table.write_text('id,time,text,url,score\n7,2020-07-18,"Sales rose",https://example.org/7,1.5\n8,2020-07-18,Sales fell,,\n')
    assert fields(collect(table)) == [{"id": "7", "url": "https://example.org/7", "score": "1.5"}, {"id": "8"}]
    bare = tmp_path / "bare.csv"
    bare.write_text("9,2020-07-18,Orders rose\n")
    assert fields(collect(bare, time="1", text="2", header=False)) == [{"0": "9"}]
    lines = tmp_path / "news.jsonl"
    lines.write_text('{"time": "2020-07-18", "text": "Costs rose", "id": 10, "tags": ["a"], "url": "https://example.org/10"}\n')
    assert fields(collect(lines)) == [{"id": "10", "tags": '["a"]', "url": "https://example.org/10"}]


def test_the_other_columns_of_parquet_and_of_a_query_are_kept(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"text": ["One", "Two"], "time": [datetime(2020, 7, 18, tzinfo=UTC)] * 2, "id": [7, 8], "url": ["u7", None]}
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"caf\xe9", b"fine"]).buffers())  # no UTF-8
    pq.write_table(pa.table(rows | {"tags": [["a"], []], "note": bad}), tmp_path / "news.parquet")
    found = collect(tmp_path / "news.parquet")
    assert fields(found) == [{"id": "7", "url": "u7", "note": "caf\ufffd"}, {"id": "8", "note": "fine"}]
    plain = pa.table({name: rows[name] for name in ("text", "time")})
    pq.write_table(plain.append_column("n", pa.nulls(2)), tmp_path / "plain.parquet")
    assert collect(tmp_path / "plain.parquet").figures["duplicates"] == 2
    monkeypatch.setenv("NEWS", f"sqlite:///{tmp_path / 'news.db'}")
    query = "SELECT 9 AS id, 'Three' AS text, '2020-07-18' AS time, NULL AS url"
    assert fields(collect(query=query, database_variable="NEWS")) == [{"id": "9"}]


def test_many_columns_and_long_values_are_the_sources_to_keep(collect: Collect, tmp_path: Path) -> None:
    from tasks.collect.found import MAX_FIELD_CHARS
    from tasks.documents.record import MAX_FIELDS

    table = tmp_path / "news.csv"
    names = ",".join(f"c{n}" for n in range(30))
    table.write_text(f"time,text,body,{names}\n2020-07-18,One,{'x' * (MAX_FIELD_CHARS + 1)},{','.join('1' * 30)}\n")
    (kept,) = fields(collect(table))
    assert len(kept) == MAX_FIELDS
    assert "body" not in kept
