"""Why a bucket cannot be used, in words of our own: a message of the client library may quote a request."""

from __future__ import annotations

import re

from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from tasks.errors import UnavailableError
from tasks.store.shared.address import FLAG

FAILURES = (BaseError, OSError, NotImplementedError, ValueError)  # what a call of the library raises
GOES_ON = "the same command goes on where this one stopped"
_STATUS = re.compile(r"status(?: code)?\D{0,12}([45]\d\d)", re.IGNORECASE)
_SIGNS = {  # in the message; the first that is there decides
    "169.254.169.254": "no credentials in the environment",
    "NoSuchBucket": "there is no such bucket",
    "refused": "connection refused",
    "dns": "its name is not known",
    "timed out": "no answer in time",
    "TimedOut": "no answer in time",
    "reset": "connection broken",
    "IncompleteMessage": "connection broken",
}


def unavailable(address: str, why: str) -> UnavailableError:
    """The one line about a bucket that cannot be used."""
    return UnavailableError(f"{FLAG} {address} cannot be used ({why}); when it is there again, {GOES_ON}")


def reason(error: BaseException) -> str:
    """Why a call failed."""
    if isinstance(error, AlreadyExistsError | PreconditionError):
        return "somebody else wrote it"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "access denied: check the credentials in the environment"
    text = str(error)
    for sign, words in _SIGNS.items():
        if sign in text:
            return words
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket"
    if status := _STATUS.search(text):
        return f"it answers {status[1]}"
    return f"no answer, {type(error).__name__}"
