"""The address of a Dask scheduler as it is given, and what it takes to use one; nothing of Dask is imported here."""

from __future__ import annotations

import ipaddress
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACKAGE = "distributed"
FLAG = "--runtime.address"
TLS_FLAGS = "--runtime.tls-ca, --runtime.tls-cert and --runtime.tls-key"
_FORM = re.compile(
    r"(?P<scheme>tls|tcp)://(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*)):(?P<port>\d{1,5})"
)


def checked_address(address: str) -> str:
    """The address itself; ValueError for one that is none, or that would hand work to strangers.

    Whoever reaches a scheduler without TLS can have any code run on its workers, and read every text: beyond this machine
    that is refused.
    """
    found = _FORM.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError("it is not tls://HOST:PORT, the address that the scheduler says it listens at")
    if found["scheme"] == "tcp" and not is_loopback(found["v6"] or found["host"]):
        raise ValueError(
            "tcp:// has neither encryption nor certificates, so whoever reaches the scheduler can run code on every worker; "
            "it is for 127.0.0.1 alone: start scheduler and workers with TLS and give tls://HOST:PORT"
        )
    return address


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or number; no name is looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_files(address: str | None, files: Mapping[str, Path | None]) -> None:
    """Raise ValueError where the files of a certificate do not go with the address; `files` are by the setting's name."""
    given = [name for name, path in files.items() if path is not None]
    if given and not (address or "").startswith("tls://"):
        raise ValueError(f"{given[0]} is for an address that begins with tls://; give that, or leave the file out")
    if missing := [name for name in files if given and name not in given]:
        raise ValueError(
            f"{missing[0]} is missing: certificate authority, certificate and key go together; give all three, or none where "
            "Dask's own settings name them"
        )


def check_installed() -> None:
    """Raise RequestError, which says how to install it, where the optional package is missing."""
    if find_spec(PACKAGE) is None:
        raise RequestError(
            f"--runtime.engine dask needs the package {PACKAGE}, which is not installed; "
            "run pip install 'textmill[dask]', or leave --runtime.engine out"
        )
