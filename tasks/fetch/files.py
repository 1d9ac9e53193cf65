"""Files of another place, copied to this machine."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tasks.download import PAUSE_SECONDS, copies_now, is_url_pattern
from tasks.errors import RequestError
from tasks.progress import SILENT
from tasks.shown import file_name
from tasks.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.progress import Progress
    from tasks.store.artifact import Fingerprints

FLAG = "--fetch.url"


def fetch_files(
    url: str,
    folder: Path,
    copies: Path,
    fingerprints: Fingerprints,
    *,
    progress: Progress = SILENT,
    pause_seconds: float = PAUSE_SECONDS,
) -> list[Path]:
    """Bring the file of a URL, or those of its pattern, into `folder` under their own names, by which their forms are known.

    The copies of earlier calls are in `copies`; one that is still as the place has it is not loaded again, and one that was
    broken off is gone on with. The files come in the order of their names, those of a pattern with the folders that differ.

    RequestError for a URL that names no file or whose protocol is unknown, UnavailableError for a place that does not answer or
    ends half-way, and for a file that changes while it is read.
    """
    single = None if is_url_pattern(url) else _name(url)
    found = copies_now(url, copies, fingerprints, FLAG, progress, pause_seconds=pause_seconds)
    names = [single] if single else _names_below([name for name, _ in found], url)
    targets = []
    for name, (_, copy) in zip(names, found, strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # a file system without links
            os.link(copy, target)
        if not target.exists():
            shutil.copyfile(copy, target)
        targets.append(target)
    return targets


def _names_below(names: Sequence[str], url: str) -> list[str]:
    """The files' paths below the deepest folder that holds all of them."""
    above = posixpath.commonpath([posixpath.dirname(name) or "." for name in names]) if len(names) > 1 else ""
    found = [posixpath.relpath(name, above) if above else posixpath.basename(name) for name in names]
    for name in found:
        if {"", ".", ".."} & set(name.split("/")):
            raise RequestError(f"{FLAG} {without_secrets(url)}: a file is called {file_name(name.encode())}; rename it there")
    return ["/".join(file_name(part.encode("utf-8", "surrogateescape")) for part in name.split("/")) for name in found]


def _name(url: str) -> str:
    """The last part of a URL's path, as the name of a file."""
    inner = without_secrets(url).partition("::")[0]  # of zip://a.csv::https://host/x.zip the file is a.csv
    parts = urlsplit(inner)
    name = file_name(unquote(PurePosixPath(parts.path or parts.netloc).name).encode())
    if not name or name in (".", ".."):
        raise RequestError(f"{FLAG} {without_secrets(url)}: names no file; give the whole URL of one")
    if "*" in name:
        raise RequestError(
            f"{FLAG} {without_secrets(url)}: {parts.scheme} lists no files, so it takes no pattern; name one file"
        )
    return name
