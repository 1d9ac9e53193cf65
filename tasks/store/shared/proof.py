"""The proof that a bucket honours conditions: of two creates one must fail, and of two replacements of one version."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.store.shared.address import FLAG
from tasks.store.shared.bucket import Unsure
from tasks.store.shared.failures import unavailable
from tasks.store.shared.layout import PROBES
from tasks.store.shared.noted import note_address, shared_with

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.shared.bucket import Bucket, Version


def prove_once(bucket: Bucket, data_root: Path) -> None:
    """See that a bucket is there; at the first use of its address in a data root, that it honours conditions."""
    if bucket.address in shared_with(data_root):
        bucket.check()
    else:
        prove(bucket)
        note_address(data_root, bucket.address)


def prove(bucket: Bucket) -> None:
    """RequestError for a bucket that does not honour a condition: two hosts could overwrite each other's work."""
    bucket.check()
    place = f"{PROBES}/{secrets.token_hex(8)}"
    first = _written(bucket, place, b"1", None)
    if first is None:
        raise unavailable(bucket.address, "it did not take a new object")
    again = _written(bucket, place, b"2", None)
    second = _written(bucket, place, b"3", first)
    stale = _written(bucket, place, b"4", first)
    left = bucket.read(place)
    bucket.delete([place])
    missing = "If-None-Match" if again is not None else "If-Match"
    if again is not None or second is None or stale is not None or left is None or left.data != b"3":
        raise RequestError(
            f"{FLAG} {bucket.address}: it does not honour the condition {missing}, so two hosts could overwrite each other's "
            "work; take a store that does: docs/SHARED_STORE.md lists some"
        )


def _written(bucket: Bucket, place: str, data: bytes, over: Version | None) -> Version | None:
    """The version after a conditional write; None if it was refused. An answer that was lost is read back."""
    try:
        return bucket.write(place, data, over=over)
    except Unsure:
        found = bucket.read(place)
        return found.version if found is not None and found.data == data else None
