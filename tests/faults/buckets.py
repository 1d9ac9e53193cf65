"""What a host does with a shared store in a process of its own, for the rows about buckets."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from tests.s3 import BUCKET, S3

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.artifact import Artifact
    from tasks.store.shared.store import SharedStore

STEP = "demo"
FILES = ("a.bin", "part/b.bin", "side/c.html")
LEASE_SECONDS = 2.0  # thirty by default


def opened(root: Path, environment: dict[str, str], prefix: str, *, lease: float = LEASE_SECONDS) -> SharedStore:
    """The store of a host; its client is made here, in the process that uses it."""
    os.environ.update(environment)
    from tasks.store.shared.bucket import Bucket
    from tasks.store.shared.store import SharedStore

    return SharedStore(root, Bucket(f"s3://{BUCKET}/{prefix}"), lease_seconds=lease)


def make(store: SharedStore, key: str, *, wait: float = 0.0) -> dict[str, Any]:
    """The artifact of a key as a step makes it, its bytes drawn by chance; its digest here, and whether it was built here."""
    with store.locked(STEP, key):
        found = store.find(STEP, key)
        built = found is None
        if found is None:
            with store.building(STEP, key) as build:
                for name in FILES:
                    (build.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (build.folder / name).write_bytes(os.urandom(2000))
                time.sleep(wait)
                found = store.commit(build, STEP, key, report={}, seconds=0.0, inputs={})
        verified: Artifact = store.verify(STEP, key)
        if verified.digest != found.digest:
            raise AssertionError(f"{key} was handed out as {found.digest[:8]} and is {verified.digest[:8]} on the disk")
        return {"digest": found.digest, "built": built}


def work(
    root: Path,
    environment: dict[str, str],
    prefix: str,
    keys: list[str],
    handed: Path,
    wait: float,
    lease: float = LEASE_SECONDS,
) -> int:
    """Make several artifacts; each one is written down as it is handed out, in a line of `handed`. How many were built."""
    store, built = opened(root, environment, prefix, lease=lease), 0
    with handed.open("a") as file:
        for key in keys:
            made = make(store, key, wait=wait)
            built += made["built"]
            file.write(f"{key} {made['digest']} {int(made['built'])}\n")
            file.flush()
    return built


def one(root: Path, environment: dict[str, str], prefix: str, key: str, lease: float = LEASE_SECONDS) -> dict[str, Any]:
    """Make one artifact; how long it took beside."""
    start = time.monotonic()
    made = make(opened(root, environment, prefix, lease=lease), key)
    return made | {"seconds": time.monotonic() - start}


def attempts(server: S3, prefix: str, key: str) -> set[str]:
    """The attempts at a key that have files in the bucket."""
    folder = f"{prefix}/data/{STEP}/{key}/"
    return {place.removeprefix(folder).split("/")[0] for place in server.places(folder)}
