"""The columns of a record that a refresh reads past are kept with the document: its id, its address, its date as written."""

from collections.abc import Callable
from pathlib import Path

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
