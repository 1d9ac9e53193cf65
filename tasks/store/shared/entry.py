"""What a bucket has for a key: the manifest of one attempt, or nothing whole.

The object holds the manifest of the artifact as the local store has it, and the name of the attempt whose files are meant, so
that whoever wrote it knows it again when the answer to the write was lost. It is never deleted: a short one says that the
artifact was removed, and is replaced on condition like a damaged one.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tasks.store.artifact import FORMAT, MANIFEST
from tasks.store.digests import canonical, sha256_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.store.shared.bucket import Object, Version

FORGOTTEN = b"forgotten"  # it held a text that was forgotten: copies are to be deleted
LONGEST_REMOVED = len(FORGOTTEN)  # a shorter one says by which gc it was removed: a host that has a copy may hand it over again
_REMOVED = re.compile(rb"forgotten|[0-9a-f]{8}|")  # empty: by an earlier version
LONGEST_NAME = 1024


@dataclass(frozen=True)
class Entry:
    """What the bucket has for a key. `version` is None if there is no object; `damage` is empty if nothing is wrong with it."""

    version: Version | None = None
    attempt: str = ""
    manifest: Mapping[str, Any] | None = None
    damage: str = ""
    forgotten: bool = False

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """The files of the artifact by name, those beside its data included, each with `bytes` and `sha256`."""
        return {} if self.manifest is None else self.manifest["files"] | self.manifest["side_files"]


def written(attempt: str, manifest: Mapping[str, Any]) -> bytes:
    """The object that commits an attempt; `manifest` is that of the local store, with its checksum."""
    values = {"format": FORMAT, "attempt": attempt, "manifest": manifest}
    return json.dumps(values | {"checksum": sha256_text(canonical(values))}, indent=1, ensure_ascii=True).encode()


def removed() -> bytes:
    """What a gc puts in the place of a manifest: no other gc writes the same."""
    return secrets.token_hex(LONGEST_REMOVED // 2).encode()


def read_entry(found: Object | None, step: str, key: str) -> Entry:
    """The entry of a key, judged: one that is damaged, another key's, or names a file outside of its folder has no manifest."""
    if found is None:
        return Entry()
    if _REMOVED.fullmatch(found.data):
        return Entry(found.version, forgotten=found.data == FORGOTTEN)
    try:
        values = json.loads(found.data)
        manifest, attempt = values["manifest"], values["attempt"]
        if not (_is_whole(values) and _is_whole(manifest)):
            return Entry(found.version, damage="its manifest is not what was written")
        if (manifest["step"], manifest["key"]) != (step, key):
            return Entry(found.version, damage=f"its manifest is that of {manifest['step']}/{manifest['key'][:10]}")
        entry = Entry(found.version, attempt, manifest)
        for name in (attempt, *entry.files):
            _must_be_inside(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Entry(found.version, damage=f"its manifest cannot be read ({type(error).__name__})")
    return entry


def _is_whole(values: Mapping[str, Any]) -> bool:
    """Whether values have the checksum that was written with them, and a format that is known."""
    summed = {name: value for name, value in values.items() if name != "checksum"}
    return values["format"] == FORMAT and values["checksum"] == sha256_text(canonical(summed))


def _must_be_inside(name: str) -> None:
    """ValueError for the name of a file that would be written elsewhere: whoever writes to the bucket is not to write here."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or str(path) != name or name in (MANIFEST, ".", "")
    if outside or len(name) > LONGEST_NAME or "\0" in name or "\\" in name:
        raise ValueError(f"{name[:LONGEST_NAME]!r} is not the name of a file of an artifact")
