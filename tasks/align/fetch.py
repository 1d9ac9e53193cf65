"""Bring vectors that stand elsewhere (https, s3, gs, a zip there: whatever fsspec knows) to this machine.

    <data root>/raw/vectors/<digest of the URL>/   copy, and source.json: the URL without secrets, its stamp, the copy's SHA-256

The align step is keyed by the bytes of the copy, never by the URL. Each run asks the place for the file's stamp (ETag, time,
size: what it has) and loads the file again only if that changed, or if the copy is not what was loaded. A place that does not
answer costs a warning where there is a copy.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from tasks.durable import flush, locked
from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT, Progress
from tasks.store.digests import canonical, sha256_file, sha256_text
from tasks.urls import resolved, unresolved, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.config import AlignConfig
    from tasks.store.artifact import Fingerprints

log = logging.getLogger(__name__)

LOCATED = ("vectors", "vocabulary", "second", "second_vocabulary")
COPY, SOURCE = "copy", "source.json"
# What file systems call the things that change when a file does.
STAMPS = (
    "size",
    "ETag",
    "etag",
    "Content-MD5",
    "md5Hash",
    "CRC",
    "Last-Modified",
    "LastModified",
    "last_modified",
    "mtime",
    "updated",
    "created",
)
CHUNK = 4 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)  # this machine is to blame, not the place


def local_copies(
    config: AlignConfig, data_root: Path, fingerprints: Fingerprints, *, progress: Progress = SILENT
) -> AlignConfig:
    """The same section with the path of a verified copy in place of each URL.

    RequestError for a place that does not exist or cannot be asked, UnavailableError for one that does not answer.
    """
    urls = {name: value for name in LOCATED if isinstance(value := getattr(config, name), str)}
    folder = data_root / "raw" / "vectors"
    copies = {name: fetch(url, folder, fingerprints, f"--align.{name}", progress) for name, url in urls.items()}
    return config.model_copy(update=copies)


def fetch(url: str, folder: Path, fingerprints: Fingerprints, flag: str, progress: Progress = SILENT) -> Path:
    """Give the path of a copy of what `url` names, below `folder`; concurrent callers wait for one another."""
    place = folder / sha256_text(url)[:16]
    place.mkdir(parents=True, exist_ok=True)
    flag = flag.replace("_", "-")
    address = resolved(url, flag)  # what is stored and told is the URL as it was given
    with locked(place / "lock"):
        known = _known(place, fingerprints)
        with _explained(url, address, flag):
            import fsspec

            try:
                filesystem, name = fsspec.core.url_to_fs(address)
                info = filesystem.info(name)
            except Exception as error:  # each protocol's library has its own
                if known is None or _is_absent(error) or isinstance(error, ImportError | ValueError):
                    raise
                log.warning("%s does not answer (%s); the copy of it is used", without_secrets(url), type(error).__name__)
                return place / COPY
            stamp = {key: str(info[key]) for key in STAMPS if info.get(key) is not None}
            if known is None or known["stamp"] != stamp:
                with filesystem.open(name, "rb") as remote:
                    _load(remote, place, stamp, progress)
                source = {"url": without_secrets(url), "stamp": stamp, "sha256": sha256_file(place / COPY)}
                (place / SOURCE).write_text(json.dumps(source, indent=1), encoding="utf-8")
    return place / COPY


def _known(place: Path, fingerprints: Fingerprints) -> Mapping[str, Any] | None:
    """What is known of the copy; None if there is none, or if it is not what was loaded."""
    try:
        source = json.loads((place / SOURCE).read_bytes())
        intact = fingerprints.of(place / COPY) == source["sha256"]
    except (OSError, ValueError, KeyError, RequestError):
        return None
    if not intact:
        log.warning("%s is not what was loaded; loading it again", place / COPY)
    return source if intact else None


def _load(remote: Any, place: Path, stamp: Mapping[str, str], progress: Progress) -> None:
    """Append what is missing of the file; what came of one with another stamp is of no use."""
    part = place / f"{sha256_text(canonical(dict(stamp)))[:16]}.part"
    for left in place.glob("*.part"):
        if left != part:
            left.unlink()
    have = part.stat().st_size if part.exists() else 0
    total = int(stamp["size"]) if stamp.get("size", "").isdigit() else None
    if have:
        try:
            remote.seek(have)
        except (ValueError, OSError):  # this place only streams
            have = 0
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        while piece := remote.read(CHUNK):
            file.write(piece)
            have += len(piece)
            progress.advance(have / 1e6, None if total is None else total / 1e6, "MB", "downloading")
        file.truncate()
    flush(part)
    if total is not None and have != total:
        part.unlink()
        raise ConnectionError(f"the connection ended at {have:,} of {total:,} bytes")
    os.replace(part, place / COPY)  # not `replaced`: a part is kept, so that the next run goes on with it


@contextlib.contextmanager
def _explained(url: str, address: str, flag: str) -> Iterator[None]:
    """One line for whatever a protocol's library raises; its own text may hold the whole address."""
    shown = without_secrets(url)
    try:
        yield
    except (ImportError, ValueError) as error:  # a protocol that is unknown, or whose package is missing
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RequestError(f"{flag} {shown}: {unresolved(reason.replace(address, shown), url)}") from None
    except Exception as error:  # each protocol's library has its own
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        if _is_absent(error):
            raise RequestError(f"{flag} {shown}: no such file; correct it") from None
        cause = error.__cause__ or error
        status = getattr(cause, "status", None)
        told = type(cause).__name__ if status is None else f"HTTP status {status}"
        raise UnavailableError(f"{shown} cannot be read ({told}); try again later") from None


def _is_absent(error: Exception) -> bool:
    """Whether there is no such file; fsspec says so of any trouble with http, and keeps the true one as the cause."""
    cause = error.__cause__
    return isinstance(error, FileNotFoundError) and (cause is None or getattr(cause, "status", None) in (404, 410))
