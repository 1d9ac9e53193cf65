"""Read the dates and times that people write; whatever could mean two things, or lacks a part, is refused with its reason.

Times count in microseconds since 1970, UTC; days are days since 1970 in the reader's time zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from datetime import time as clock
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

DateOrder = Literal["DMY", "MDY", "YMD"]
MAX_CHARS = 100  # a longer one is no date, and must not cost the time of looking for one
FIRST_YEAR = 1900
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}([T ].+)?")
_UNIX = re.compile(r"(\d{9,10})(?:\.(\d+))?|(\d{12,13})|(\d{15,16})|(\d{18,19})")
_RFC_2822 = re.compile(r"(?:[A-Za-z]{3},\s*)?\d{1,2}\s+[A-Za-z]{3}\s+\d{4}\s+\d{1,2}:\d{2}(?::\d{2})?\s+[-+A-Za-z0-9]+")
_NUMBERS = re.compile(r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})(?:[T ,]+(.+))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([AaPp])\.?[Mm]\.?)?")


class Moment(NamedTuple):
    """A point in time and the day it counts in; or why there is none."""

    microseconds: int
    day: int
    reason: str | None = None


class TimeReader:
    """Reads times as written; `timezone` is that of times that name none, and of the days."""

    def __init__(self, timezone: str, date_order: DateOrder) -> None:
        self.zone = ZoneInfo(timezone)
        self.date_order = date_order
        self.read = lru_cache(maxsize=1 << 14)(self._read)  # a stream repeats its days, and the slow forms take 0.6 ms each

    def _read(self, written: str) -> Moment:
        """The moment that is meant. ISO 8601, seconds to nanoseconds since 1970, RFC 2822, numbers by `date_order`, words."""
        written = written.strip()
        if not written:
            return _refused("missing_time")
        if len(written) > MAX_CHARS:
            return _refused("unreadable_time")
        try:
            found = self._parsed(written)
            if isinstance(found, str):
                return _refused(found)
            if found.year < FIRST_YEAR:
                return _refused("before_1900")
            local = found.replace(tzinfo=self.zone) if found.tzinfo is None else found.astimezone(self.zone)
            since = local.astimezone(UTC) - _EPOCH
        except (ValueError, OverflowError):
            return _refused("unreadable_time")
        microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return Moment(microseconds, local.date().toordinal() - _FIRST_ORDINAL)

    def _parsed(self, written: str) -> datetime | str:
        if _ISO.fullmatch(written):
            return datetime.fromisoformat(written)
        if match := _UNIX.fullmatch(written):
            return _unix(match)
        if _RFC_2822.fullmatch(written):
            found = parsedate_to_datetime(written)
            if found.tzinfo is not None or not written[-1].isalpha():
                return found  # a zone by a name that RFC 2822 does not have, such as CET, is left to `_words`
        if match := _NUMBERS.fullmatch(written):
            return self._numbers(match)
        return self._words(written)

    def _numbers(self, match: re.Match[str]) -> datetime | str:
        """A date of three numbers: a year of four digits in front is year, month, day; else strictly in the order declared."""
        first, _, second, third, rest = match.groups()
        order = "YMD" if len(first) == 4 else self.date_order
        parts = dict(zip(order, (first, second, third), strict=True))
        if len(parts["Y"]) == 3 or len(parts["D"]) > 2:
            return "unreadable_time"
        year = int(parts["Y"]) if len(parts["Y"]) == 4 else _century(int(parts["Y"]))
        return datetime.combine(date(year, int(parts["M"]), int(parts["D"])), _clock(rest) if rest else clock())

    def _words(self, written: str) -> datetime | str:
        """A date with words in any language that dateparser knows, day, month and year all named; never one relative to now."""
        import dateparser

        settings = {"DATE_ORDER": self.date_order, "PARSERS": ["absolute-time"]}
        found = dateparser.parse(written, settings=settings | {"REQUIRE_PARTS": ["day", "month", "year"]})
        if found is not None:
            return found
        return "incomplete_date" if dateparser.parse(written, settings=settings) else "unreadable_time"


def _unix(match: re.Match[str]) -> datetime:
    seconds, fraction, milliseconds, microseconds, nanoseconds = match.groups()
    if seconds:
        micros = int(seconds) * 1_000_000 + int((fraction or "")[:6].ljust(6, "0"))
    elif milliseconds:
        micros = int(milliseconds) * 1000
    else:
        micros = int(microseconds) if microseconds else int(nanoseconds) // 1000
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def _century(year: int) -> int:
    """Two digits as POSIX reads them: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068."""
    return year + (1900 if year >= 69 else 2000)


def _clock(written: str) -> clock:
    match = _CLOCK.fullmatch(written.strip())
    if match is None:
        return clock.fromisoformat(written.strip())
    hour = int(match[1])
    if match[4]:
        if not 1 <= hour <= 12:
            raise ValueError(f"no hour of a twelve-hour clock: {written}")
        hour = hour % 12 + (12 if match[4] in "Pp" else 0)
    return clock(hour, int(match[2]), int(match[3] or 0))


def _refused(reason: str) -> Moment:
    return Moment(0, 0, reason)
