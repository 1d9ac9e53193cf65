"""Download one file, so that a cut connection costs what is missing and a wrong byte is never used."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING

from tasks.durable import locked
from tasks.errors import RequestError
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 60.0


def download(
    url: str, target: Path, *, md5: str, attempts: int = 5, pause_seconds: float = 2.0, progress: Progress = SILENT
) -> Path:
    """Give `target` with the bytes of `url`, checked against `md5`; one that is there and right is not loaded again.

    What has come stands in `target.part`; the next attempt, or the next run, asks for the rest with an HTTP range. Concurrent
    callers wait for one another. RequestError names the URL, what went wrong, and how to do without the download.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with locked(target.with_name(target.name + ".lock")):
        if target.exists():
            if _md5(target) == md5:
                return target
            log.warning("%s has another MD5 than %s; downloading it again", target, md5)
        _fetch_all(url, part, attempts, pause_seconds, progress)
        found = _md5(part)
        if found != md5:
            part.unlink()
            raise RequestError(
                f"{url}: MD5 {found}, expected {md5}; the copy was removed: try again, or give --ingest.archive FILE"
            )
        os.replace(part, target)  # not `replaced`: a part is kept, so that the next run goes on with it
    return target


def _fetch_all(url: str, part: Path, attempts: int, pause_seconds: float, progress: Progress) -> None:
    failures = 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part, progress)
            return
        except (OSError, HTTPException) as error:
            failures = 0 if _size(part) > before else failures + 1
            refused = isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 500 and error.code not in (408, 429)
            if refused or failures >= attempts:
                raise RequestError(
                    f"{url}: cannot be downloaded ({error}); fetch it by hand and give --ingest.archive FILE"
                ) from error
            log.warning("%s: %s after %d bytes; going on from there", url, error, _size(part))
            time.sleep(pause_seconds * max(1, failures))


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Append what is missing; OSError if the connection ends before the length that the server named."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 the caller's constant
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing is missing, or the file there is another one: its MD5 will tell
            error.close()
            return
        raise
    with response, part.open("ab") as file:
        if have and response.status != 206:  # this server knows no ranges
            have = 0
            file.truncate(0)
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        while piece := response.read(_CHUNK):
            file.write(piece)
            have += len(piece)
            progress.advance(have, total, "bytes", "downloading")
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended at {have} of {total} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
