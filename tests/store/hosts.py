"""What a host does with a shared store, as a step does it; and its objects, for whoever wants to damage them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import MemoryStore

from tasks.store.shared.bucket import Bucket
from tasks.store.shared.store import SharedStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.store.artifact import Artifact

ADDRESS = "s3://memory/tests"
KEY = "k" * 64
LEASE_SECONDS = 0.3


class Memory:
    """A bucket in memory, its objects by place."""

    def __init__(self, kind: type[Bucket] = Bucket) -> None:
        self.objects = MemoryStore()
        self.bucket = kind(ADDRESS, quick=self.objects)

    def places(self, prefix: str) -> list[str]:
        return sorted(meta["path"] for several in obstore.list(self.objects, prefix) for meta in several)

    def get(self, place: str) -> bytes:
        return bytes(obstore.get(self.objects, place).bytes())

    def put(self, place: str, data: bytes) -> None:
        obstore.put(self.objects, place, data)

    def delete(self, place: str) -> None:
        obstore.delete(self.objects, place)

    def host(self, root: Path, *, kind: type[Bucket] | None = None, lease: float = LEASE_SECONDS) -> SharedStore:
        bucket = self.bucket if kind is None else kind(ADDRESS, quick=self.objects)
        return SharedStore(root, bucket, lease_seconds=lease)


def make(store: SharedStore, files: Mapping[str, bytes], key: str = KEY, **told: Any) -> tuple[Artifact, bool]:
    """The artifact of a key, and whether this host built it."""
    with store.locked("demo", key):
        found = store.find("demo", key)
        if found is not None:
            return found, False
        return commit(store, files, key, **told), True


def commit(store: SharedStore, files: Mapping[str, bytes], key: str = KEY, **told: Any) -> Artifact:
    """Build and commit."""
    with store.building("demo", key) as build:
        for name, content in files.items():
            (build.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (build.folder / name).write_bytes(content)
        return store.commit(build, "demo", key, report=told, seconds=0.5, inputs={"upstream": {}})


def content(store: SharedStore, artifact: Artifact) -> dict[str, bytes]:
    """The files of an artifact as this host reads them."""
    folder = store.folder(artifact)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
