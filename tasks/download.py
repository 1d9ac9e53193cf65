"""Bring files that are elsewhere (https, s3, gs, a zip there: whatever fsspec knows) to this machine, whole or not at all.

The bytes that have come are in a `.part` beside the file: after a cut connection, or in the next run, only the rest is loaded.
There are two ways to know that a copy is right: `download` checks a known MD5, `copy_of` and `copies_now` ask the place whether
the file has changed, and keep their copies so:

    <folder>/<digest of the URL>/   copy, and source.json: the URL without secrets, its stamp, the copy's SHA-256
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any

from tasks.durable import flush, locked
from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT, Progress
from tasks.store.digests import canonical, sha256_file, sha256_text
from tasks.urls import resolved, unresolved, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.store.artifact import Fingerprints

log = logging.getLogger(__name__)

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
LEAST_CHUNK = 64 << 10
IDLE_SECONDS = 60.0  # without a byte, after which a connection is given up
ATTEMPTS = 5  # without a byte
PAUSE_SECONDS = 2.0
FULL = (errno.ENOSPC, errno.EDQUOT)  # the fault of this machine, not of the place
_HTTP = re.compile(r"(?:^|::)(https?)://")


def download(
    url: str,
    target: Path,
    *,
    md5: str,
    otherwise: str,
    attempts: int = ATTEMPTS,
    pause_seconds: float = PAUSE_SECONDS,
    progress: Progress = SILENT,
) -> Path:
    """Give `target` with the bytes of `url`, checked against `md5`; if it is there and right it is not loaded again.

    Concurrent callers wait for one another. RequestError names the URL, what went wrong, and `otherwise`: how to do without.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with locked(target.with_name(target.name + ".lock")):
        if target.exists():
            if _md5(target) == md5:
                return target
            log.warning("%s has another MD5 than %s; downloading it again", target, md5)
        try:
            filesystem, name = _place(url)
            _load(filesystem, name, part, progress, attempts=attempts, pause_seconds=pause_seconds)
        except Exception as error:
            if _is_full(error):
                raise
            raise RequestError(f"{url}: cannot be downloaded ({_words(error)}); fetch it by hand and {otherwise}") from error
        found = _md5(part)
        if found != md5:
            part.unlink()
            raise RequestError(f"{url}: MD5 {found}, expected {md5}; the copy was removed: try again, or {otherwise}")
        os.replace(part, target)  # not `replaced`: a part is kept, so that the next run goes on with it
    return target


def copy_of(url: str, folder: Path, fingerprints: Fingerprints, flag: str, progress: Progress = SILENT) -> Path:
    """Give the path of a copy of the file that `url` names, below `folder`; concurrent callers wait for one another.

    Each call asks the place for the file's stamp (ETag, time, size: what it has), and loads the file again only if that has
    changed, or if the copy is damaged. If the place does not answer, an older copy is used with a warning. RequestError, which
    names `flag`, for a place that does not exist or cannot be asked, UnavailableError for one that does not answer.
    """
    place = folder / sha256_text(url)[:16]
    place.mkdir(parents=True, exist_ok=True)
    flag = flag.replace("_", "-")
    address = resolved(url, flag)  # stored and shown is the URL as it was given
    with locked(place / "lock"):
        known = _known(place, fingerprints)
        with _explained(url, address, flag):
            try:
                filesystem, name = _place(address)
                info = filesystem.info(name)
            except Exception as error:  # each protocol's library has its own
                if known is None or _is_absent(error) or isinstance(error, ImportError | ValueError):
                    raise
                log.warning("%s does not answer (%s); the copy of it is used", without_secrets(url), type(error).__name__)
                return place / COPY
            _make_current(place, filesystem, name, _stamp(info), known, url, progress)
    return place / COPY


def copies_now(
    url: str,
    folder: Path,
    fingerprints: Fingerprints,
    flag: str,
    progress: Progress = SILENT,
    *,
    pause_seconds: float = PAUSE_SECONDS,
) -> list[tuple[str, Path]]:
    """Copies of the file that `url` names, or of each that its pattern (`*`, `?`, `[...]`) matches, as they are now.

    As `copy_of`, but a copy is never older than the place: one that does not answer is an UnavailableError, and so is a file
    that changes while it is loaded. A place that tells no more of a file than its size is not believed, and the file is loaded
    anew. Beside each copy comes the file's path in its place, in their order. RequestError for a pattern that matches nothing.
    """
    address = resolved(url, flag)
    found: list[tuple[str, Path]] = []
    with _explained(url, address, flag):
        filesystem, asked = _place(address)
        filesystem.invalidate_cache()
        names = [asked]
        if is_url_pattern(url):
            names = sorted(name for name, info in filesystem.glob(asked, detail=True).items() if info["type"] == "file")
    if not names:
        raise RequestError(f"{flag} {without_secrets(url)}: no file matches; correct the pattern")
    with _explained(url, address, flag):
        for name in names:
            place = folder / sha256_text(f"{url}\n{name}")[:16]
            place.mkdir(parents=True, exist_ok=True)
            with locked(place / "lock"):
                stamp, known = _stamp(filesystem.info(name)), _known(place, fingerprints)
                known = known if stamp.keys() - {"size"} else None
                _make_current(place, filesystem, name, stamp, known, url, progress, pause_seconds=pause_seconds)
                filesystem.invalidate_cache()
                if _stamp(filesystem.info(name)) != stamp:
                    (place / COPY).unlink()
                    raise ConnectionError("it changed while it was read")
                os.utime(place)  # used now
            found.append((name, place / COPY))
    return found


