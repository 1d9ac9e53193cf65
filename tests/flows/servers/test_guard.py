"""Who a guard lets through to an app; tests/faults/row_14_closed.py tries the same on the running servers."""

import asyncio
import base64
from typing import Any, cast

import pytest

from flows.servers.guard import Guard
from tasks.serve.access import KNOWN

GOOD = [(b"host", b"127.0.0.1:4200")]
LOGIN = (b"authorization", b"Basic " + base64.b64encode(b"me:word"))
LINK = [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]


def answer(headers: list[tuple[bytes, bytes]], *, login: str = "", kind: str = "http", method: str = "GET") -> list[int]:
    """Statuses and closing codes that are sent; 200 is the app's."""
    sent = messages(headers, login=login, kind=kind, method=method)
    return [code for message in sent if (code := message.get("status") or message.get("code"))]


def messages(
    headers: list[tuple[bytes, bytes]],
    *,
    login: str = "",
    kind: str = "http",
    method: str = "GET",
    path: bytes = b"/runs",
    query: bytes = b"",
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": headers, "method": method, "raw_path": path, "query_string": query}
    asyncio.run(Guard(app, port=4200, login=login)(scope, cast("Any", None), send))
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        GOOD,
        [(b"host", b"LOCALHOST:4200")],
        [*GOOD, (b"origin", b"http://localhost:4200"), (b"sec-fetch-site", b"same-origin")],
        [*GOOD, *LINK],
    ],
)
def test_our_own_pages_programs_and_links_get_in(headers: list[tuple[bytes, bytes]]) -> None:
    assert answer(headers) == [200]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"127.0.0.1")],
        [(b"host", b"evil.example:4200")],
        [*GOOD, (b"host", b"evil.example")],
        [*GOOD, (b"origin", b"null")],
        [*GOOD, (b"origin", b"http://127.0.0.1:4201")],
        [*GOOD, (b"origin", b"http://127.0.0.1:4200"), (b"origin", b"http://evil.example")],
        [*GOOD, (b"sec-fetch-site", b"same-site")],
        [*GOOD, *LINK[:2], (b"sec-fetch-dest", b"iframe")],
    ],
)
def test_what_is_meant_for_another_server_or_comes_from_another_site_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    assert answer(headers) == [403]
    assert answer([*headers, LOGIN], login="me:word") == [403]
    assert answer(headers, kind="websocket") == [1008]


def test_a_link_changes_nothing() -> None:
    assert answer([*GOOD, *LINK], method="POST") == [403]
    assert answer([*GOOD, *LINK], kind="websocket") == [1008]


def test_the_password_is_wanted_once_and_whole() -> None:
    assert answer([*GOOD, LOGIN], login="me:word") == [200]
    for wrong in ([], [LOGIN, LOGIN], [(b"authorization", b"Basic bWU6")], [(b"authorization", LOGIN[1][:-1])]):
        assert answer([*GOOD, *wrong], login="me:word") == [401]


def test_the_app_starts_and_stops_behind_it() -> None:
    assert answer([], kind="lifespan", login="me:word") == [200]


@pytest.mark.parametrize("wanted", [LINK, [LINK[2], (b"sec-fetch-site", b"none")], [(b"accept", b"text/html,*/*;q=0.8")]])
@pytest.mark.parametrize(
    ("path", "query", "there"),
    [(b"/runs", b"", b"/runs"), (b"//evil.example/", b"a=%0d&b", b"//evil.example/?a=%0d&b"), (b"@evil.example", b"", b"/")],
)
def test_a_page_that_is_opened_as_localhost_is_sent_to_where_its_own_requests_go(
    wanted: Any, path: bytes, query: bytes, there: bytes
) -> None:
    localhost = [(b"host", b"localhost:4200"), *wanted]
    first, _ = messages(localhost, login="me:word", path=path, query=query)
    assert first["status"] == 307
    assert dict(first["headers"])[b"location"] == b"http://127.0.0.1:4200" + there
    assert answer([*GOOD, *wanted]) == [200]


def test_only_pages_are_sent_on() -> None:
    localhost = [(b"host", b"localhost:4200")]
    page = [*localhost, (b"accept", b"text/html")]
    assert answer([*localhost, (b"accept", b"*/*")]) == [200]
    assert answer([*page, (b"sec-fetch-dest", b"empty"), (b"sec-fetch-site", b"same-origin")]) == [200]
    assert answer(page, method="POST") == [200]
    assert answer(page, kind="websocket") == [200]
    assert answer([*page, (b"sec-fetch-site", b"cross-site")]) == [403]


def served(headers: list[tuple[bytes, bytes]], path: str = "/predict") -> list[tuple[int, bool]]:
    """Statuses of a server that any name may have, that lets a token in, and that has a path for everybody."""
    sent: list[tuple[int, bool]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append((200, scope[KNOWN]))

    async def send(message: Any) -> None:
        if "status" in message:
            sent.append((message["status"], False))

    scope = {"type": "http", "headers": headers, "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    guard = Guard(app, port=80, login="me:word", token="token", open_paths=frozenset({"/ping"}), any_host=True)
    asyncio.run(guard(scope, cast("Any", None), send))
    return sent


@pytest.mark.parametrize(
    ("headers", "path", "answer"),
    [
        ([(b"authorization", b"Bearer token")], "/predict", (200, True)),
        ([LOGIN], "/predict", (200, True)),
        ([], "/predict", (401, False)),
        ([(b"authorization", b"Bearer Token")], "/predict", (401, False)),
        ([(b"authorization", b"token")], "/predict", (401, False)),
        ([LOGIN, (b"authorization", b"Bearer token")], "/predict", (401, False)),
        ([], "/ping", (200, False)),
        ([], "/ping/", (401, False)),
        ([LOGIN, (b"origin", b"https://news.example")], "/predict", (200, True)),
        ([LOGIN, (b"origin", b"https://evil.example")], "/predict", (403, False)),
        ([LOGIN, (b"host", b"other.example")], "/predict", (403, False)),  # two of them
    ],
)
def test_a_server_of_any_name_wants_the_token_or_the_login(
    headers: list[tuple[bytes, bytes]], path: str, answer: tuple[int, bool]
) -> None:
    assert served([(b"host", b"news.example"), *headers], path) == [answer]
