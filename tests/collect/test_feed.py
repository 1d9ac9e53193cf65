import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.collect.feed import is_feed
from tasks.errors import RequestError, UnavailableError

Collect = Callable

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>Profit &amp; loss</title><pubDate>Sat, 18 Jul 2020 10:30:00 +0200</pubDate><guid>1</guid></item>
<item><title>&lt;script&gt;alert(1)&lt;/script&gt;Sales fell</title><pubDate>18 Jul 2020</pubDate>
  <description>More on sales</description></item>
<item><title>Undated</title></item>
<item><description>No title</description><pubDate>Sat, 18 Jul 2020 10:30:00 GMT</pubDate></item>
</channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><title>Orders doubled</title><updated>2020-07-18T08:30:00Z</updated><id>urn:1</id></entry></feed>"""
BODIES: dict[str, bytes] = {}  # of addresses that a test makes up


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        served = self.path.startswith(("/feed", "http://")) or self.headers["Authorization"] == "Basic cmVhZGVyOndvcmQ="
        if self.path.startswith("/moved-to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved-to/"))
            self.end_headers()
            return
        self.send_response(200 if served or self.path in BODIES else 503)
        if self.path == "/feed/cut":
            self.send_header("Content-Length", "100000")
        self.end_headers()
        if served or self.path in BODIES:
            self.wfile.write(BODIES.get(self.path, ATOM.encode()))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()
        thread.join()


def test_an_rss_file(collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "news.xml"
    path.write_text(RSS)
    found = collect(path)
    assert [(row["text"], row["time"].isoformat()) for row in found.rows] == [
        ("Profit & loss", "2020-07-18T08:30:00+00:00"),
        ("<script>alert(1)</script>Sales fell", "2020-07-18T00:00:00+00:00"),  # shown as text wherever it is shown
    ]
    assert found.report["reasons"] == {"malformed_row": 1, "missing_time": 1}
    assert collect(path).figures["duplicates"] == 2
    assert collect(path, text="summary").texts == ["More on sales", "No title"]


def test_several_fields_of_an_entry_make_one_text(collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "news.xml"
    path.write_text(RSS)
    found = collect(path, text="title,summary")
    assert found.texts == ["Profit & loss", "<script>alert(1)</script>Sales fell\nMore on sales", "No title"]


def test_an_atom_address_and_no_secret_of_it(collect: Collect, server: str) -> None:
    found = collect(f"http://{server}/feed?token=secret", kind="feed")
    assert found.texts == ["Orders doubled"]
    assert found.rows[0]["source"] == f"http://{server}/feed"


def test_a_token_may_come_from_the_environment_and_is_told_by_its_name(
    collect: Collect, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"http://{server}/${{FEED}}/latest"
    with pytest.raises(RequestError, match="reads the environment variable FEED, which is not set"):
        collect(source)
    monkeypatch.setenv("FEED", "down-secret")
    with pytest.raises(UnavailableError, match=r"/\$\{FEED\}/latest: the server answers 503"):
        collect(source)
    monkeypatch.setenv("FEED", "feed-secret")
    assert collect(source).rows[0]["source"] == source
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "news.csv").write_text("time,text\n2020-07-18,Orders fell\n")
    monkeypatch.setenv("FOLDER", "secret")
    found = collect(f"file://{tmp_path}/${{FOLDER}}/*.csv")
    assert [row["source"] for row in found.rows] == [f"{tmp_path}/${{FOLDER}}/news.csv"]
    assert collect(f"local://{tmp_path}/${{FOLDER}}/news.csv").figures["duplicates"] == 1
    with pytest.raises(RequestError, match=r"\$\{FOLDER\}"):
        collect(f"file://{tmp_path}/${{FOLDER}}/absent.csv")


def test_a_password_comes_from_netrc_and_never_from_the_address(
    collect: Collect, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="must hold no user or password"):
        collect(f"http://reader:word@{server}/private")
    for hidden in (f"zip://a.csv::http://reader:word@{server}/x.zip", f"http://{server}/private?passwd=word"):
        with pytest.raises(ValueError, match="must hold no user or password"):
            collect(hidden)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login reader password word\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert collect(f"http://{server}/private").texts == ["Orders doubled"]
    monkeypatch.setenv("FEED_HOST", server)
    assert collect("http://${FEED_HOST}/private").figures["duplicates"] == 1  # logged in too: the same entry again


def test_a_server_that_does_not_serve_is_not_the_requests_fault(collect: Collect, server: str) -> None:
    with pytest.raises(UnavailableError, match="answers 503") as told:
        collect(f"http://{server}/down?token=secret")
    assert "secret" not in str(told.value)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        collect("http://127.0.0.1:9/feed")


@pytest.mark.parametrize("content", ["time,text\n2020-07-18,x\n", "", "<html><body>not here</body></html>"])
def test_what_is_no_feed_is_refused(collect: Collect, tmp_path: Path, content: str) -> None:
    path = tmp_path / "page.rss"
    path.write_text(content)
    with pytest.raises(RequestError, match="not an RSS or Atom feed"):
        collect(path)


def test_entities_that_explode_do_not(collect: Collect, tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    path = tmp_path / "bomb.xml"
    path.write_text(f'<?xml version="1.0"?>{bomb}]><rss version="2.0"><channel><item><title>&j;</title></item></channel></rss>')
    found = collect(path)
    assert found.rows == []
    assert all(len(row["bytes"]) < 10_000 for row in found.quarantine)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://example.org/markets/rss", True),
        ("https://example.org/news.xml?page=2", True),
        ("feed.atom", True),
        ("https://example.org/news.csv", False),
        ("inbox", False),
        ("in/*.xml", False),
        ("s3://bucket/news.parquet", False),
    ],
)
def test_feeds_are_told_by_their_address(source: str, expected: bool) -> None:
    assert is_feed(source) is expected


def test_what_a_server_sends_is_never_the_name_of_a_file_here(
    collect: Collect, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "private.rss").write_text(RSS)
    monkeypatch.setitem(BODIES, "/name", bytes(tmp_path / "private.rss"))
    with pytest.raises(RequestError, match="not an RSS or Atom feed"):
        collect(f"http://{server}/name")


def test_a_feed_that_has_moved_is_followed_over_http_and_nowhere_else(collect: Collect, server: str, tmp_path: Path) -> None:
    (tmp_path / "private.rss").write_text(RSS)
    assert collect(f"http://{server}/moved-to//feed").texts == ["Orders doubled"]
    for other in (f"file://{tmp_path}/private.rss", "ftp://127.0.0.1/private.rss", "gopher://127.0.0.1"):
        with pytest.raises(UnavailableError, match=r"cannot be reached \(UnsupportedProtocol\)"):
            collect(f"http://{server}/moved-to/{other}")
    with pytest.raises(UnavailableError, match=r"cannot be reached \(TooManyRedirects\)"):
        collect(f"http://{server}{'/moved-to/' * 12}/feed")


def test_the_size_and_the_time_of_an_answer_are_bounded(collect: Collect, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.collect.feed.MAX_BYTES", 1 << 20)
    monkeypatch.setitem(BODIES, "/feed/long", ATOM.encode() + b" " * (1 << 20))
    with pytest.raises(RequestError, match="more than 1 MB"):
        collect(f"http://{server}/feed/long")
    monkeypatch.setattr("tasks.collect.feed.TOTAL_SECONDS", 0.0)
    with pytest.raises(UnavailableError, match=r"cannot be reached \(no end after 0 s\)"):
        collect(f"http://{server}/feed")


def test_half_an_answer_is_not_taken_for_a_feed(collect: Collect, server: str) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be reached \(RemoteProtocolError\)"):
        collect(f"http://{server}/feed/cut")


def test_no_log_holds_an_address(collect: Collect, server: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        collect(f"http://{server}/feed?token=secret")
    assert "secret" not in caplog.text


def test_a_proxy_of_the_environment_is_used(collect: Collect, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{server}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert collect("http://news.invalid/feed").texts == ["Orders doubled"]


def test_a_password_does_not_travel_to_another_host(
    collect: Collect, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"http://{server}/private")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine localhost login reader password word\n")
    (tmp_path / ".netrc").chmod(0o600)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        with pytest.raises(UnavailableError, match="answers 503"):  # which it does to whoever has no password
            collect(f"http://localhost:{serving.server_address[1]}/news")
        serving.shutdown()
