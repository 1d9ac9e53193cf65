"""Names of models, monitors and deployments: the rule, and names made from those of files, folders and addresses.

A name becomes a folder, a part of a file's name, of an address and of MLflow's `models:/NAME@ALIAS`. It holds letters and
digits of any script, and is kept in Unicode's composed form (NFC), so that one name has one spelling in bytes.
"""

from __future__ import annotations

import unicodedata

from tasks.store.digests import sha256_text

MAX_CHARS = 100
MAX_BYTES = 200  # in UTF-8: a file's name has 255, and some of ours have a prefix and an ending beside the name
SIGNS = "._-"
RULE = f"use letters and digits of any script, '.', '_' and '-', at most {MAX_CHARS} characters and {MAX_BYTES} bytes"
DIGEST_CHARS = 4


def normal(name: str) -> str:
    """The one spelling of a name."""
    return unicodedata.normalize("NFC", name)


def is_name(name: str) -> bool:
    """Whether it is a valid name for a model or monitor."""
    fits = 0 < len(name) <= MAX_CHARS and len(name.encode(errors="replace")) <= MAX_BYTES
    return fits and name == normal(name) and _begins(name[0]) and all(_goes_on(letter) or letter in SIGNS for letter in name)


def checked_name(name: str) -> str:
    """The one spelling of a name; ValueError has the rule."""
    if not is_name(normal(name)):
        raise ValueError(f"{name!r} is not a valid name for a model or monitor; {RULE}")
    return normal(name)


def alike(one: str, other: str) -> bool:
    """Whether two names differ at most in capitals and in how their letters are composed, as some file systems see them."""
    return _folded(one) == _folded(other)


def name_of(source: str, kind: str, *, room: int = 0) -> str | None:
    """A name from that of a file, folder or address, with dashes for characters that a name cannot hold; None for an empty one.

    A name that is cut, or has no letter at all, ends in four digits of a digest: `monitor-3f2a`, if `kind` is monitor.
    `room` is how many characters are left free at the end.
    """
    source = normal(source)
    kept = "".join(letter if _goes_on(letter) or letter in SIGNS else " " for letter in source)
    name = "-".join(kept.split()).strip(SIGNS)
    while name and not _begins(name[0]):  # a mark without its letter
        name = name[1:].lstrip(SIGNS)
    if is_name(f"{name}{'.' * room}"):
        return name
    if not source.strip():
        return None
    digest = f"-{sha256_text(source)[:DIGEST_CHARS]}"
    left = room + len(digest)
    return _cut(name or kind, MAX_CHARS - left, MAX_BYTES - left) + digest


def _cut(name: str, chars: int, size: int) -> str:
    return name[:chars].encode()[:size].decode(errors="ignore").rstrip(SIGNS)


def _folded(name: str) -> str:
    return normal(unicodedata.normalize("NFC", name).casefold())


def _begins(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LN"


def _goes_on(letter: str) -> bool:
    """Marks too: without them most words of Hindi and Thai would lose their vowels."""
    return unicodedata.category(letter)[0] in "LNM"
