"""Buckets that a data root shares: what is there is searched here, and deleted there with what is deleted here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import UnavailableError
from tasks.store.shared.noted import addresses_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.progress import Progress
    from tasks.runtime import Runtime
    from tasks.store.shared.bucket import Bucket

Name = tuple[str, str]  # step and key


@dataclass
class Copies:
    """One bucket; `damaged` are artifacts there that cannot be read, so nobody knows what is in them; `deleted` were there."""

    bucket: Bucket
    damaged: list[Name] = field(default_factory=list)
    deleted: int = 0

    @property
    def address(self) -> str:
        """Where it is."""
        return self.bucket.address


def open_copies(runtime: Runtime) -> list[Copies]:
    """The buckets that a data root has been used with, and the one that is given; UnavailableError if one is not there."""
    from tasks.store.opened import open_bucket

    found = [Copies(open_bucket(address)) for address in addresses_of(runtime)]
    for copies in found:
        copies.bucket.check()
    return found


def bring_all(runtime: Runtime, several: Iterable[Copies], progress: Progress) -> None:
    """Bring every artifact of the buckets here: the search finds in it what it finds in our own, and what was made of it."""
    for copies in several:
        from tasks.store.shared.collect import stored
        from tasks.store.shared.store import SharedStore

        store = SharedStore(runtime.data_root, copies.bucket, lease_seconds=runtime.store_lease)
        names = stored(copies.bucket)
        copies.damaged = []
        for number, name in enumerate(names, 1):
            if store.bring(*name) is None:
                copies.damaged.append(name)
            progress.advance(number, len(names), "artifacts", "bucket")


def delete_there(several: Iterable[Copies], name: Name) -> None:
    """Delete one artifact in every bucket, with every attempt at it; no host hands on its copy of it."""
    for copies in several:
        from tasks.store.shared.collect import forget

        copies.deleted += forget(copies.bucket, [name])


def delete_unknown(several: Iterable[Copies]) -> None:
    """Delete in every bucket what nobody can look into: damaged artifacts, and files that no manifest names."""
    for copies in several:
        from tasks.store.shared.collect import forget, forget_unreachable

        copies.deleted += forget(copies.bucket, copies.damaged)
        forget_unreachable(copies.bucket)


def left_there(several: Iterable[Copies], names: Iterable[Name]) -> list[str]:
    """Which of these artifacts a bucket still has."""
    wanted, left = set(names), []
    for copies in several:
        from tasks.store.shared.collect import stored

        try:
            left += [f"{copies.address} {step}/{key}" for step, key in stored(copies.bucket) if (step, key) in wanted]
        except UnavailableError:
            left.append(copies.address)
    return left
