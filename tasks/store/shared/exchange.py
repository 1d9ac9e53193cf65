"""What the workers of a cluster and the command that asks them exchange through the bucket, where they share no disk.

A worker brings the artifact that a call reads into a data root of its own, verified, once: its store is a cache of the bucket
as that of any host is. The files that a call makes are objects of an attempt at the artifact that is being built, under names
of their own, so that a call may be done twice. No manifest names that attempt: whoever asked deletes it at the end, and gc a
day later where that was killed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
import tempfile
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.checkout import CHECKOUT
from tasks.engine.remote import name
from tasks.errors import RequestError, UnavailableError
from tasks.store.digests import sha256_file
from tasks.store.layout import BUILDING
from tasks.store.shared.layout import PROBES, data_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks.engine.engine import Arguments, Engine
    from tasks.store.shared.bucket import Bucket
    from tasks.store.shared.store import SharedStore

log = logging.getLogger(__name__)

ROOT = "TEXTMILL_RUNTIME__DATA_ROOT"  # of a worker, in its environment
FEW_BYTES = 64 << 10  # a file of no more comes with the answer: an object costs two requests and more time
AGAIN = "the same command can be repeated"


class LostError(UnavailableError):
    """The bucket does not have an artifact whole that a call reads."""


class Sent(NamedTuple):
    """A file that a worker has made, as it is told of: its object in the bucket, or its bytes where they are few."""

    place: str
    size: int
    sha256: str
    data: bytes | None


class Here(NamedTuple):
    """What a call has on its worker: the folder of the artifact that it reads, and one to write to."""

    folder: Path
    scratch: Path


@dataclass(frozen=True)
class Route:
    """Where a call finds what it reads, and where what it makes goes; plain values, which travel with the call.

    `folder` is the object's folder of the attempt. The artifact is that of `step` and `key`, of which a call reads `part`,
    empty for all; `digest` is that of the whole artifact. A file of at most `few` bytes comes with the answer.
    """

    address: str
    folder: str
    step: str
    key: str
    part: str
    digest: str
    few: int

    @contextlib.contextmanager
    def working(self) -> Iterator[Here]:
        """Have the artifact and a folder to write to on this worker, whose gc waits meanwhile; UnavailableError says why not.

        LostError where the bucket has no such artifact.
        """
        with contextlib.ExitStack() as stack:
            with _told_by_worker():
                store = _store(self.address)
                stack.enter_context(store.held())
                folder = self._folder(store)
                (store.root / BUILDING).mkdir(parents=True, exist_ok=True)
                own = tempfile.TemporaryDirectory(prefix="parts-", dir=store.root / BUILDING, ignore_cleanup_errors=True)
                scratch = Path(stack.enter_context(own))
            yield Here(folder, scratch)

    def send(self, path: Path, *, whole: bool = False) -> Sent:
        """Hand on a file that a call has made; with `whole` a small one comes with the answer."""
        size, place = path.stat().st_size, f"{self.folder}{path.name}-{secrets.token_hex(8)}"
        if whole and size <= self.few:
            return Sent(place, size, sha256_file(path), path.read_bytes())
        with _told_by_worker():
            _store(self.address).bucket.upload(place, path)
        return Sent(place, size, sha256_file(path), None)

    def receive(self, sent: Sent, folder: Path) -> Path:
        """A file that another call has made, in a folder of this worker."""
        with _told_by_worker():
            return received(_store(self.address).bucket, sent, folder)

    def _folder(self, store: SharedStore) -> Path:
        folder = _brought(self)
        if not folder.is_dir():  # collected as garbage since the last call
            _brought.cache_clear()
            folder = _brought(self)
        return folder


class Exchange:
    """One end of it: the command's, which builds an artifact of a shared store from another one."""

    def __init__(self, store: SharedStore, route: Route) -> None:
        self._store = store
        self._route = route
        self._mended = False

    def map_ordered(self, engine: Engine, function: Callable[..., Any], calls: Iterable[Arguments]) -> Iterator[Any]:
        """Yield `function(*arguments, route)` for each of `calls`, in order, by the workers of an engine.

        An artifact that the bucket has lost or that is damaged there is written anew, once, and the rest is done then. Calls
        are taken as the engine asks for them.
        """
        waiting: deque[Arguments] = deque()  # without a result so far

        def handed(asked: Iterable[Arguments]) -> Iterator[Arguments]:
            for call in asked:
                waiting.append(call)
                yield *call, self._route

        rest = iter(calls)
        while True:
            again = [*waiting]
            waiting.clear()
            try:
                for found in engine.map_ordered(function, handed(itertools.chain(again, rest))):
                    waiting.popleft()
                    yield found
            except LostError as error:
                if self._mended:
                    raise
                self._mended = True
                log.warning("%s; it is replaced", error)
                self._store.mend(self._route.step, self._route.key)
            else:
                return

    def receive(self, sent: Sent, folder: Path) -> Path:
        """A file that a worker has made."""
        return received(self._store.bucket, sent, folder)

    def drop(self, several: Iterable[Sent]) -> None:
        """Delete files that nobody reads any more, as far as the bucket answers."""
        with contextlib.suppress(UnavailableError):
            self._store.bucket.delete([sent.place for sent in several if sent.data is None])

    def close(self) -> None:
        """Delete all that is left of the attempt, as far as the bucket answers; gc does it else."""
        with contextlib.suppress(UnavailableError):
            self._store.bucket.delete([each.place for each in self._store.bucket.list(self._route.folder.rstrip("/"))])


