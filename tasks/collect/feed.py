"""Documents in an RSS or Atom feed, from a file or a URL."""

from __future__ import annotations

import functools
import io
import json
import netrc
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.collect.charset import decode_feed
from tasks.collect.files import is_glob
from tasks.collect.found import Source, kept_fields
from tasks.documents.columns import joined
from tasks.documents.inputs import KNOWN
from tasks.documents.record import Record
from tasks.errors import RequestError, UnavailableError
from tasks.urls import is_url, resolved, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.collect.settings import CollectConfig

SUFFIXES = frozenset({".rss", ".atom", ".xml"})
MAX_BYTES = 32 << 20
IDLE_SECONDS = 30.0
TOTAL_SECONDS = 300.0  # a server that sends a byte now and then must not hold the monitor
FEED_AGENT = "textmill (feed reader)"
_KEPT = ("id", "link", "author", "title")
_AS_UTF_8 = {"content-type": "application/xml; charset=utf-8"}
_DEFAULTS = ("text", "time")  # the columns of a table; a feed's own are title and published


def is_feed(source: str) -> bool:
    """Whether a source that is not declared is a feed: a web address or a suffix of feeds, unless it is a glob."""
    if is_glob(source):
        return False
    suffix = Path(urlsplit(source).path if is_url(source) else source).suffix.lower()
    return suffix in SUFFIXES or (source.startswith(("http://", "https://")) and suffix not in KNOWN)


def feed_sources(config: CollectConfig) -> Iterator[Source]:
    """The entries of one feed. RequestError if it is not a feed, UnavailableError if its server does not give it.

    `collect.text` names the field of an entry, by default its title (`title,summary` joins two); `collect.time` that of its
    time, by default published or else updated. Offsets are entries from 0.
    """
    assert config.source is not None
    import feedparser

    name = without_secrets(config.source)
    data = _bytes(config.source)
    decoded = decode_feed(data, config.encoding, getattr(data, "charset", None))
    # As a stream: bytes are a file's name to feedparser first, and a server could name one of ours, or /dev/zero.
    stream = io.BytesIO(decoded.text.encode("utf-8", "replace"))
    no_feed = f"--collect.source {name}: not an RSS or Atom feed; give a feed, or --collect.kind table"
    try:
        parsed = feedparser.parse(stream, sanitize_html=True, resolve_relative_uris=False, response_headers=_AS_UTF_8)
    except Exception as error:  # noqa: BLE001 it promises to raise nothing; its parts do not
        raise RequestError(f"{no_feed} ({type(error).__name__})") from None
    if not parsed.entries and (parsed.bozo or not parsed.get("version")):
        raise RequestError(no_feed)
    text = "title" if config.text == _DEFAULTS[0] else config.text
    entries = [_found(row, entry, text, config.time) for row, entry in enumerate(parsed.entries)]
    warning = None
    if decoded.lost:
        entries, warning = _without_lost_letters(entries, decoded.encoding)
    yield Source(name, iter(entries), again=lambda: iter(entries), alone=True, warning=warning)


def _without_lost_letters(entries: list[Record], encoding: str) -> tuple[list[Record], str]:
    """Refuse the entries of a feed in another encoding that lost letters, or all with any beyond ASCII; and a line about it.

    Where most of these are damaged, the others only look whole: two bytes of Chinese may be a letter of UTF-8.
    """
    beyond = [not (found.text or "").isascii() for found in entries]
    damaged = ["\ufffd" in (found.text or "") for found in entries]
    bad = beyond if 2 * sum(damaged) >= sum(beyond) else damaged
    told = f"it is not in {encoding}, as it says: {sum(bad):,} of {len(entries):,} entries cannot be read"
    kept = [
        found._replace(text=None, reason="undecodable") if lost else found for found, lost in zip(entries, bad, strict=True)
    ]
    return kept, f"{told}; name its encoding, such as --collect.encoding gb18030 or windows-1251"


def _found(row: int, entry: Any, text: str, when: str) -> Record:
    asked = [text] if "," not in text else [part.strip() for part in text.split(",")]
    data = json.dumps({key: str(entry.get(key, "")) for key in ("id", "link", *asked)}, ensure_ascii=False)
    values = [str(value) for key in asked if (value := entry.get(key)) is not None]
    found = (joined(values) if len(asked) > 1 else values[0]) if values else None
    reason = "malformed_row" if found is None else None
    written, former = _time(entry, when)
    fields = kept_fields((key, entry.get(key)) for key in _KEPT if key not in (*asked, when))
    source, data_bytes = "feed", data.encode("utf-8", "replace")
    return Record(f"entry {row}", source, row, data_bytes, found, reason=reason, time=written, former_time=former, rest=fields)


def _time(entry: Any, when: str) -> tuple[str | None, str | None]:
    """The time as it is written, and as feedparser reads it.

    feedparser makes up missing parts, such as the month of today, and drops names of zones.
    """
    for field in ("published", "updated") if when == _DEFAULTS[1] else (when,):
        # feedparser gives the time of publication, and a warning, for that of an update which is not there; a dict does not.
        get = functools.partial(dict.get, entry) if field == "updated" else entry.get
        written, parsed = get(field), get(f"{field}_parsed")
        if written or parsed:
            reading = time.strftime("%Y-%m-%dT%H:%M:%SZ", parsed) if isinstance(parsed, time.struct_time) else None
            return (str(written) if written else reading), reading
    return None, None


class _Served(bytes):
    """A feed's bytes with the charset of its HTTP header, if it names one."""

    charset: str | None = None


def _bytes(source: str) -> bytes:
    """The feed as it is served or stored, at most MAX_BYTES of it."""
    if not is_url(source):
        return _stored(source)
    if not source.startswith(("http://", "https://")):
        raise RequestError(f"--collect.source {without_secrets(source)}: a feed is a file or an http(s) address")
    return _served(without_secrets(source), resolved(source, "--collect.source"))


def _stored(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(f"--collect.source {path}: cannot be read ({error.strerror}); correct the path") from None
    _check_size(len(data), path)
    return data


def _served(name: str, address: str) -> _Served:
    from tasks import web  # with its library, only where it is used

    data = bytearray()
    try:
        client = web.client(IDLE_SECONDS, redirects=True, agent=FEED_AGENT)
        with client, client.stream("GET", address, auth=_login(address)) as response:
            if not response.is_success:
                status = response.status_code
                raise UnavailableError(f"{name}: the server answers {status}; try again later, or correct --collect.source")
            for piece in web.pieces(response, seconds=TOTAL_SECONDS):
                data += piece
                _check_size(len(data), name)
            served = _Served(data)
            served.charset = response.charset_encoding
            return served
    except web.FAILURES as error:
        raise UnavailableError(f"{name} cannot be reached ({web.reason(error)}); try again later") from None


def _login(address: str) -> tuple[str, str] | None:
    """What ~/.netrc holds for the host, if it does: user and password; over https or on this machine only."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in ("localhost", "127.0.0.1", "::1"):
        return None
    try:
        known = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (known[0], known[2]) if known else None


def _check_size(num_bytes: int, name: str) -> None:
    if num_bytes > MAX_BYTES:
        raise RequestError(f"--collect.source {name}: more than {MAX_BYTES >> 20} MB, which is too much for a feed")
