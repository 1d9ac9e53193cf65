"""URLs as users give them: fsspec's chains (`zip://a.vec::https://host/x.zip`), their secrets, and ${NAME} in them."""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import unquote

from tasks.errors import RequestError

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
DATABASES = ("postgresql", "mysql", "mariadb", "mssql", "oracle")  # SQLAlchemy ends their passwords at the @, not at a /
_LINK = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*(?:://|::))")  # so that an IPv6 address stays whole
_PASSWORD = re.compile(r"(?:password|passwd|pwd)[^=&;]*=([^&;]+)", re.IGNORECASE)


class _Parts(NamedTuple):
    """One link of a chain; `login` is the part before the @ of its host."""

    scheme: str
    login: str
    place: str
    arguments: str


def is_url(source: str) -> bool:
    """Whether a source names a place by its protocol."""
    return "://" in source


def holds_password(url: str) -> bool:
    """Whether any link names a password before its host or among its arguments; a reference such as ${NAME} does not count."""
    words = []
    for parts in _links(url):
        words += [parts.login.partition(":")[2], *_PASSWORD.findall(unquote(parts.arguments))]
    return any(word and not REFERENCE.fullmatch(word) for word in words)


def holds_login(url: str) -> bool:
    """Whether any link names a user or a password, be it by reference."""
    return any(parts.login for parts in _links(url))


def without_secrets(url: str) -> str:
    """A URL without user, password, query and fragment of any link, which may be secrets; a path as it is."""
    if not is_url(url):
        return url
    links = []
    for link in _LINK.split(url):
        parts = _parts(link)
        links.append(f"{parts.scheme}://{parts.place}" if parts else link)
    return "::".join(links)


def resolved(url: str, flag: str) -> str:
    """A URL with each ${NAME} in it replaced by that environment variable; RequestError if it is not set.

    So a token is neither in a configuration nor in Prefect's database, which keeps the parameters of every run.
    """

    def value(match: re.Match[str]) -> str:
        if not os.environ.get(match[1]):
            raise RequestError(f"{flag} reads the environment variable {match[1]}, which is not set; set it")
        return os.environ[match[1]]

    return REFERENCE.sub(value, url) if is_url(url) else url


def unresolved(text: str, url: str) -> str:
    """A text with each value that `resolved` put into the URL replaced by its name again."""
    for match in REFERENCE.finditer(url):
        text = text.replace(os.environ.get(match[1]) or match[0], match[0])
    return text


def _links(url: str) -> list[_Parts]:
    return [parts for link in _LINK.split(url) if (parts := _parts(link))]


def _parts(link: str) -> _Parts | None:
    """None for a link that is a mere protocol, such as the first of `filecache::https://host/x`."""
    scheme, separator, rest = link.partition("://")
    if not separator:
        return None
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    login = authority.rpartition("@")[0]
    if not login and (match := re.match(r"([^:/?#\[]*:([^@]*))@", rest)):  # a password with / ? or # in it
        is_port = scheme.partition("+")[0] not in DATABASES and re.match(r"\d*[/?#]", match[2])
        login = "" if is_port else match[1]
    if login:
        rest = rest[len(login) + 1 :]
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    return _Parts(scheme, login, place, rest[len(place) :])
