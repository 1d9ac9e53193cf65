"""Lists of words that are exchanged for each other: pairs of a file, and names of a watch-list.

A file of pairs has a line `word<TAB>word` for each; both directions count, and of a word with several partners the first. Words
are found whole, in any case, and their case stays; in scripts without blanks they are found anywhere.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.model.text.scripts import UNSPACED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MOST_PAIRS = 10_000


def read_pairs(path: Path) -> dict[str, str]:
    """Each word of a file of pairs, in lower case, with its partner as it is written; RequestError names a wrong line."""
    try:
        lines = read_utf8(path, what="--evaluate.exchange").splitlines()
    except OSError as error:
        raise RequestError(f"--evaluate.exchange {path}: cannot be read ({error.strerror}); check the path") from None
    partners: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("\t")]
        if len(words) != 2 or not all(words) or words[0].casefold() == words[1].casefold():
            told = "two different words with a tab between them are expected"
            raise RequestError(f"--evaluate.exchange {path}: line {number}: {told}, such as he<TAB>she")
        for word, other in (words, reversed(words)):
            partners.setdefault(word.lower(), other)
    if not partners:
        raise RequestError(f"--evaluate.exchange {path}: no pair in it; write a line such as he<TAB>she for each")
    if len(partners) > 2 * MOST_PAIRS:
        raise RequestError(f"--evaluate.exchange {path}: more than {MOST_PAIRS:,} pairs; give fewer")
    return partners


def read_names(watch_list: Path) -> list[str]:
    """The names of a watch-list as they are written, the first way of each entry; its file was checked before."""
    held = tomllib.loads(read_utf8(watch_list)).get("names", {})
    return list(dict.fromkeys(given if isinstance(given, str) else given[0] for given in held.values()))


def finder(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of these words, the longest first."""
    found = [_bordered(word) for word in sorted(words, key=len, reverse=True)]
    return re.compile("|".join(found), re.IGNORECASE)


def exchanged(text: str, pattern: re.Pattern[str], partners: Mapping[str, str]) -> str:
    """The text with each word that the pattern finds exchanged for its partner, in the case of the word."""

    def other(match: re.Match[str]) -> str:
        word = match[0].lower()
        return _in_case(match[0], partners[word]) if word in partners else match[0]  # a dotless i is an i to a pattern

    return pattern.sub(other, text)


def _bordered(word: str) -> str:
    letter = rf"[^\W{UNSPACED}]"
    before = rf"(?<!{letter})" if re.match(letter, word) else ""
    return before + re.escape(word) + (rf"(?!{letter})" if re.match(letter, word[-1]) else "")


def _in_case(like: str, word: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    if like[0].isupper():
        return word[0].upper() + word[1:]
    return word if word.isupper() or not like.islower() else word.lower()
