"""The store: content-addressed folders, built under a lock, verified on every read.

    <data root>/store/<step>/<key>/            the files of one artifact, and manifest.json, written last
    <data root>/store/.building/<step>-<key>-* a build in progress; renamed into place when it is whole
    <data root>/store/.scratch/<step>-<key>/   what a build keeps between attempts (checkpoints); gone once it is committed
    <data root>/store/.damaged/                what failed verification, kept for inspection until gc
    <data root>/store/.locks/                  one lock file per key, and one for the whole store (readers shared, gc exclusive)
    <data root>/store/.shared                  the buckets that it was used with (see shared/), if there are any

A folder counts only if its manifest is whole and every file has the size and SHA-256 that the manifest names.
Pure: neither Prefect nor MLflow.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import sqlite3
import stat
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tasks.crash import crash_point
from tasks.durable import flush, flush_tree, locked
from tasks.errors import RequestError
from tasks.in_use import RACY_SECONDS, is_held
from tasks.places import names_of
from tasks.store.digests import canonical, sha256_file, sha256_text
from tasks.store.layout import BUILDING, DAMAGED, FINGERPRINTS, LOCKS, SCRATCH, STORE
from tasks.store.presentation import PLAIN, Presentation
from tasks.writable import writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.store.shared.exchange import Exchange

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest; a later format is a miss, not an error
MEMORY_SECONDS = 30.0  # so long another process may hold the memory of fingerprints before it is done without


class DamagedArtifact(Exception):  # noqa: N818 said as it is
    """A folder of the store that does not hold what its manifest says."""


@dataclass(frozen=True)
class Artifact:
    """What one step made, as other steps are handed it.

    `digest` covers the names and bytes of the data files (of `part` alone if there is one); `path` is relative to the data
    root; `report` is what the step returned, `seconds` what the build took, and `shown` how the step is shown.
    """

    step: str
    key: str
    digest: str
    path: str
    report: Mapping[str, Any] = field(compare=False)
    seconds: float = field(compare=False)
    part: str | None = None
    part_digests: Mapping[str, str] = field(default_factory=dict, compare=False)
    rest_digests: Mapping[str, str] = field(default_factory=dict, compare=False)  # by part, of all that is not in it
    shown: Presentation = field(default=PLAIN, compare=False, repr=False)

    def narrow(self, part: str) -> Artifact:
        """Hand on one sub-folder only: a step that gets it is rebuilt when that part changes, and not otherwise."""
        return Artifact(self.step, self.key, self.part_digests[part], f"{self.path}/{part}", self.report, self.seconds, part)

    def without(self, part: str) -> Artifact:
        """Hand on all but a sub-folder: a step that gets it does not notice whether there is such a part, nor what is in it."""
        return replace(self, digest=self.rest_digests[part]) if part in self.rest_digests else self


def tree_digest(files: Mapping[str, str]) -> str:
    """One digest over relative names and file digests."""
    return sha256_text(canonical(dict(files)))


class Fingerprints:
    """SHA-256 of what paths point to, remembered by size, mtime and inode.

    A folder's fingerprint covers sorted relative names and digests. The memory is a SQLite file that may be lost at any
    time: it costs hashing again, nothing else.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory

    def of(self, path: Path) -> str:
        """Fingerprint a file or a folder; RequestError names a path that is not there."""
        try:
            path = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise RequestError(f"{path}: cannot be read ({error}); correct the path") from None
        if path.is_dir():
            # Links and special files are part of a corpus only by name: they are never followed.
            names = sorted(
                os.path.join(root, name)
                for root, folders, files in os.walk(path)
                for name in [*files, *(f for f in folders if os.path.islink(os.path.join(root, f)))]
            )
            digests = self._digests(names)
            relative = (os.fsencode(os.path.relpath(name, path)).hex() for name in names)
            return tree_digest(dict(zip(relative, digests, strict=True)))
        return self._digests([str(path)])[0]

    def of_several(self, paths: Sequence[Path]) -> str:
        """Fingerprint several files or folders as one folder that holds them under their names; see tasks/places.py."""
        return tree_digest({os.fsencode(name).hex(): self.of(path) for name, path in zip(names_of(paths), paths, strict=True)})

    def _digests(self, names: list[str]) -> list[str]:
        try:
            return self._remembered(names)
        except sqlite3.DatabaseError as error:
            log.warning("the memory of file fingerprints is unusable (%s); hashing again", error)
            if not is_held(error):
                with contextlib.suppress(OSError):
                    self.memory.unlink()
            return [_digest_or_kind(name) for name in names]

    def _remembered(self, names: list[str]) -> list[str]:
        self.memory.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.memory, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite would make it readable by all
        with contextlib.closing(sqlite3.connect(self.memory, timeout=MEMORY_SECONDS)) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS seen (path BLOB PRIMARY KEY, stamp TEXT, digest TEXT) WITHOUT ROWID")
            known = {
                bytes(path): (stamp, digest)
                for path, stamp, digest in (
                    db.execute("SELECT path, stamp, digest FROM seen")
                    if len(names) > 1000
                    else (
                        row for name in names for row in db.execute("SELECT * FROM seen WHERE path = ?", (os.fsencode(name),))
                    )
                )
            }
            fresh, digests, now = [], [], time.time()
            for name in names:
                status = os.lstat(name)
                stamp = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}:{status.st_ctime_ns}"
                remembered = known.get(os.fsencode(name))
                if remembered and remembered[0] == stamp:
                    digests.append(remembered[1])
                    continue
                digest = _digest_or_kind(name)
                digests.append(digest)
                if now - max(status.st_mtime, status.st_ctime) > RACY_SECONDS:  # else hash it again next time
                    fresh.append((os.fsencode(name), stamp, digest))
            db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", fresh)
        return digests


