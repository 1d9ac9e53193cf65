"""A file of another place, copied to this machine."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT
from tasks.shown import file_name
from tasks.urls import resolved, unresolved, without_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.progress import Progress

FLAG = "--fetch.url"
BLOCK = 1 << 20


def fetch_file(url: str, folder: Path, *, progress: Progress = SILENT) -> Path:
    """Copy the file of a URL into `folder` under its own name, by which its form is known, and return the copy.

    RequestError for a URL that names no file or whose protocol is unknown, UnavailableError for a place that does not answer,
    or ends half-way.
    """
    import fsspec

    address = resolved(url, FLAG)
    target = folder / _name(url)
    try:
        filesystem, place = fsspec.core.url_to_fs(address)
        size = filesystem.info(place).get("size")
        with filesystem.open(place, "rb") as source, target.open("wb") as copy:
            done = 0
            while block := source.read(BLOCK):
                copy.write(block)
                done += len(block)
                progress.advance(done, size, "bytes")
    except FileNotFoundError:
        raise RequestError(f"{FLAG} {without_secrets(url)}: no such file; correct it") from None
    except (ImportError, ValueError) as error:  # a protocol that is unknown, or whose package is missing
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RequestError(f"{FLAG} {without_secrets(url)}: {without_secrets(unresolved(reason, url))}") from None
    except Exception as error:  # noqa: BLE001 each protocol's library has its own, and its text may hold the whole address
        raise UnavailableError(
            f"{without_secrets(url)} cannot be read to its end ({type(error).__name__}); try again later"
        ) from None
    if size is not None and done != size:
        raise UnavailableError(f"{without_secrets(url)} ended after {done:,} of {size:,} bytes; try again later")
    return target


def _name(url: str) -> str:
    """The last part of a URL's path, as the name of a file."""
    inner = without_secrets(url).partition("::")[0]  # of zip://a.csv::https://host/x.zip the file is a.csv
    parts = urlsplit(inner)
    name = file_name(unquote(PurePosixPath(parts.path or parts.netloc).name).encode())
    if not name or name in (".", ".."):
        raise RequestError(f"{FLAG} {without_secrets(url)}: names no file; give the whole URL of one")
    return name
