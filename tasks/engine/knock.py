"""See in a moment whether a scheduler answers at an address, and by which certificates, with the standard library alone.

Dask's own client tries again and again until its time is over, and then says no more than that.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tasks.engine.address import FLAG, TLS_FLAGS
from tasks.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 10.0


class Certificates(NamedTuple):
    """PEM files: the authority that signed every certificate of the cluster, and this host's certificate and key."""

    ca: Path
    cert: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a connection is made with: both sides show a certificate of the authority. RequestError for an unusable file."""
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
            context.check_hostname = False  # as Dask does: the authority signs the cluster's certificates and no others
            context.load_cert_chain(str(self.cert), str(self.key), password=_no_password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RequestError(f"{TLS_FLAGS}: {self.ca}, {self.cert}, {self.key} cannot be used ({reason})") from None
        return context


def knock(address: str, certificates: Certificates | None) -> None:
    """Return if a Dask scheduler answers; UnavailableError says in one line what is wrong."""
    place = urlsplit(address)
    context = None if certificates is None else certificates.context()
    try:
        with socket.create_connection((place.hostname or "", place.port or 0), SECONDS) as plain:
            if context is None:
                _first_byte(plain, address)
            else:
                with context.wrap_socket(plain) as safe:
                    _first_byte(safe, address)
    except ssl.SSLCertVerificationError as error:
        raise UnavailableError(
            f"{FLAG} {address}: the scheduler's certificate is not of the authority in --runtime.tls-ca "
            f"({error.verify_message})"
        ) from None
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            raise UnavailableError(
                f"{FLAG} {address}: the scheduler refuses the certificate in --runtime.tls-cert "
                f"({(error.reason or '').lower().replace('_', ' ')}); give one that its authority has signed"
            ) from None
        raise UnavailableError(f"{FLAG} {address}: what answers there does not speak TLS ({error.reason or error})") from None
    except TimeoutError:
        raise UnavailableError(f"{FLAG} {address}: no scheduler answers there within {SECONDS:.0f} s; {_REMEDY}") from None
    except OSError as error:
        raise UnavailableError(f"{FLAG} {address} cannot be reached ({error.strerror or error}); {_REMEDY}") from None


_REMEDY = "start one with dask scheduler, or correct the address"


def _first_byte(connection: socket.socket, address: str) -> None:
    """Wait for what a scheduler says first; a refused certificate shows here, not in the handshake."""
    if not connection.recv(1):
        raise UnavailableError(
            f"{FLAG} {address}: what answers there closes the connection, as a scheduler with TLS does; {_REMEDY}"
        )


def _no_password() -> str:
    raise ValueError("the key has a password; give one without, readable by its owner alone")