def _digest_or_kind(name: str) -> str:
    """SHA-256 of a regular, readable file; for anything else what it is, so that a step can quarantine it later."""
    path = Path(name)
    if path.is_symlink():
        return "link:" + sha256_text(os.readlink(name))
    if not path.is_file():
        return "special"
    try:
        return sha256_file(path)
    except PermissionError:
        return "unreadable"


def section_values(config: BaseModel | None, fingerprints: Fingerprints) -> dict[str, Any]:
    """A section as it enters a key: every path by the fingerprint of what it points to, never by its name.

    What the section leaves out when it is dumped, such as the settings of kinds that a model does not have, is not in it.
    """
    values: dict[str, Any] = {}
    for name in () if config is None else config.model_dump():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            value = section_values(value, fingerprints)
        if isinstance(value, Path):
            value = fingerprints.of(value)
        elif isinstance(value, tuple) and value and all(isinstance(each, Path) for each in value):
            value = fingerprints.of_several(value)
        values[name] = value
    return json.loads(json.dumps(values, default=list))


@dataclass(frozen=True)
class Build:
    """The folder that a build of a key writes into, and what it keeps between attempts."""

    folder: Path
    scratch: Path
    step: str
    key: str


class Store:
    """The artifacts below one data root."""

    def __init__(self, data_root: Path) -> None:
        self.data_root = data_root
        self.root = data_root / STORE

    @property
    def fingerprints(self) -> Fingerprints:
        """The fingerprints remembered beside this store."""
        return Fingerprints(self.root / FINGERPRINTS)

    def folder(self, artifact: Artifact) -> Path:
        """Where the artifact's files are."""
        return self.data_root / artifact.path

    def exchange(self, build: Build, given: Path) -> Exchange | None:
        """What workers that share no disk with this process exchange by, to build from the folder `given` of an artifact.

        None for a store that is not shared.
        """
        return None

    def begin_run(self, run: str, name: str, verb: str) -> None:
        """Name the run that uses this store from now on; a shared one tells other hosts, this one has the run's record."""

    def end_run(self, status: str) -> None:
        """Say how that run ended."""

    def stored(self) -> list[tuple[str, str]]:
        """(step, key) of every artifact that is there, whole or damaged, in order."""
        return sorted((path.parent.name, path.name) for path in self.root.glob("[!.]*/*"))

    def leftovers(self, oldest: float) -> list[Path]:
        """What killed builds left, and what was set aside as damaged; checkpoints only if they are older than `oldest`.

        The caller holds `exclusive`: then no build is in progress, since every run holds `reading`.
        """
        found = [path for area in (BUILDING, DAMAGED) for path in (self.root / area).glob("*")]
        return found + [path for path in (self.root / SCRATCH).glob("*") if path.lstat().st_mtime < oldest]

    def place(self, step: str, key: str) -> Path:
        """The folder of an artifact, whether it is there or not."""
        return self.root / step / key

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold off gc while artifacts are in use."""
        with self._locked("store", shared=True, to_read=True):
            yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off every reader; for gc. RequestError while anybody reads."""
        with self._locked("store", shared=False, wait=False):
            yield

    @contextlib.contextmanager
    def locked(self, step: str, key: str) -> Iterator[None]:
        """Hold the lock of one key; it ends with the process, however that ends."""
        with self._locked(f"{step}-{key}", shared=False):
            yield

    @contextlib.contextmanager
    def _locked(self, name: str, *, shared: bool, wait: bool = True, to_read: bool = False) -> Iterator[None]:
        folder = self.root / LOCKS
        if to_read and folder.is_dir() and not writable(folder / f"{name}.lock"):  # so nobody can collect garbage here either
            yield
            return
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(
                    locked(
                        folder / f"{name}.lock",
                        shared=shared,
                        wait=wait,
                        waiting=lambda: log.info("waiting for another run that holds %s", name),
                    )
                )
            except BlockingIOError:
                raise RequestError(f"a run is using {self.root}; try again when it has ended") from None
            yield

    def find(self, step: str, key: str) -> Artifact | None:
        """The verified artifact of a key, or None. A damaged folder is logged and set aside, so the step is rebuilt."""
        folder = self.place(step, key)
        if not os.path.lexists(folder):
            return None
        try:
            artifact = self.verify(step, key)
            shutil.rmtree(self._scratch(step, key), ignore_errors=True)  # a kill may have come between commit's last lines
            return artifact
        except DamagedArtifact as error:
            aside = self._set_aside(folder, step, key)
            log.warning("damaged: %s; set aside as %s, the step runs again", error, aside)
            return None

    def verify(self, step: str, key: str) -> Artifact:
        """Read every byte of an artifact and compare; raise DamagedArtifact with what is wrong."""
        folder = self.place(step, key)
        manifest = _read_manifest(folder)
        if (manifest["step"], manifest["key"]) != (step, key):
            raise DamagedArtifact(f"{folder} holds another artifact ({manifest['step']}/{manifest['key'][:10]})")
        expected = manifest["files"] | manifest["side_files"]
        present = _files_below(folder) - {MANIFEST}
        for name in sorted(expected.keys() ^ present):
            raise DamagedArtifact(f"{folder / name} {'is missing' if name in expected else 'does not belong there'}")
        for name, known in expected.items():
            path = folder / name
            try:
                _must_be_regular(path)
                size, digest = path.stat().st_size, sha256_file(path)
            except OSError as error:
                raise DamagedArtifact(f"{path} cannot be read ({error.strerror})") from error
            if (size, digest) != (known["bytes"], known["sha256"]):
                raise DamagedArtifact(f"{path} has other bytes than were written")
        return _artifact(manifest, folder.relative_to(self.data_root))

    def recorded(self, step: str, key: str) -> tuple[Artifact, dict[str, Any]]:
        """The artifact as its manifest has it, its files unread, and what went into its key; DamagedArtifact if it has none."""
        folder = self.place(step, key)
        manifest = _read_manifest(folder)
        return _artifact(manifest, folder.relative_to(self.data_root)), manifest["inputs"]

    @contextlib.contextmanager
    def building(self, step: str, key: str) -> Iterator[Build]:
        """Give a fresh folder to build in; the caller holds the key's lock and commits before leaving."""
        area = self.root / BUILDING
        area.mkdir(parents=True, exist_ok=True)
        scratch = self._scratch(step, key)
        scratch.mkdir(parents=True, exist_ok=True)
        for left in area.glob(f"{step}-{key}-*"):  # of a killed build; the lock is ours, so nobody writes there
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{step}-{key}-", dir=area))
        crash_point(f"{step}.building")
        try:
            yield Build(folder, scratch, step, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(
        self, build: Build, step: str, key: str, *, report: Mapping[str, Any], seconds: float, inputs: object
    ) -> Artifact:
        """Write the manifest, flush everything to disk and rename the folder into place.

        Files whose name starts with `side/` (reports, figures, timings) are outside the digest.
        """
        files: dict[str, Any] = {}
        side_files: dict[str, Any] = {}
        for name in sorted(_files_below(build.folder)):
            path = build.folder / name
            entry = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
            (side_files if name.startswith("side/") else files)[name] = entry
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "step": step,
            "key": key,
            "digest": tree_digest({name: entry["sha256"] for name, entry in files.items()}),
            "files": files,
            "side_files": side_files,
            "report": dict(report),
            "seconds": round(seconds, 3),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "inputs": inputs,
        }
        manifest = json.loads(canonical(manifest))  # as it will be read back
        manifest["checksum"] = sha256_text(canonical(manifest))
        (build.folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=True))
        crash_point(f"{step}.manifest_written")
        flush_tree(build.folder)
        crash_point(f"{step}.flushed")
        folder = self.place(step, key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(folder):
            aside = self._set_aside(folder, step, key)
            log.warning("%s/%s was in the way of the build that makes it; set aside as %s", step, key, aside)
        os.replace(build.folder, folder)  # not `replaced`: that swaps a file
        crash_point(f"{step}.renamed")
        flush(folder.parent)
        shutil.rmtree(build.scratch, ignore_errors=True)
        crash_point(f"{step}.committed")
        return _artifact(manifest, folder.relative_to(self.data_root))

    def _scratch(self, step: str, key: str) -> Path:
        return self.root / SCRATCH / f"{step}-{key}"

    def _set_aside(self, folder: Path, step: str, key: str) -> Path:
        """Where the folder is from now on, relative to the data root."""
        area = self.root / DAMAGED
        area.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f"{step}-{key}-", dir=area)) / "folder"
        os.replace(folder, aside)
        return aside.relative_to(self.data_root)


