"""The address of a bucket as it is given, and what it takes to use one; nothing of a client library is imported here."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from tasks.errors import RequestError

PACKAGE = "obstore"
FLAG = "--runtime.store"
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT")
ALLOWING = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FORM = re.compile(r"(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9.-]*(?:/[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*)*/?")


def is_address(address: str) -> bool:
    """Whether an address has the form of a bucket's, which has no place for a secret."""
    return _FORM.fullmatch(address) is not None


def checked_address(address: str) -> str:
    """The address without a slash at its end; ValueError for one that is none."""
    if not is_address(address):
        raise ValueError(
            "it is not s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX in letters, digits and . _ - = +; "
            "keys and tokens come from the environment"
        )
    return address.rstrip("/")


def check_installed() -> None:
    """Raise RequestError, which says how to install it, where the optional package is missing."""
    if find_spec(PACKAGE) is None:
        raise RequestError(
            f"{FLAG} needs the package {PACKAGE}, which is not installed; "
            f"run pip install 'textmill[objects]', or leave {FLAG} out"
        )


def may_be_plain() -> bool:
    """Whether the endpoint may be asked without TLS: on this machine, or where the environment says so.

    RequestError for an endpoint that is asked without TLS elsewhere: texts would travel in clear.
    """
    if any(os.environ.get(name, "").lower() in ("true", "1") for name in ALLOWING):
        return True
    for name in ENDPOINTS:
        address = urlsplit(os.environ.get(name, ""))
        if address.scheme == "http" and address.hostname not in LOOPBACK:
            raise RequestError(
                f"{name} is http, so texts would travel in clear; give https, or set AWS_ALLOW_HTTP=true in a network you trust"
            )
        if address.scheme == "http":
            return True
    return False
