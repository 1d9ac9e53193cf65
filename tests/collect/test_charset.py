"""Feeds in other encodings than UTF-8, served over HTTP and from files: read as they say, or refused and told of."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.collect.charset import decode_feed

Collect = Callable

CHINESE = ["股市大跌，投资者亏损严重", "公司盈利增长"]
TRADITIONAL = ["股市大跌，投資者虧損嚴重", "公司盈利增長"]
RUSSIAN = ["Акции упали на пять процентов", "Прибыль выросла"]
JAPANESE = ["株価が急落し、投資家は損失を被った", "利益が増えた"]
GERMAN = ["Gewinn fällt kräftig – Aktionäre entsetzt", "Müller rät zum Verkauf"]


def rss(titles: list[str], declared: str | None = None) -> str:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    items = "".join(f"<item><title>{title}</title><pubDate>Mon, 15 Jul 2019 10:00:00 GMT</pubDate></item>" for title in titles)
    return f'{head}<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'


@pytest.fixture
def serve() -> Iterator[Callable[[bytes, str | None], str]]:
    """Serve a feed with a content type; gives its address."""
    pages: dict[str, tuple[bytes, str | None]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data, kind = pages[self.path]
            self.send_response(200)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()

        def add(data: bytes, kind: str | None) -> str:
            path = f"/{len(pages)}/feed.rss"
            pages[path] = (data, kind)
            return f"http://127.0.0.1:{serving.server_address[1]}{path}"

        yield add
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("titles", "encoding", "kind", "declared"),
    [
        (CHINESE, "gb18030", "application/rss+xml; charset=gb2312", None),
        (CHINESE, "gbk", "text/xml; charset=GBK", None),
        (CHINESE, "gb18030", 'application/xml; charset="GB18030"', "utf-8"),
        (CHINESE, "gb18030", "text/xml", "gb2312"),
        (CHINESE, "gb18030", "text/html; charset=ISO-8859-1", "gb2312"),
        (CHINESE, "gb18030", None, "gbk"),
        (TRADITIONAL, "big5", "text/xml; charset=big5", None),
        (CHINESE, "utf-8", "text/xml; charset=ISO-8859-1", None),
        (CHINESE, "utf-8", "text/xml; charset=gb2312", "utf-8"),
        (CHINESE, "utf-8", "text/xml; charset=us-ascii", None),
        (CHINESE, "utf-8", "text/xml; charset=nonsense", None),
        (CHINESE, "utf-8", None, None),
        (CHINESE, "utf-8-sig", "application/rss+xml", "gb2312"),
        (CHINESE, "utf-16", "application/rss+xml", "utf-16"),
        (CHINESE, "utf-8", "application/rss+xml", "utf-16"),
        (CHINESE, "gb18030", "application/rss+xml; charset=utf-16", "gbk"),
        (CHINESE, "utf-16-le", "application/rss+xml; charset=utf-16", "utf-16"),
        (RUSSIAN, "cp1251", "application/rss+xml; charset=windows-1251", None),
        (RUSSIAN, "koi8-r", "application/rss+xml; charset=KOI8-R", None),
        (RUSSIAN, "cp1251", "application/rss+xml", "windows-1251"),
        (RUSSIAN, "utf-8", "application/rss+xml; charset=windows-1251", "utf-8"),
        (JAPANESE, "cp932", "application/rss+xml; charset=Shift_JIS", None),
        (JAPANESE, "euc-jp", "application/rss+xml; charset=euc-jp", None),
        (GERMAN, "cp1252", "text/xml; charset=ISO-8859-1", None),
        (GERMAN, "cp1252", "text/xml", "iso-8859-1"),
        (GERMAN, "utf-8", "text/xml", None),
    ],
)
def test_a_served_feed_is_read_as_its_server_or_itself_says(
    collect: Collect, serve: Callable, titles: list[str], encoding: str, kind: str | None, declared: str | None
) -> None:
    found = collect(serve(rss(titles, declared).encode(encoding), kind))
    assert (found.texts, found.report["warnings"]) == (titles, [])


def test_an_encoding_that_is_asked_for_overrides_all(collect: Collect, serve: Callable, tmp_path: Path) -> None:
    data = rss(CHINESE, "utf-8").encode("gb18030")
    assert collect(serve(data, "text/xml; charset=windows-1251"), encoding="gb18030").texts == CHINESE
    (tmp_path / "feed.rss").write_bytes(rss(RUSSIAN, "iso-8859-1").encode("koi8-r"))
    assert collect(tmp_path / "feed.rss", encoding="koi8-r").texts == RUSSIAN


@pytest.mark.parametrize(
    ("titles", "encoding", "kind", "declared"),
    [
        (CHINESE, "gb18030", "application/rss+xml", "utf-8"),
        (CHINESE, "gb18030", None, None),
        (CHINESE, "gb18030", "text/xml; charset=ISO-8859-1", None),
        (RUSSIAN, "cp1251", "text/xml", None),
        (RUSSIAN, "koi8-r", "text/xml; charset=us-ascii", "iso-8859-1"),
        (GERMAN, "cp1252", "text/xml", "utf-8"),
    ],
)
def test_text_that_is_in_no_encoding_that_is_named_is_refused_and_told_of(
    collect: Collect, serve: Callable, titles: list[str], encoding: str, kind: str | None, declared: str | None
) -> None:
    found = collect(serve(rss([*titles, "Sales rose"], declared).encode(encoding), kind))
    assert found.texts == ["Sales rose"]
    assert found.report["reasons"] == {"undecodable": 2}
    (warning,) = found.report["warnings"]
    assert "2 of 3 entries cannot be read" in warning
    assert "--collect.encoding" in warning


def test_one_broken_letter_costs_its_entry_alone(collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "feed.rss"
    path.write_bytes(rss([*CHINESE, *RUSSIAN, "Broken X"], "utf-8").encode().replace(b"X", b"\xe9"))
    found = collect(path)
    assert found.texts == [*CHINESE, *RUSSIAN]
    assert found.report["reasons"] == {"undecodable": 1}


def test_an_encoding_that_was_asked_for_is_not_given_up_for_one_that_fits(collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "feed.rss"
    path.write_bytes(rss([*CHINESE, "Broken X"], "iso-8859-1").encode("gb18030").replace(b"X", b"\xff"))
    found = collect(path, encoding="gb18030")
    assert (found.texts, found.report["reasons"]) == (CHINESE, {"undecodable": 1})


def test_utf_8_that_was_a_default_once_does_not_stop_a_feed_in_another_encoding(collect: Collect, serve: Callable) -> None:
    address = serve(rss(CHINESE).encode("gb18030"), "application/rss+xml; charset=gb2312")
    assert collect(address, encoding="utf-8").texts == CHINESE


def test_latin_bytes_that_windows_does_not_have_are_kept() -> None:
    assert decode_feed(b'<?xml version="1.0" encoding="iso-8859-1"?><a>caf\xe9 \x81</a>').text.endswith("caf\xe9 \x81</a>")


@pytest.mark.parametrize("declared", ["gbk", "gb2312", "big5", "shift_jis", "euc-kr", "windows-1251"])
def test_utf_8_that_calls_itself_another_encoding_is_utf_8(collect: Collect, tmp_path: Path, declared: str) -> None:
    path = tmp_path / "feed.rss"
    path.write_bytes(rss([*CHINESE, *RUSSIAN], declared).encode())
    assert collect(path).texts == [*CHINESE, *RUSSIAN]