def _artifact(manifest: Mapping[str, Any], path: Path) -> Artifact:
    parts: dict[str, dict[str, str]] = {}
    for name, entry in manifest["files"].items():
        part, _, rest = name.partition("/")
        if rest:
            parts.setdefault(part, {})[rest] = entry["sha256"]
    digests = {part: tree_digest(files) for part, files in parts.items()}
    all_files = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    rests = {
        part: tree_digest({name: digest for name, digest in all_files.items() if not name.startswith(f"{part}/")})
        for part in parts
    }
    known = (manifest["step"], manifest["key"], manifest["digest"], str(path), manifest["report"], manifest["seconds"])
    return Artifact(*known, None, digests, rests)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        _must_be_regular(folder / MANIFEST)
        manifest = json.loads((folder / MANIFEST).read_bytes())
        checksum = manifest.pop("checksum")
        whole = checksum == sha256_text(canonical(manifest)) and manifest["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedArtifact(f"{folder / MANIFEST} cannot be read ({type(error).__name__})") from error
    if not whole:
        raise DamagedArtifact(f"{folder / MANIFEST} is not what was written")
    return manifest


def _must_be_regular(path: Path) -> None:
    """Raise OSError for a link, a folder, or a named pipe, which would be read for ever."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))


def _files_below(folder: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(root, name), folder)
        for root, folders, files in os.walk(folder)
        for name in [*files, *(f for f in folders if os.path.islink(os.path.join(root, f)))]
    }