def is_url_pattern(url: str) -> bool:
    """Whether a URL is a pattern; one of http never is, since it lists no files and `?` begins its query."""
    inner = url.partition("::")[0]
    return not _HTTP.match(inner) and any(mark in inner for mark in "*?[")


def _stamp(info: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(info[key]) for key in STAMPS if info.get(key) is not None}


def _make_current(
    place: Path,
    filesystem: Any,
    name: str,
    stamp: Mapping[str, str],
    known: Mapping[str, Any] | None,
    url: str,
    progress: Progress,
    *,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Load the file anew unless its copy in `place` has this stamp; a part with the same stamp is gone on with."""
    if known is not None and known["stamp"] == stamp:
        return
    part = place / f"{sha256_text(canonical(stamp))[:16]}.part"
    for left in place.glob("*.part"):
        if left != part or not stamp.keys() - {"size"}:  # of a file with another stamp, or with none to speak of
            left.unlink()
    size = int(stamp["size"]) if stamp.get("size", "").isdigit() else None
    _load(filesystem, name, part, progress, size=size, pause_seconds=pause_seconds)
    os.replace(part, place / COPY)  # not `replaced`, for the same reason
    source = {"url": without_secrets(url), "stamp": stamp, "sha256": sha256_file(place / COPY)}
    (place / SOURCE).write_text(json.dumps(source, indent=1), encoding="utf-8")


def _place(address: str) -> tuple[Any, str]:
    """The file system of a URL, and the file's name in it; http goes through the proxy that the environment names."""
    import fsspec

    options: dict[str, Any] = {}
    if protocols := set(_HTTP.findall(address)):
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=IDLE_SECONDS, sock_read=IDLE_SECONDS)
        options = {protocol: {"client_kwargs": {"trust_env": True, "timeout": timeout}} for protocol in protocols}
    filesystem, name = fsspec.core.url_to_fs(address, **options)
    return filesystem, name


def _load(
    filesystem: Any,
    name: str,
    part: Path,
    progress: Progress,
    *,
    size: int | None = None,
    attempts: int = ATTEMPTS,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Load what is missing of a file, again and again while something comes; smaller pieces where nothing did."""
    failures, streams = 0, False
    while True:
        before = _size(part)
        chunk = max(CHUNK >> 2 * failures, LEAST_CHUNK)
        try:
            with filesystem.open(name, "rb", block_size=0 if streams else chunk) as remote:
                _append(remote, part, chunk, size, progress)
        except Exception as error:  # each protocol's library has its own
            if isinstance(error, ValueError) and not streams:  # the server sends the whole file whatever it is asked for
                streams = True
                continue
            failures = 0 if _size(part) > before else failures + 1
            if _is_full(error) or _is_refusal(error) or failures >= attempts:
                raise
            log.warning("%s after %d bytes; going on from there", _words(error), _size(part))
            time.sleep(pause_seconds * max(1, failures))
        else:
            flush(part)
            return


def _append(remote: Any, part: Path, chunk: int, size: int | None, progress: Progress) -> None:
    """Append the bytes that are missing; ConnectionError if the file ends before the size that the place named."""
    total = size if size is not None else getattr(remote, "size", None)
    have = _size(part)
    if total is not None and have > total:
        have = 0
    if have:
        try:
            remote.seek(have)
        except (ValueError, OSError):  # this place only streams
            have = 0
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        while piece := remote.read(chunk):
            file.write(piece)
            have += len(piece)
            progress.advance(have / 1e6, None if total is None else total / 1e6, "MB", "downloading")
        file.truncate()
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended at {have:,} of {total:,} bytes")


def _known(place: Path, fingerprints: Fingerprints) -> Mapping[str, Any] | None:
    """What is known of the copy; None if there is none, or if its bytes have changed."""
    try:
        source = json.loads((place / SOURCE).read_bytes())
        intact = fingerprints.of(place / COPY) == source["sha256"]
    except (OSError, ValueError, KeyError, RequestError):
        return None
    if not intact:
        log.warning("%s is not what was loaded; loading it again", place / COPY)
    return source if intact else None


@contextlib.contextmanager
def _explained(url: str, address: str, flag: str) -> Iterator[None]:
    """Make one line of any error that a protocol's library raises; its own text may hold the whole address."""
    shown = without_secrets(url)
    try:
        yield
    except (ImportError, ValueError) as error:  # a protocol that is unknown, or whose package is missing
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RequestError(f"{flag} {shown}: {unresolved(reason.replace(address, shown), url)}") from None
    except Exception as error:  # each protocol's library has its own
        if _is_full(error):
            raise
        if _is_absent(error):
            raise RequestError(f"{flag} {shown}: no such file; correct it") from None
        raise UnavailableError(f"{shown} cannot be read ({_words(error)}); try again later") from None


def _words(error: Exception) -> str:
    """An error without its text, which may hold a secret; fsspec keeps the true one as the cause."""
    if (status := _status(error)) is not None:
        return f"HTTP status {status}"
    return str(error) if type(error) is ConnectionError else type(error.__cause__ or error).__name__


def _status(error: Exception) -> int | None:
    status = getattr(error.__cause__ or error, "status", None)
    return status if isinstance(status, int) else None


def _is_absent(error: Exception) -> bool:
    """Whether there is no such file; fsspec says so of any trouble with http, and keeps the true one as the cause."""
    return isinstance(error, FileNotFoundError) and (error.__cause__ is None or _status(error) in (404, 410))


def _is_refusal(error: Exception) -> bool:
    """Whether the place has answered, and will not answer otherwise if it is asked again."""
    status = _status(error)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    return _is_absent(error) or isinstance(error, ImportError | ValueError)


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in FULL


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
