"""Watch-lists: which of thousands of names, companies, tickers or patterns a text speaks of.

    [names]
    Tesco = ["Tesco", "TSCO"]          # whole words; one in capitals alone as it is written, any other in upper or lower case
    Shell = ["Royal Dutch Shell", "Shell plc"]
    Tencent = ["Tencent", "腾讯"]       # in Chinese, Japanese, Thai, Khmer, Lao and Burmese anywhere in a clause

    [patterns]
    "profit warning" = "profits? warnings?|warn(s|ed)? on profits?"      # RE2's syntax, between word borders, any case

A name is found however it is spelled: full width, as an HTML entity, with accents of their own, with another dash or quote (see
`tasks.score.spelling`). Names cost one look at the words of a text, whatever their number: each is filed under its longest word
or under two characters of a script without blanks, and only a text that has them is searched for it. Patterns run in RE2
(https://github.com/google/re2/wiki/Syntax) inside Arrow, whose time is linear in the text, so that no pattern and no text can
make it hang.
"""

from __future__ import annotations

import re
import tomllib
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.model.text.scripts import UNSPACED
from tasks.score.patterns import Patterns
from tasks.score.spelling import caseless, spelled, within_word
from tasks.toml_names import remedy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MAX_NAME = 100  # characters of an entry's name: it becomes a series, and a line on the dashboard
_WORD = re.compile(rf"[^\W{UNSPACED}]+")
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
# Where a script without blanks begins or ends, writers put one or not as they like.
_LOOSE = re.compile(
    rf"(?<=[{UNSPACED}]) | (?=[{UNSPACED}])|(?<=[{UNSPACED}])(?=[^\W{UNSPACED}])|(?<=[^\W{UNSPACED}])(?=[{UNSPACED}])"
)


class _Name:
    """One way to write an entry, as it is looked for in a text that has its key."""

    def __init__(self, entry: str, words: str) -> None:
        """`words` are spelled."""
        self.entry = entry
        # In a script without upper case a ticker in capitals cannot be taken for a word.
        self.as_written = words.isupper() and not _UNSPACED_RUN.search(words)
        self.words = words if self.as_written else caseless(words)

    @cached_property
    def _search(self) -> re.Pattern[str]:
        pieces = _LOOSE.split(" ".join(self.words.split()))
        return re.compile(r"\s*".join(re.escape(piece).replace(r"\ ", r"\s+") for piece in pieces))

    def is_in(self, text: str) -> bool:
        """Whether the name is in a spelled text, without a letter beside it that would make it part of another word."""
        match = self._search.search(text)
        while match:
            if not within_word(text, match.start()) and not within_word(text, match.end()):
                return True
            match = self._search.search(text, match.start() + 1)
        return False


class WatchList:
    """The entries of one watch-list, ready to be looked for."""

    def __init__(self, names: Mapping[str, Sequence[str]], patterns: Mapping[str, str], *, origin: str = "watch-list") -> None:
        """RequestError names the entry that cannot be used; `origin` is the file that it is in."""
        self._written = (_tuples(names), tuple(patterns.items()), origin)
        self.entries = sorted({*names, *patterns})
        for entry in self.entries:
            if not entry.strip() or len(entry) > MAX_NAME or not entry.isprintable():
                raise RequestError(
                    f"{origin}: {entry[:MAX_NAME]!r} is not a valid name of an entry; use 1 to {MAX_NAME} plain characters"
                )
        self._filed: dict[str, list[_Name]] = {}
        for entry, written in names.items():
            for words in written:
                self._file(_Name(entry, spelled(words)), words, origin)
        self._any_unspaced = any(map(_UNSPACED_RUN.match, self._filed))
        self._patterns = Patterns(patterns, origin=origin)

    @classmethod
    def load(cls, path: Path) -> WatchList:
        """Read a TOML file; RequestError says in one line what is wrong with it."""
        text = ""
        try:
            held = tomllib.loads(text := read_utf8(path))
        except OSError as error:
            raise RequestError(f"{path} cannot be read ({error.strerror}); give a readable TOML file") from None
        except (ValueError, RecursionError) as error:  # also numbers that are too long, and lists in lists
            raise RequestError(f"{path} is not TOML ({error}); {remedy_of(text)}") from None
        for section in held.keys() - {"names", "patterns"}:
            raise RequestError(f"{path}: unknown section [{section}]; a watch-list has [names] and [patterns]")
        names = {entry: _words(path, entry, given) for entry, given in _section(path, held, "names").items()}
        patterns = {entry: _pattern(path, entry, given) for entry, given in _section(path, held, "patterns").items()}
        if not names and not patterns:
            raise RequestError(f"{path}: nothing to watch; write entries below [names] or [patterns]")
        return cls(names, patterns, origin=str(path))

    def __reduce__(self) -> tuple[Callable[..., WatchList], tuple[Any, ...]]:
        """Sent to another process it is made there once, however often it is sent."""
        return _made, self._written

    def find(self, texts: Sequence[str]) -> list[list[str]]:
        """The entries that each text speaks of, in alphabetical order."""
        found = [self._names_in(text) for text in texts]
        self._patterns.find(texts, found)
        return [sorted(entries) for entries in found]

    def _file(self, name: _Name, written: str, origin: str) -> None:
        folded = caseless(name.words)
        words, runs = _WORD.findall(folded), _UNSPACED_RUN.findall(folded)
        if not words and not runs:
            raise RequestError(f"{origin}: {written!r} of {name.entry!r} has no letter and no digit; write it as texts do")
        longest = max(words, key=len, default="")
        key = longest if len(longest) > 1 or not runs else max(runs, key=len)[:2]
        self._filed.setdefault(key, []).append(name)

    def _names_in(self, text: str) -> set[str]:
        if not self._filed:
            return set()
        plain = spelled(text)
        folded = caseless(plain)
        keys = set(_WORD.findall(folded))
        if self._any_unspaced and not folded.isascii():
            for run in _UNSPACED_RUN.findall(folded):
                keys.update(run)
                keys.update(map("".join, pairwise(run)))
        present = self._filed.keys() & keys
        return {name.entry for key in present for name in self._filed[key] if name.is_in(plain if name.as_written else folded)}


def _tuples(names: Mapping[str, Sequence[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((entry, tuple(words)) for entry, words in names.items())


@lru_cache(maxsize=1)
def _made(names: tuple[tuple[str, tuple[str, ...]], ...], patterns: tuple[tuple[str, str], ...], origin: str) -> WatchList:
    return WatchList(dict(names), dict(patterns), origin=origin)


def _section(path: Path, held: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = held.get(name, {})
    if not isinstance(section, dict):
        raise RequestError(f"{path}: {name} is not a section; write [{name}] and entries below it")
    return section


def _words(path: Path, entry: str, given: Any) -> list[str]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise RequestError(f'{path}: {entry!r} needs its words, such as {entry!r} = ["Tesco", "TSCO"]')
    return words


def _pattern(path: Path, entry: str, given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise RequestError(f"{path}: pattern {entry!r} must be one regular expression in quotes")
    return given