def open_exchange(store: SharedStore, step: str, key: str, given: Path) -> Exchange:
    """The exchange for a build of the artifact of a key, whose calls read the folder `given` of another artifact."""
    of_step, of_key, *part = given.relative_to(store.root).parts
    digest = store.recorded(of_step, of_key)[0].digest
    folder = data_place(step, key, f"parts-{secrets.token_hex(8)}")
    return Exchange(store, Route(store.bucket.address, folder, of_step, of_key, "/".join(part), digest, FEW_BYTES))


def received(bucket: Bucket, sent: Sent, folder: Path) -> Path:
    """Bring a file that a worker has made; UnavailableError where the bucket has not what was written."""
    path = folder / sent.place.rpartition("/")[2]
    if sent.data is not None:
        path.write_bytes(sent.data)
    elif (found := bucket.download(sent.place, path, sent.size)) != sent.sha256:
        path.unlink(missing_ok=True)
        what = "is missing or of another size" if found is None else "has other bytes than were written"
        raise UnavailableError(f"{sent.place} in {bucket.address} {what}; {AGAIN}")
    return path


@contextlib.contextmanager
def asked(bucket: Bucket) -> Iterator[Arguments]:
    """A function with its arguments, by which a worker sees that it may use the bucket and has a data root of its own."""
    place, token = f"{PROBES}/{secrets.token_hex(8)}", secrets.token_hex(16)
    bucket.overwrite(place, token.encode())
    try:
        yield look, bucket.address, place, token
    finally:
        with contextlib.suppress(UnavailableError):
            bucket.delete([place])


def look(address: str, place: str, token: str) -> None:
    """See that this worker reads and writes the bucket that is meant, and writes to its data root; UnavailableError if not."""
    with _told_by_worker():
        bucket = _store(address).bucket
        found = bucket.read(place)
        if found is None or found.data != token.encode():
            raise UnavailableError(f"it has another bucket at {address}")
        bucket.overwrite(own := f"{place}-{secrets.token_hex(8)}", b"")
        bucket.delete([own])
        area = _store(address).root / BUILDING
        area.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=area):
            pass


def own_data_root() -> Path:
    """The data root of this worker: what its environment says, as for every command."""
    return Path(os.environ.get(ROOT) or CHECKOUT / "data").expanduser().absolute()


@lru_cache(maxsize=4)
def _store(address: str) -> SharedStore:
    """Opened once in a worker."""
    from tasks.store.opened import open_bucket
    from tasks.store.shared.store import SharedStore

    return SharedStore(own_data_root(), open_bucket(address), lease_seconds=30.0)  # it builds nothing


@lru_cache(maxsize=4)
def _brought(route: Route) -> Path:
    """The folder that a call reads, every byte of the artifact compared; once in a worker for each command."""
    store = _store(route.address)
    store.prove()
    store.drop_forgotten()
    found = store.bring(route.step, route.key)
    if found is None or found.digest != route.digest:
        what = "is damaged or gone" if found is None else "is another one"
        raise LostError(f"{route.step}/{route.key[:10]} {what} in {route.address}; {AGAIN}")
    return store.place(route.step, route.key) / route.part


@contextlib.contextmanager
def _told_by_worker() -> Iterator[None]:
    """Say in an error which worker it is of."""
    try:
        yield
    except LostError:
        raise
    except (UnavailableError, RequestError) as error:
        raise UnavailableError(f"{name()}: {error}") from None
    except OSError as error:
        raise UnavailableError(f"{name()}: {error.filename or own_data_root()}: {error.strerror or error}") from None
