"""Watch-lists: which of thousands of names, companies, tickers or patterns a text speaks of.

    [names]
    Tesco = ["Tesco", "TSCO"]          # whole words; one in capitals alone as it is written, any other in upper or lower case
    Shell = ["Royal Dutch Shell", "Shell plc"]

    [patterns]
    "profit warning" = "profits? warnings?|warn(s|ed)? on profits?"      # RE2's syntax, between word borders, any case

Names cost one look at the words of a text, whatever their number: each is filed under its longest word, and only a text with
that word is searched for it. Patterns run in RE2 (https://github.com/google/re2/wiki/Syntax) inside Arrow, whose time is linear
in the text, so that no pattern and no text can make it hang.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MAX_NAME = 100  # characters of an entry's name: it becomes a series, and a line on the dashboard
_WORD = re.compile(r"\w+")
_BETWEEN_BORDERS = r"(?:^|[^\pL\pN_])(?:{})(?:$|[^\pL\pN_])"


class _Filed(NamedTuple):
    """A name as it is looked for once a text has its longest word."""

    entry: str
    search: re.Pattern[str]


class WatchList:
    """The entries of one watch-list, ready to be looked for."""

    def __init__(self, names: Mapping[str, Sequence[str]], patterns: Mapping[str, str], *, origin: str = "watch-list") -> None:
        """RequestError names the entry that cannot be used; `origin` is where it stands."""
        self.entries = sorted({*names, *patterns})
        for entry in self.entries:
            if not entry.strip() or len(entry) > MAX_NAME or not entry.isprintable():
                raise RequestError(
                    f"{origin}: {entry[:MAX_NAME]!r} is no name of an entry; use 1 to {MAX_NAME} plain characters"
                )
        self._filed: dict[str, list[_Filed]] = {}
        for entry, words in names.items():
            for word in words:
                self._file(entry, word, origin)
        self._patterns = {entry: _BETWEEN_BORDERS.format(pattern) for entry, pattern in patterns.items()}
        for entry, pattern in self._patterns.items():
            _check(pattern, f"{origin}: pattern {entry!r}")
        self._groups = _grouped(list(self._patterns.items()))

    @classmethod
    def load(cls, path: Path) -> WatchList:
        """Read a TOML file; RequestError says in one line what is wrong with it."""
        try:
            held = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RequestError(f"{path} cannot be read ({error.strerror}); give a readable TOML file") from None
        except (ValueError, RecursionError) as error:  # also numbers that are too long, and lists in lists
            raise RequestError(f"{path} is not TOML ({error}); correct it") from None
        for section in held.keys() - {"names", "patterns"}:
            raise RequestError(f"{path}: unknown section [{section}]; a watch-list has [names] and [patterns]")
        names = {entry: _words(path, entry, given) for entry, given in _section(path, held, "names").items()}
        patterns = {entry: _pattern(path, entry, given) for entry, given in _section(path, held, "patterns").items()}
        if not names and not patterns:
            raise RequestError(f"{path}: nothing to watch; write entries below [names] or [patterns]")
        return cls(names, patterns, origin=str(path))

    def find(self, texts: Sequence[str]) -> list[list[str]]:
        """The entries that each text speaks of, in alphabetical order."""
        found = [self._names_in(text) for text in texts]
        if self._patterns:
            self._find_patterns(texts, found)
        return [sorted(entries) for entries in found]

    def _file(self, entry: str, word: str, origin: str) -> None:
        parts = _WORD.findall(word.casefold())
        if not parts:
            raise RequestError(f"{origin}: {word!r} of {entry!r} holds no word; write what stands in the text")
        body = r"\s+".join(re.escape(part) for part in word.split())
        flags = re.NOFLAG if word.isupper() else re.IGNORECASE
        search = re.compile(rf"(?<!\w){body}(?!\w)", flags)
        self._filed.setdefault(max(parts, key=len), []).append(_Filed(entry, search))

    def _names_in(self, text: str) -> set[str]:
        present = self._filed.keys() & _WORD.findall(text.casefold())
        return {filed.entry for word in present for filed in self._filed[word] if filed.search.search(text)}

    def _find_patterns(self, texts: Sequence[str], found: list[set[str]]) -> None:
        column = pa.array(texts, pa.string())
        for any_of_them, patterns in self._groups:
            (rows,) = np.nonzero(_matches(column, any_of_them))  # most texts match none
            if not len(rows):
                continue  # to compile each pattern takes longer than to look for it
            some = column.take(pa.array(rows))
            for entry, pattern in patterns:
                for row in rows[_matches(some, pattern)]:
                    found[row].add(entry)


def _grouped(patterns: list[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The patterns in as few groups as RE2 takes in one expression, each with the expression that matches any of them."""
    if not patterns:
        return []
    any_of_them = "|".join(f"(?:{pattern})" for _, pattern in patterns)
    try:
        _matches(pa.array([""], pa.string()), any_of_them)
    except pa.ArrowInvalid:  # too large; each alone was checked
        half = len(patterns) // 2
        return [*_grouped(patterns[:half]), *_grouped(patterns[half:])] if half else [(patterns[0][1], patterns)]
    return [(any_of_them, patterns)]


def _matches(column: pa.Array, pattern: str) -> np.ndarray:
    found: np.ndarray = pc.match_substring_regex(column, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
    return found.astype(bool)


def _check(pattern: str, where: str) -> None:
    try:
        matched = _matches(pa.array([""], pa.string()), pattern)
    except pa.ArrowInvalid as error:
        raise RequestError(f"{where} is no RE2 expression ({error}); correct it") from None
    if matched[0]:
        raise RequestError(f"{where} matches an empty text, and so every text; make it say what to look for")


def _section(path: Path, held: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = held.get(name, {})
    if not isinstance(section, dict):
        raise RequestError(f"{path}: {name} is no section; write [{name}] and entries below it")
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
