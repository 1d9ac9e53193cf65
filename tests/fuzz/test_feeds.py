"""Feeds of any bytes: entries, or one line that says that it is no feed; what a good feed says is what comes out."""

import html
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.collect.feed import feed_sources
from tasks.collect.settings import CollectConfig
from tasks.documents.record import Record
from tasks.errors import RequestError
from tests.fuzz.bounded import bounded, damaged, pieces, refused

RSS = b"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>News</title><item><title>Profit &amp; loss</title><link>http://x/1</link><guid>1</guid>
<pubDate>Sat, 18 Jul 2020 10:30:00 +0200</pubDate></item>
<item><title><![CDATA[Sales <b>fell</b>]]></title><dc:date>2020-07-18T10:30:00Z</dc:date></item></channel></rss>"""
ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><id>urn:1</id>
<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Orders <b>doubled</b></div></title>
<updated>2020-07-18T08:30:00Z</updated><content type="application/octet-stream">AAAA</content></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><item rdf:about="x">
<title>One</title><description>More</description></item></rdf:RDF>"""
BYTES = damaged([RSS, ATOM, RDF]) | pieces(
    b"""<rss|<rss version="2.0">|<channel>|<item>|<title>|</title>|</item>|</channel>|</rss>|<entry>|<pubDate>|<updated>
|<feed xmlns="http://www.w3.org/2005/Atom">|<![CDATA[|]]>|<!--|-->|<?|?>|<!DOCTYPE x [|<!ENTITY a "b">|&a;|&#0;|&#x110000;|&amp
|<|>|<a|='|="|<![|]]|<content type='xhtml'>|<link href='http://[::1'/>|<media:content url='x' |<georss:point>1 x</georss:point>
|\xff\xfe|\xef\xbb\xbf|\0|\xe9|Sat, 99 Jul 99999 10:30:00|2020-W99-9|0000-00-00|-1|text|<gml:pos>|<enclosure length='x'/>
|<?xml version="1.0" encoding="utf-7"?>|<?xml version="1.0" encoding="nothing"?>|<dc:date>
|<published>|1 Jul 0000 00:00 GMT"""
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples, which are many."""
    return tmp_path_factory.mktemp("feeds") / "feed.xml"


def entries(path: Path, data: bytes, **options: str) -> list[Record] | None:
    """The entries; None if it is refused in one line."""
    path.write_bytes(data)
    try:
        return [found for source in feed_sources(CollectConfig(source=str(path), **options)) for found in source.records]
    except RequestError as error:
        refused(error)
        return None


TEXTS = st.sampled_from(["text", "summary", "links", "published_parsed", "keys", "title_detail"])


@example(RSS.replace(b'encoding="', b'encoding="\0'), "text", "time")
@example(RSS.replace(b'encoding="', b'encoding="\x80'), "text", "time")
@example(RSS, "text", "updated")
@example(RSS.replace(b"<?x", b"\0").replace(b"Profit", b"\x80Profit"), "text", "time")  # a letter is lost
@given(BYTES, TEXTS, st.sampled_from(["time", "updated", "tags"]))
def test_any_bytes(path: Path, data: Any, text: str, when: str) -> None:
    with bounded(len(data)):
        found = entries(path, data, text=text, time=when)
    assert [each.offset for each in found or ()] == list(range(len(found or ())))
    for each in found or ():
        assert (each.text is None) == (each.reason is not None)
        assert each.time is None or isinstance(each.time, str)


def is_plain(title: str) -> bool:
    """Whether feedparser leaves a title as it is: no markup, one line, and not UTF-8 that was taken for Latin-1 once."""
    try:
        mended = title.encode("latin-1").decode()
    except UnicodeError:
        mended = title
    return mended == title == " ".join(title.split()) and not set("&<") & set(title) and title.isprintable()


TITLES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).filter(is_plain)


@given(st.lists(st.tuples(TITLES, st.datetimes().filter(lambda when: when.year >= 1970)), min_size=1, max_size=5))
def test_what_a_feed_says_comes_out(path: Path, said: Any) -> None:
    dates = [f"{when:%d} Jul {when:%Y %H:%M:%S} GMT" for _, when in said]
    titles = [html.escape(title) for title, _ in said]
    items = "".join(
        f"<item><title>{title}</title><pubDate>{date}</pubDate></item>" for title, date in zip(titles, dates, strict=True)
    )
    found = entries(path, f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'.encode())
    assert [(each.text, each.former_time) for each in found] == [
        (title, f"{when:%Y}-07-{when:%dT%H:%M:%S}Z") for title, when in said
    ]
