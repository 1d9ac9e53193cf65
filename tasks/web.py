"""HTTP as feeds and webhooks use it: one client, one list of errors, and words for them without an address.

An address may hold a secret, in its path even, so it never comes into a message or a log. Certificates are those of the
operating system, as for every other program of this machine; a proxy is taken from the environment.
"""

from __future__ import annotations

import functools
import logging
import ssl
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "textmill"
MAX_REDIRECTS = 10
FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)  # ValueError: a header or an address that cannot be sent
_PLAIN = (httpx.NetworkError, httpx.TimeoutException)  # their text is the operating system's, not the server's

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each request with its address


class Late(httpx.TimeoutException):
    """The answer goes on for longer than it may."""


def client(idle_seconds: float, *, redirects: bool, agent: str = AGENT) -> httpx.Client:
    """A client that gives up where nothing comes for `idle_seconds`; it decodes no compression, so that sizes are those sent.

    A request's login does not follow a redirect to another host, and no redirect leads to another scheme than http(s).
    """
    return httpx.Client(
        headers={"User-Agent": agent, "Accept-Encoding": "identity"},
        timeout=idle_seconds,
        follow_redirects=redirects,
        max_redirects=MAX_REDIRECTS,
        verify=_certificates(),
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Those of the operating system; once, since to read them takes longer than to read a feed."""
    return ssl.create_default_context()


def pieces(response: httpx.Response, *, seconds: float) -> Iterator[bytes]:
    """The body of a streamed response as it comes; Late if it has not ended after so many seconds."""
    deadline = time.monotonic() + seconds
    for piece in response.iter_raw():
        yield piece
        if time.monotonic() > deadline:
            raise Late(f"no end after {seconds:.0f} s")


def reason(error: BaseException) -> str:
    """Why a request failed, in a few words, without its address and without text of the server."""
    return str(error) if isinstance(error, _PLAIN) and str(error) else type(error).__name__
