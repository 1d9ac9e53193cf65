"""Read sentences in a language: the patterns come from a catalogue, a TOML file beside the sentences.

A catalogue maps each English pattern to that of the language. A pattern that it lacks is read in English; a test holds that it
lacks none, and that the placeholders of both agree.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.wording.sentence import Formatter, Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

Language = Literal["en", "zh"]
ENGLISH: Language = "en"
CATALOGUE = Path(__file__).parent / "refresh_zh.toml"  # of `refresh`: its dashboard, its alerts and what it prints
TAGS = {"en": "en", "zh": "zh-Hans"}  # BCP 47, for HTML
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


class Wording:
    """One language; `patterns` are its patterns by the English ones."""

    def __init__(self, language: Language = ENGLISH, patterns: Mapping[str, str] | None = None) -> None:
        self.language = language
        self.patterns = patterns or {}
        self._formatter = Formatter(self, self.day, self.minute)

    @property
    def tag(self) -> str:
        """The language's tag for HTML."""
        return TAGS[self.language]

    def __call__(self, text: str) -> str:
        """A sentence in this language; any other text, which comes from outside, as it is."""
        if not isinstance(text, Sentence) or self.language == ENGLISH:
            return str(text)
        if not text.pattern:
            return self.pattern(text.values["separator"]).join(map(self, text.values["parts"]))
        return self._formatter.vformat(self.pattern(text.pattern), (), text.values)

    def pattern(self, english: str) -> str:
        """The pattern of a sentence, also of one with gettext's `%(name)s`; the English one if there is no other."""
        return self.patterns.get(english, english)

    def day(self, day: str) -> str:
        """A day (YYYY-MM-DD, at the beginning of a text) as this language writes it."""
        return str(day) if self.language == ENGLISH else _DAY.sub(_in_chinese, str(day), count=1)

    def minute(self, time: str) -> str:
        """A time (ISO 8601) to the minute."""
        return self.day(str(time)[:16].replace("T", " "))


def _in_chinese(found: re.Match[str]) -> str:
    year, month, day = map(int, found.groups())
    return f"{year}年{month}月{day}日"


@cache
def wording_in(language: Language, catalogue: Path = CATALOGUE) -> Wording:
    """The wording of a language; English needs no catalogue."""
    return Wording() if language == ENGLISH else Wording(language, read_catalogue(catalogue))


def read_catalogue(file: Path) -> dict[str, str]:
    """The patterns of a catalogue by the English ones; its tables are there for whoever reads the file."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {english: pattern for table in tables.values() for english, pattern in table.items()}
