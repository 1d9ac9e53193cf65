"""Who a guard lets through to an app; tests/faults/row_14_closed.py tries the same on the running servers."""

import asyncio
import base64

import pytest

from flows.guard import Guard

GOOD = [(b"host", b"127.0.0.1:4200")]
LOGIN = (b"authorization", b"Basic " + base64.b64encode(b"me:word"))
LINK = [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]


def answer(headers, *, login="", kind="http", method="GET"):
    """Statuses and closing codes that are sent; 200 is the app's."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def send(message):
        sent.append(message.get("status") or message.get("code"))

    scope = {"type": kind, "headers": headers, "method": method}
    asyncio.run(Guard(app, port=4200, login=login)(scope, None, send))
    return [code for code in sent if code]


@pytest.mark.parametrize(
    "headers",
    [
        GOOD,
        [(b"host", b"LOCALHOST:4200")],
        [*GOOD, (b"origin", b"http://localhost:4200"), (b"sec-fetch-site", b"same-origin")],
        [*GOOD, *LINK],
    ],
)
def test_our_own_pages_programs_and_links_get_in(headers):
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
def test_what_is_meant_for_another_server_or_comes_from_another_site_is_refused(headers):
    assert answer(headers) == [403]
    assert answer([*headers, LOGIN], login="me:word") == [403]
    assert answer(headers, kind="websocket") == [1008]


def test_a_link_changes_nothing():
    assert answer([*GOOD, *LINK], method="POST") == [403]
    assert answer([*GOOD, *LINK], kind="websocket") == [1008]


def test_the_password_is_wanted_once_and_whole():
    assert answer([*GOOD, LOGIN], login="me:word") == [200]
    for wrong in ([], [LOGIN, LOGIN], [(b"authorization", b"Basic bWU6")], [(b"authorization", LOGIN[1][:-1])]):
        assert answer([*GOOD, *wrong], login="me:word") == [401]


def test_the_app_starts_and_stops_behind_it():
    assert answer([], kind="lifespan", login="me:word") == [200]
