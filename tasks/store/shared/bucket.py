"""The objects of a bucket: read, created or replaced on condition, moved in pieces.

No other module but this and failures.py knows obstore, whose every failure is UnavailableError in one line. A conditional write
that was not acknowledged is `Unsure`: it was refused, or its answer was lost, and the exception does not tell which (a client
that sends a write again is refused by its own first one). Whoever wrote reads back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import from_url

from tasks.errors import RequestError
from tasks.store.shared.address import FLAG, may_be_plain
from tasks.store.shared.failures import FAILURES, reason, unavailable
from tasks.store.shared.layout import CLOCK, PROBES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.errors import UnavailableError

PIECE = 8 << 20  # bytes of a request: each has to come within its own time limit, however long the file is
AT_ONCE = 2  # pieces of a file on their way up
# So long a silent server is asked: two calls that fail end within a minute.
QUICK = {"timeout": "10s", "connect_timeout": "5s"}
BULK = {"timeout": "30s", "connect_timeout": "5s"}
AGAIN_SECONDS, TIMES = 12.0, 6

Version = dict[str, str]  # of an object, as conditions name it: `e_tag`, `version` or both


class Unsure(Exception):  # noqa: N818 said as it is
    """A conditional write that was not acknowledged; the message is a reason for a person."""


@dataclass(frozen=True)
class Object:
    """An object as it was read, and its version then."""

    data: bytes
    version: Version


@dataclass(frozen=True)
class Listed:
    """An object of a list: its place, its bytes, when it was last written by the bucket's own clock, and its version's tag."""

    place: str
    size: int
    written: datetime
    e_tag: str = ""


class Bucket:
    """The objects below an address. `quick` and `bulk` are clients of obstore's for tests; else the address makes them.

    `answers` is false after a call that failed for want of an answer, until one succeeds: what need not be is then left out.
    """

    def __init__(self, address: str, *, quick: Any = None, bulk: Any = None) -> None:
        self.address = address
        self.answers = True
        self._quick = quick or _client(address, QUICK)
        self._bulk = bulk or quick or _client(address, BULK)

    def read(self, place: str) -> Object | None:
        """An object's bytes and version; None if there is none."""
        try:
            found = obstore.get(self._quick, place)
            version = _version(found.meta)
            data = bytes(found.bytes())
        except FileNotFoundError:
            self.answers = True
            return None
        except FAILURES as error:
            raise self._unavailable(error) from None
        self.answers = True
        return Object(data, version)

    def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
        """Create an object, or replace the one of the version `over`; its version now. Unsure if that is not acknowledged."""
        try:
            made = obstore.put(self._quick, place, data, mode="create" if over is None else over, use_multipart=False)
        except FAILURES as error:
            raise Unsure(reason(error)) from None
        self.answers = True
        return _version(made)

    def overwrite(self, place: str, data: bytes) -> None:
        """Write an object that nobody else writes."""
        try:
            obstore.put(self._quick, place, data, use_multipart=False)
        except FAILURES as error:
            raise self._unavailable(error) from None
        self.answers = True

    def upload(self, place: str, path: Path) -> None:
        """Write a file as an object of its bytes, in pieces if it is large."""
        try:
            obstore.put(self._bulk, place, path, chunk_size=PIECE, max_concurrency=AT_ONCE)
        except FAILURES as error:
            raise self._unavailable(error) from None

    def download(self, place: str, path: Path, size: int) -> str | None:
        """Write an object of `size` bytes to a file; the SHA-256 of what came. None if it is not there, or of another size."""
        digest = hashlib.sha256()
        try:
            with path.open("xb") as file:
                start = 0
                while True:
                    end = min(start + PIECE, size)
                    found = obstore.get(self._bulk, place, options={"range": (start, end)} if size > PIECE else None)
                    if found.meta["size"] != size:
                        return None
                    piece = bytes(found.bytes())
                    digest.update(piece)
                    file.write(piece)
                    start = end
                    if start >= size:
                        break
        except FileNotFoundError:
            return None
        except FAILURES as error:
            if isinstance(error, OSError) and error.errno is not None:  # our own disk; the library's errors have no number
                raise
            raise self._unavailable(error) from None
        return digest.hexdigest()

    def list(self, prefix: str) -> Iterator[Listed]:
        """The objects below a folder."""
        try:
            for several in obstore.list(self._quick, prefix=prefix, chunk_size=1000):
                for meta in several:
                    yield Listed(meta["path"], meta["size"], meta["last_modified"], meta["e_tag"] or "")
        except FAILURES as error:
            raise self._unavailable(error) from None
        self.answers = True

    def delete(self, places: Sequence[str]) -> None:
        """Delete objects; those that are gone already are no error."""
        try:
            if places:
                obstore.delete(self._quick, list(places))
        except FileNotFoundError:
            self._delete_each(places)
        except FAILURES as error:
            raise self._unavailable(error) from None

    def _delete_each(self, places: Sequence[str]) -> None:
        for place in places:
            try:
                obstore.delete(self._quick, place)
            except FileNotFoundError:
                continue
            except FAILURES as error:
                raise self._unavailable(error) from None

    def now(self) -> datetime:
        """The time by the bucket's own clock, which ages are taken from."""
        self.overwrite(CLOCK, b"")
        try:
            written = obstore.head(self._quick, CLOCK)["last_modified"]
        except FAILURES as error:
            raise self._unavailable(error) from None
        return written

    def check(self) -> None:
        """See that the bucket is there; a read of an object would not tell it from one without that object."""
        for _ in self.list(PROBES):
            break

    def _unavailable(self, error: BaseException) -> UnavailableError:
        self.answers = False
        return unavailable(self.address, reason(error))


def _client(address: str, limits: Mapping[str, str]) -> Any:
    options: Any = {**limits, "allow_http": may_be_plain()}
    again: Any = {
        "max_retries": TIMES,
        "retry_timeout": timedelta(seconds=AGAIN_SECONDS),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=3), "base": 2.0},
    }
    try:
        return from_url(address, client_options=options, retry_config=again)
    except FAILURES as error:
        raise RequestError(
            f"{FLAG} {address}: its settings in the environment are not whole ({type(error).__name__}); correct them"
        ) from None


def _version(meta: Mapping[str, Any]) -> Version:
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name) is not None}
