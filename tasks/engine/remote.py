"""What a worker on another host does with a call that it is sent: look whether it may, do it, answer.

A worker that has other code or libraries, or that doesn't see the data, does nothing and says so. What goes over the wire are
bytes both ways, and an error of a call is an answer like any other: no log of the cluster gets to see a text.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.engine.engine import UnseenError
from tasks.engine.own_code import own_code, read_code
from tasks.errors import RequestError, UnavailableError
from tasks.garbage import collect_seldom

if TYPE_CHECKING:
    from collections.abc import Callable

DONE, RAISED, OTHER_CODE, REFUSED = "done", "raised", "other code", "refused"


class Terms(NamedTuple):
    """What a worker must be like: its code has this digest, taken with these libraries, and it reads `token` in `marker`.

    Without a marker it needs to see no folder. Plain values: they are read before it is known whether a worker has this class.
    """

    code: str
    libraries: tuple[str, ...]
    marker: str
    token: str


def answer(terms: tuple[Any, ...], sent: bytes | None) -> tuple[str, Any]:
    """Do a call, pickled as a function and its arguments; without one nothing but the look whether this worker may do any.

    One of: DONE and the pickled result; RAISED and the pickled exception; OTHER_CODE and what this worker has, as
    `Code.plain` gives it; REFUSED and the reason in words.
    """
    wrong = _what_is_wrong(Terms(*terms))
    if wrong is not None:
        return wrong
    if sent is None:
        return DONE, None
    try:
        function, arguments = pickle.loads(sent)  # noqa: S301 the driver's, by mutual TLS or from this machine
        return DONE, pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
    except UnseenError as error:
        return RAISED, pickle.dumps(UnavailableError(f"{name()} does not see {error.path}; {REMEDY}"))
    except FileNotFoundError as error:
        return RAISED, pickle.dumps(UnavailableError(f"{name()} does not see {error.filename or error}; {REMEDY}"))
    except Exception as error:  # noqa: BLE001 whatever it is, it is raised at the driver
        return RAISED, _pickled(error)


REMEDY = "let every worker read and write the data root of this command, at the same path, or share a bucket by --runtime.store"


def packed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """A call as it is sent."""
    return pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)


def unpacked(answered: bytes) -> Any:
    """A result or an exception, as a worker answered it that has our certificates or is on this machine."""
    return pickle.loads(answered)  # noqa: S301


def name() -> str:
    """What this worker is called in a message."""
    return f"the worker on {socket.gethostname()} (process {os.getpid()})"


@cache
def _what_is_wrong(terms: Terms) -> tuple[str, Any] | None:
    """Why this worker may do no call on these terms, found once a process; None if it may."""
    ours = own_code(terms.libraries)
    if ours.digest != terms.code:
        return OTHER_CODE, {"who": name(), **ours.plain()}
    if read_code(terms.libraries) != ours:
        return REFUSED, f"{name()} began before its code was changed; start it again"
    collect_seldom()
    return _what_it_does_not_see(Path(terms.marker), terms.token) if terms.marker else None


def _what_it_does_not_see(marker: Path, token: str) -> tuple[str, Any] | None:
    try:
        found = marker.read_text()
    except OSError as error:
        return REFUSED, f"{name()} does not see {marker.parent} ({error.strerror}); {REMEDY}"
    if found != token:
        return REFUSED, f"{name()} has another folder at {marker.parent}; {REMEDY}"
    own = marker.with_name(f"{marker.name}-{secrets.token_hex(4)}")
    try:
        own.write_text(token)
    except OSError as error:
        return REFUSED, f"{name()} cannot write to {marker.parent} ({error.strerror}); {REMEDY}"
    finally:
        with contextlib.suppress(OSError):
            own.unlink()
    return None


def _pickled(error: Exception) -> bytes:
    """An exception as it is sent; one that cannot be is told in words."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 our own
    except Exception:  # noqa: BLE001 exceptions with arguments of their own raise whatever they like
        kind = RequestError if isinstance(error, RequestError) else UnavailableError
        return pickle.dumps(kind(f"{name()}: {type(error).__name__}: {error}"))
    return data
