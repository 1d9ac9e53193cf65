"""Watch-lists: which of thousands of names, companies, tickers or patterns a text speaks of.

    [names]
    Tesco = ["Tesco", "TSCO"]          # whole words; one in capitals alone as it is written, any other in upper or lower case
    Shell = ["Royal Dutch Shell", "Shell plc"]
    Tencent = ["Tencent", "腾讯"]       # in Chinese, Japanese, Thai, Khmer, Lao and Burmese anywhere in a clause

    [patterns]
    "profit warning" = "profits? warnings?|warn(s|ed)? on profits?"      # RE2's syntax, between word borders, any case

Thousands of companies with their codes come from a CSV file (see companies.py); its names extend those of the entry that is
called alike.

A name is found however it is spelled: full width, as an HTML entity, with accents of their own, with another dash or quote (see
`tasks.score.spelling`). Names cost one look at the words of a text, whatever their number: each is filed under that of its
words, or of its pairs of characters of a script without blanks, which the fewest names have, and only a text that has it is
searched. Patterns run in RE2 (https://github.com/google/re2/wiki/Syntax) inside Arrow, whose time is linear in the text, so
that no pattern and no text can make it hang.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.score.companies import counted, names_of, read_companies
from tasks.score.names import Hit, Name, has_unspaced, keys_of, words_in
from tasks.score.patterns import Patterns
from tasks.score.spelling import caseless, spelled
from tasks.toml_names import remedy_of
from tasks.towards.parts import Mention, Mentioned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tasks.score.companies import Company

MAX_NAME = 100  # characters of an entry's name: it becomes a series, and a line on the dashboard


class WatchList:
    """The entries of one watch-list, ready to be looked for."""

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        patterns: Mapping[str, str],
        companies: Sequence[Company] = (),
        *,
        origin: str = "watch-list",
        listed: str = "companies",
    ) -> None:
        """RequestError names the entry that cannot be used; `origin` and `listed` are the files of entries and of companies.

        `entries` are those of the watch-list itself, without the companies that are only listed.
        """
        self._written = (_tuples(names), tuple(patterns.items()), tuple(companies), origin, listed)
        self.entries = sorted({*names, *patterns})
        for company in companies:
            _check_name(company.name, listed)
        for entry in self.entries:
            _check_name(entry, origin)
        ways = [(Name(entry, spelled(words)), words, origin) for entry, written in names.items() for words in written]
        ways += [(name, words, listed) for name, words in names_of(companies, listed)]
        self._filed = _filed(ways)
        self._any_unspaced = any(map(has_unspaced, self._filed))
        self._patterns = Patterns(patterns, origin=origin)

    @classmethod
    def load(cls, path: Path | None, companies: Path | None = None) -> WatchList:
        """Read a TOML file, a CSV file of companies, or both; RequestError says in one line what is wrong with one of them."""
        listed = [] if companies is None else read_companies(companies)
        if path is None:
            return cls({}, {}, listed, listed=str(companies))
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
        return cls(names, patterns, listed, origin=str(path), listed=str(companies))

    def __reduce__(self) -> tuple[Callable[..., WatchList], tuple[Any, ...]]:
        """Sent to another process it is made there once, however often it is sent."""
        return _made, self._written

    def find(self, texts: Sequence[str]) -> list[list[str]]:
        """The entries that each text speaks of, in alphabetical order."""
        found = [{hit.name.entry for hit in self._hits(spelled(text))} for text in texts]
        self._patterns.find(texts, found)
        return [sorted(entries) for entries in found]

    def mentions(self, texts: Sequence[str]) -> list[Mentioned]:
        """Each text with the places of the entries that it speaks of.

        Places are those in the text, or in the spelled text where that has another length; the result has the one meant.
        An entry is there exactly where `find` finds it; of a pattern the first match is.
        """
        plains = [spelled(text) for text in texts]
        hits = [self._hits(plain) for plain in plains]
        matched: list[set[str]] = [set() for _ in texts]
        self._patterns.find(texts, matched)
        found = []
        for text, plain, own, entries in zip(texts, plains, hits, matched, strict=True):
            mentions = [Mention(hit.name.entry, hit.start, hit.end) for hit in own]
            mentions += [Mention(entry, *self._patterns.place(entry, plain)) for entry in sorted(entries)]
            found.append(Mentioned(text if len(text) == len(plain) else plain, mentions))
        return found

    def _hits(self, plain: str) -> list[Hit]:
        """The names in a spelled text that count."""
        if not self._filed:
            return []
        folded = caseless(plain)
        keys = set(keys_of(folded) if self._any_unspaced and not folded.isascii() else words_in(folded))
        present = self._filed.keys() & keys
        if not present:
            return []
        names = (name for key in present for name in self._filed[key])
        hits = [Hit(name, *place) for name in names for place in name.places(plain, folded)]
        if any(hit.name.of_company for hit in hits):
            hits = counted(plain, hits)
        return sorted(hits, key=lambda hit: (hit.start, hit.end, hit.name.entry))


def _check_name(entry: str, origin: str) -> None:
    if not entry.strip() or len(entry) > MAX_NAME or not entry.isprintable():
        raise RequestError(
            f"{origin}: {entry[:MAX_NAME]!r} is not a valid name of an entry; use 1 to {MAX_NAME} plain characters"
        )


def _filed(ways: Sequence[tuple[Name, str, str]]) -> dict[str, list[Name]]:
    """The names by that of their keys which the fewest names have, of several the longest; ways are names as written."""
    keys = [name.keys for name, _, _ in ways]
    for (name, written, origin), own in zip(ways, keys, strict=True):
        if not own:
            raise RequestError(f"{origin}: {written!r} of {name.entry!r} has no letter and no digit; write it as texts do")
    number = Counter(key for own in keys for key in set(own))
    filed: dict[str, list[Name]] = {}
    for (name, _, _), own in zip(ways, keys, strict=True):
        filed.setdefault(min(own, key=lambda key: (number[key], -len(key))), []).append(name)
    return filed


def _tuples(names: Mapping[str, Sequence[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((entry, tuple(words)) for entry, words in names.items())


@lru_cache(maxsize=1)
def _made(
    names: tuple[tuple[str, tuple[str, ...]], ...],
    patterns: tuple[tuple[str, str], ...],
    companies: tuple[Company, ...],
    origin: str,
    listed: str,
) -> WatchList:
    return WatchList(dict(names), dict(patterns), companies, origin=origin, listed=listed)


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
