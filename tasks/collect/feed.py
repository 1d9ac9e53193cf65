"""Documents in an RSS or Atom feed, from a file or a URL."""

from __future__ import annotations

import base64
import functools
import http.client
import io
import json
import netrc
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.collect.files import KNOWN, is_glob
from tasks.collect.found import Found, Source
from tasks.errors import RequestError, UnavailableError
from tasks.urls import is_url, resolved, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.config import CollectConfig

SUFFIXES = frozenset({".rss", ".atom", ".xml"})
MAX_BYTES = 32 << 20
TIMEOUT_SECONDS = 30.0
AGENT = "textmill (feed reader)"
_DEFAULTS = ("text", "time")  # the columns of a table; a feed's own are title and published


def is_feed(source: str) -> bool:
    """Whether a source that is not declared is a feed: a web address or a suffix of feeds, unless it is a glob."""
    if is_glob(source):
        return False
    suffix = Path(urlsplit(source).path if is_url(source) else source).suffix.lower()
    return suffix in SUFFIXES or (source.startswith(("http://", "https://")) and suffix not in KNOWN)


def feed_sources(config: CollectConfig) -> Iterator[Source]:
    """The entries of one feed. RequestError if it is none, UnavailableError if its server does not give it.

    `collect.text` names the field of an entry, by default its title; `collect.time` that of its time, by default published or
    else updated. Offsets are entries from 0.
    """
    assert config.source is not None
    import feedparser

    name = without_secrets(config.source)
    # As a stream: bytes are a file's name to feedparser first, and a server could name one of ours, or /dev/zero.
    data = io.BytesIO(_bytes(config.source))
    no_feed = f"--collect.source {name}: no RSS or Atom feed; give a feed, or --collect.kind table"
    try:
        parsed = feedparser.parse(data, sanitize_html=True, resolve_relative_uris=False)
    except Exception as error:  # noqa: BLE001 what it promises not to raise is not what its parts raise
        raise RequestError(f"{no_feed} ({type(error).__name__})") from None
    if not parsed.entries and (parsed.bozo or not parsed.get("version")):
        raise RequestError(no_feed)
    text = "title" if config.text == _DEFAULTS[0] else config.text
    entries = (_found(row, entry, text, config.time) for row, entry in enumerate(parsed.entries))
    yield Source(name, entries)


def _found(row: int, entry: Any, text: str, when: str) -> Found:
    value = entry.get(text)
    data = json.dumps({key: str(entry.get(key, "")) for key in ("id", "link", text)}, ensure_ascii=False)
    found = None if value is None else str(value)
    return Found(row, data.encode("utf-8", "replace"), found, _time(entry, when), "malformed_row" if found is None else None)


def _time(entry: Any, when: str) -> str | None:
    """The time as feedparser reads it, which knows the slips of feeds, else as it is written."""
    for field in ("published", "updated") if when == _DEFAULTS[1] else (when,):
        # feedparser gives the time of publication, and a warning, for that of an update which is not there; a dict does not.
        get = functools.partial(dict.get, entry) if field == "updated" else entry.get
        if parsed := get(f"{field}_parsed"):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", parsed)
        if get(field):
            return str(get(field))
    return None


def _bytes(source: str) -> bytes:
    """The feed as it is served or stored, at most MAX_BYTES of it."""
    if not is_url(source):
        try:
            with Path(source).open("rb") as file:
                return _bounded(file.read(MAX_BYTES + 1), source)
        except OSError as error:
            raise RequestError(f"--collect.source {source}: cannot be read ({error.strerror}); correct the path") from None
    name = without_secrets(source)
    if not source.startswith(("http://", "https://")):
        raise RequestError(f"--collect.source {name}: a feed is a file or an http(s) address")
    address = resolved(source, "--collect.source")
    request = urllib.request.Request(address, headers={"User-Agent": AGENT})  # noqa: S310 checked above
    for header, value in _login(address).items():
        request.add_unredirected_header(header, value)  # a password must not travel to another host
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return _bounded(response.read(MAX_BYTES + 1), name)
    except urllib.error.HTTPError as error:
        error.close()
        raise UnavailableError(
            f"{name}: the server answers {error.code}; try again later, or correct --collect.source"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise UnavailableError(f"{name} cannot be reached ({reason}); try again later") from None


def _login(address: str) -> dict[str, str]:
    """The header that logs in with what ~/.netrc holds for the host, if it does; over https or on this machine only."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in ("localhost", "127.0.0.1", "::1"):
        return {}
    try:
        known = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return {}
    if known is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(f'{known[0]}:{known[2]}'.encode()).decode()}"}


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise RequestError(f"--collect.source {name}: more than {MAX_BYTES >> 20} MB, which is no feed")
    return data
