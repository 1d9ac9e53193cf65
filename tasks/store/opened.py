"""The store that a run works with: that of its data root, or this in front of a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.store.artifact import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.runtime import Runtime
    from tasks.store.shared.bucket import Bucket
    from tasks.store.shared.store import SharedStore


def open_store(runtime: Runtime) -> Store:
    """The store of a data root; RequestError where it is to be shared and the library for that is missing."""
    return Store(runtime.data_root) if runtime.store is None else _shared(runtime, runtime.store)


def check_store(runtime: Runtime) -> None:
    """See before a run starts that the bucket is there and honours conditions, if one is given.

    UnavailableError or RequestError says in one line what is wrong.
    """
    if runtime.store is not None:
        _shared(runtime, runtime.store).prove()


def check_workers(runtime: Runtime, folder: Path | None) -> str:
    """See before a run starts that its engine is there, and that its workers get at what it reads; what it is, in words.

    Workers of a cluster share a bucket with the command if one is given, else its data root, of which `folder` is one; None if
    there is none yet. UnavailableError or RequestError says in one line what is wrong.
    """
    from tasks.engine.engines import check_engine

    if runtime.store is None or runtime.engine == "local":
        return check_engine(runtime, folder)
    bucket = open_bucket(runtime.store)
    from tasks.store.shared.exchange import asked

    with asked(bucket) as look:
        return f"{check_engine(runtime, look=look)}, by {runtime.store}"


def open_bucket(address: str) -> Bucket:
    """The bucket of an address; RequestError where the library is missing or what the environment says is not whole."""
    from tasks.store.shared.address import check_installed

    check_installed()
    from tasks.store.shared.bucket import Bucket

    return Bucket(address)


def _shared(runtime: Runtime, address: str) -> SharedStore:
    bucket = open_bucket(address)
    from tasks.store.shared.store import SharedStore

    return SharedStore(runtime.data_root, bucket, lease_seconds=runtime.store_lease)
