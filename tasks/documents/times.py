"""Read the dates and times that people write; whatever could mean two things, or lacks a part, is refused with its reason.

Times count in microseconds since 1970, UTC; days are days since 1970 in the reader's time zone. docs/TIMES.md has the rules.
"""

from __future__ import annotations

import math
import re
import time
import unicodedata
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from tasks.documents.months import WEEKDAY, find_month
from tasks.documents.zones import read_zone

DateOrder = Literal["DMY", "MDY", "YMD"]
MAX_CHARS = 100  # a longer one is no date, and must not cost the time of looking for one
FIRST_YEAR = 1900
SHORT_YEAR = "YY-"  # 20-03-15: with dashes the year may well be in front; 20/03/15 and 20.03.15 are the day by custom
DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()
_MISSING = frozenset({"", "\\n", "nan", "nat"})
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}([T ](?!\d\d[.,]).+)?")  # 10.30 is no part of an hour
_MAIL = re.compile(  # what most feeds write, read fast
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}(?::\d{2})? (?:GMT|[+-](?:0\d|1[0-4])[0-5]\d)"
)
_PLAIN_NUMBERS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?: (\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_MAY_BE_NUMBERS = re.compile(r"\d\s?[/._-]\s?\d{1,2}\s?[/._-]\s?\d|\d{4}\s?:|\d \d{1,2} \d")
_DIGITS = re.compile(r"(\d{4,20})(?:\.(\d+))?(?:[eE]\+?(\d{1,2}))?(Z|[+-]\d{4})?")
_POWER = re.compile(r"(\d\.\d+)[eE]\+?(\d{1,2})")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]")  # what is left of (Sun)
_DOT_NET = re.compile(r"\\?/Date\((\d{9,14})(?:[+-]\d{4})?\)\\?/")
_UNITS = {9: 1, 10: 1, 12: 10**3, 13: 10**3, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}  # digits -> parts of a second
# Names of files and the protocol FIX: 20200315_100000, 20200315-10:00:00, 2020-03-15_10-00-00.
_STAMP = re.compile(r"^(\d{4})([-_]?)(\d{2})\2(\d{2})[ Tt_-](\d{2})([-:_]?)(\d{2})\6(\d{2})(?!\d)")
_COMPACT = {10: 4, 12: 5, 14: 6, 17: 7, 20: 7}  # digits -> parts of YYYY MM DD HH MM SS and a fraction
# What else 18 digits may be: 100 ns since the year 1 (.NET) or since 1601 (Windows).
_TICKS = tuple(
    (_EPOCH.replace(tzinfo=None) - since) // timedelta(seconds=1) for since in (datetime(1, 1, 1), datetime(1601, 1, 1))
)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})(\s?[-/.:_]\s?)(\d{1,2})\2(\d{1,2})(?!\d)\.?")
_DASHED = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?=$|[T ])")
_SPACED = re.compile(r"(?<!\S)(?:(\d{4}) (\d{1,2}) (\d{1,2})|(\d{1,2}) (\d{1,2}) (\d{4}))(?!\S)")
_NUMBERS = re.compile(r"(?<![\d./:+-])(\d{1,2})(\s?[/.-]\s?)(\d{1,2})\2(\d{4}|\d{2})(?![\d/])")
_CHINESE = re.compile(r"(?<!\w)(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})(?!\d)\s?[日號号일]?")
_CHINESE_MONTH = re.compile(  # what Java and Oracle (15-3月 -20) print in a Chinese locale
    r"(?<!\d)(?:(?P<day>\d{1,2})[ -](?P<month>\d{1,2}|十[一二]?|[一二三四五六七八九])月[ ,-]+"
    r"|(?P<month_first>十[一二]?|[一二三四五六七八九])月 (?P<second>\d{1,2}),? )(?P<year>\d{4}|(?<=-)\d{2})(?!\d)"
)
_WEEK = re.compile(r"(?<!\d)(\d{4})-?W(\d{2})(?:-?([1-7]))?(?!\d)", re.IGNORECASE)
_ORDINAL = re.compile(r"^(\d{4})-(\d{3})(?!\d)")
_BETWEEN = r"(?:\s|[-/.,']|\b(?:de|del|of|di)\b)"
_DAY = r"(?<![\d:.])(\d{1,2})(?:st|nd|rd|th|er|[º°ªo])?(?![\d:])"
_YEAR = r"(\d{4}(?!\d)|\d{2}(?:(?![\d:h])|(?=(?::\d{2}){3})))"
# The month's word is a \1 here; the day is always before the year unless the year has four digits or the order says YMD.
_WORDED = (
    (re.compile(rf"{_DAY}{_BETWEEN}*\x01{_BETWEEN}*{_YEAR}"), "DY"),
    (re.compile(rf"\x01{_BETWEEN}*{_DAY}{_BETWEEN}+{_YEAR}"), "DY"),
    (re.compile(rf"(?<!\d)(\d{{4}}){_BETWEEN}*\x01{_BETWEEN}*{_DAY}"), "YD"),
    (re.compile(rf"(?:\x01{_BETWEEN}*{_DAY}|{_DAY}{_BETWEEN}*\x01)(?P<between>.*\d:\d.*?)(?<![\d+:.-])(\d{{4}})(?![\d:])"), ""),
)
_BEFORE_NOON = ("上午", "早上", "凌晨", "清晨", "早晨", "午前", "오전", "새벽")
_AFTER_NOON = ("下午", "傍晚", "晚上", "午後", "오후", "저녁")
_NOON = ("中午", "正午")
_HALVES = "|".join((*_BEFORE_NOON, *_AFTER_NOON, *_NOON))
_CLOCK = re.compile(
    rf"(?<![\d:.+-])(?:[Tt](?=\d))?(?P<half>{_HALVES})?\s?(?P<hour>\d{{1,2}})"
    r"(?:(?P<mark>[:.])(?P<minute>\d{2})(?:(?P=mark)(?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,12}))?)?"
    r"|\s?(?:h|Uhr)\s?(?P<minutes>\d{2})?(?:\s?min)?(?![^\W\d_])"
    r"|\s?[時时点點시]\s?(?:(?P<minutes_cjk>\d{1,2})\s?[分분]?\s?(?:(?P<seconds_cjk>\d{1,2})\s?[秒초])?|(?P<thirty>半))?)"
    rf"(?:\s?(?P<noon>[ap])\.?\s?m\b\.?|\s?(?P<half_behind>{_HALVES}))?(?!\d)",
    re.IGNORECASE,
)
_HOUR = re.compile(r"(?<![\d:.+-])(?P<hour>\d{1,2})\s?(?P<noon>[ap])\.?\s?m\b\.?", re.IGNORECASE)
_FILLERS = re.compile(  # not in capitals, which are a zone's: AT is the Atlantic's
    r"(?<![^\W\d])(?:[Aa]t|um|à|às|as|a las|a la|alle ore|alle|ore|kl|[Uu]hr|hrs|hs|h|o'clock|[Oo]n|[Tt]he|of|de|del|[Ll]e"
    r"|[Ee]l|г|года|в)"
    r"(?![^\W\d])\.?|[,;@|\u00b7\u2022]|(?<!\S)-(?!\S)"
)
_PARTIAL = re.compile(
    r"(?:19|20)\d\d|\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{4}|\d{1,2}[-/.]\d{1,2}\.?|\d{4}\s?[年년](?:\s?\d{1,2}\s?[月월])?"
    r"|\d{1,2}\s?[月월]\s?\d{1,2}\s?[日號号일]?"
)
_CHINESE_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_HAN_NUMBER = re.compile("[〇零一二三四五六七八九十]+(?=[年月日號号])")


class Moment(NamedTuple):
    """A point in time and the day it counts in; or why there is none.

    `former` is how the version before this one read it, where that was something else: what it counted then counts once.
    """

    microseconds: int
    day: int
    reason: str | None = None
    former: int | None = None


class _Local(NamedTuple):
    """A time as it was written, with its zone if it has one."""

    when: datetime
    former: datetime | None = None


class TimeReader:
    """Reads times as written; `timezone` is that of times that name none, and of the days.

    `date_order` is that of dates in numbers; with None those that could be day first or month first are refused. `now` is
    seconds since 1970: what lies more than a day after it is refused; None refuses nothing for that.
    """

    def __init__(self, timezone: str, date_order: DateOrder | None, now: float | None = None) -> None:
        self.zone = ZoneInfo(timezone)
        self.date_order = date_order
        self._latest = None if now is None else (now + DAY_SECONDS) * 1e6
        self._last_year = time.gmtime(time.time() if now is None else now).tm_year + 1
        self.read = lru_cache(maxsize=1 << 14)(self._read)  # a stream repeats its days, and the slow forms take 0.6 ms each
        self.orders = lru_cache(maxsize=1 << 14)(self._orders)

    def _read(self, written: str) -> Moment:
        """The moment that is meant, or the reason why none can be told."""
        try:
            found = self._parsed(written)
            if isinstance(found, str):
                return _refused(found)
            local = self._placed(found.when)
            microseconds = _microseconds(local)
            former = None if found.former is None else _microseconds(self._placed(found.former))
        except (ValueError, OverflowError):
            return _refused("unreadable_time")
        if found.when.year < FIRST_YEAR:
            return _refused("before_1900")
        if self._latest is not None and microseconds > self._latest:
            return _refused("future")
        return Moment(microseconds, local.date().toordinal() - _FIRST_ORDINAL, None, former)

    def _placed(self, when: datetime) -> datetime:
        """In the reader's zone. A local time that a clock shows twice is the first; one that it skips counts from before."""
        return when.replace(tzinfo=self.zone) if when.tzinfo is None else when.astimezone(self.zone)

    def _orders(self, written: str) -> frozenset[str] | None:
        """The orders in which a date in numbers is a date, of DMY, MDY and YMD; None for a text that is no such date.

        Of two digits for the year, in front or behind, the one of which the day has yet to come is left out. Beside YMD is
        SHORT_YEAR if the writer may well have meant that. Of a date with four digits in front they are Y-M-D and Y-D-M: nobody
        may declare the second, and it is no moment.
        """
        text = written.strip()
        if len(text) > MAX_CHARS:
            return None
        if match := _DASHED.match(text):  # what most sources write, told fast
            return _year_first(*match.groups())
        if text.isascii() and not _MAY_BE_NUMBERS.search(text):
            return None
        if match := _PLAIN_NUMBERS.fullmatch(text):
            return self._orders_of(match[1], match[3], match[4], match[2])
        text = WEEKDAY.sub(" ", _plain(text))
        if isinstance(find_month(text), tuple):
            return None
        if match := _YEAR_FIRST.search(text):
            return _year_first(match[1], match[3], match[4])
        if match := _NUMBERS.search(text):
            return self._orders_of(match[1], match[3], match[4], match[2])
        match = _SPACED.search(text)
        return self._orders_of(match[4], match[5], match[6], " ") if match and match[4] else None

    def _orders_of(self, first: str, second: str, third: str, sign: str) -> frozenset[str]:
        days = {order: day for order in ("DMY", "MDY", "YMD") if (day := _in_order(order, first, second, third))}
        for some in ({"YMD"}, {"DMY", "MDY"}):
            if days.keys() - some and all(self._is_ahead(days[order]) for order in days.keys() & some):
                days = {order: day for order, day in days.items() if order not in some}
        found = frozenset(days)
        return found | {SHORT_YEAR} if sign.strip() == "-" and "YMD" in found else found

    def _is_ahead(self, day: date) -> bool:
        return self._latest is not None and (day.toordinal() - _FIRST_ORDINAL) * DAY_SECONDS * 1e6 > self._latest

    def _parsed(self, written: str) -> _Local | str:
        text = written.strip()
        if len(text) <= MAX_CHARS and text.isascii() and (fast := self._fast(text)) is not None:
            return fast
        if text.casefold() in _MISSING:
            return "missing_time"
        if len(text) > MAX_CHARS:
            return "unreadable_time"
        text = _bare(_plain(text))
        if match := _DOT_NET.fullmatch(text):
            return _Local(_EPOCH + timedelta(milliseconds=int(match[1])))
        if match := _POWER.fullmatch(text):
            text = _whole(match)
        if match := _DIGITS.fullmatch(text):
            return self._digits(*match.group(1, 2, 4)) if not match[3] else "unreadable_time"
        text = _STAMP.sub(r"\1-\3-\4 \5:\7:\8", _EMPTY.sub(" ", WEEKDAY.sub(" ", text)).strip())
        return self._written(text)

    def _fast(self, text: str) -> _Local | str | None:
        """What the most common ways to write a time mean; None for the others, and for what is odd in these."""
        try:
            if _ISO.fullmatch(text):
                found = datetime.fromisoformat(text)
                if found.tzinfo is None or text[-1] in "Zz" or text[-2] < "6":  # else an offset of 60 minutes and more
                    return _Local(found)
            elif _MAIL.fullmatch(text):
                return _Local(parsedate_to_datetime(text))
            elif match := _PLAIN_NUMBERS.fullmatch(text):
                first, sign, second, third, hour, minute, seconds = match.groups()
                day = self._ordered(first, second, third, sign, "")
                time_of_day = clock(int(hour or 0), int(minute or 0), int(seconds or 0))
                return day if isinstance(day, str) else _Local(datetime.combine(day[0], time_of_day))
        except ValueError:  # a clock or a zone that is written otherwise
            pass
        return None

    def _digits(self, digits: str, fraction: str | None, zone: str | None) -> _Local | str:
        """A number: a date without separators, or seconds to nanoseconds since 1970; never days of a spreadsheet."""
        number, size = int(digits), len(digits)
        compact = _compact(digits, fraction, self._last_year) if size in _COMPACT else None
        unit = _UNITS.get(size) if zone is None else None
        epoch = None if unit is None else _since_1970(number, unit, fraction)
        if compact is not None:
            if zone is not None:
                return _zoned(compact, zone, self.zone)
            if size == 10 and epoch is not None and epoch.year <= self._last_year:
                return "ambiguous_time"
            return _Local(compact, epoch if size == 12 else None)
        if epoch is None:
            return self._short(digits, fraction) if zone is None else "unreadable_time"
        if size == 18 and any(1970 <= _year_of(number // 10**7 - since) <= self._last_year for since in _TICKS):
            return "ambiguous_time"
        return _Local(epoch)

    def _short(self, digits: str, fraction: str | None) -> str | _Local:
        if len(digits) == 5:  # days of a spreadsheet, which counts from 1900 or from 1904 and does not say so
            return "ambiguous_time"
        if fraction and not fraction.strip("0") and len(digits) == 8:
            return _Local(datetime.fromisoformat(digits))
        whole = fraction is None and FIRST_YEAR <= int(digits[:4]) <= self._last_year
        partial = len(digits) == 4 or (len(digits) == 6 and 1 <= int(digits[4:]) <= 12)
        return "incomplete_date" if whole and partial else "unreadable_time"

    def _written(self, text: str) -> _Local | str:
        """A date in numbers or words, with or without a clock and a zone."""
        month = find_month(text)
        if isinstance(month, str):
            return month
        found = _worded(text, month, self.date_order) if month else self._numbered(text)
        if isinstance(found, str):
            return found
        if found is None:
            return _partial(text, month) or self._words(text)
        day, rest = found
        return self._timed(day, rest)

    def _numbered(self, text: str) -> tuple[date, str] | str | None:
        if match := _WEEK.search(text):
            if match[3] is None:
                return "incomplete_date"
            return date.fromisocalendar(int(match[1]), int(match[2]), int(match[3])), _around(text, match)
        if match := _ORDINAL.search(text):
            day = date(int(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1)
            return (day, _around(text, match)) if int(match[2]) and day.year == int(match[1]) else "unreadable_time"
        if match := _CHINESE_MONTH.search(text):
            month = match["month"] or match["month_first"]
            number = int(month if month.isdecimal() else _han_number(month))
            year = int(match["year"]) if len(match["year"]) == 4 else _century(int(match["year"]))
            return date(year, number, int(match["day"] or match["second"])), _around(text, match)
        text = _HAN_NUMBER.sub(lambda found: _han_number(found[0]), text)
        if match := _CHINESE.search(text):
            return date(*map(int, match.groups())), _around(text, match)
        if match := _YEAR_FIRST.search(text):
            return date(int(match[1]), int(match[3]), int(match[4])), _around(text, match)
        if match := _NUMBERS.search(text):
            first, sign, second, third = match.groups()
            return self._ordered(first, second, third, sign, _around(text, match))
        if match := _SPACED.search(text):
            if match[1]:
                return date(int(match[1]), int(match[2]), int(match[3])), _around(text, match)
            return self._ordered(match[4], match[5], match[6], " ", _around(text, match))
        return None

    def _ordered(self, first: str, second: str, third: str, sign: str, rest: str) -> tuple[date, str] | str:
        if self.date_order is not None:
            day = _in_order(self.date_order, first, second, third)
            return "unreadable_time" if day is None else (day, rest)
        orders = self._orders_of(first, second, third, sign)
        if SHORT_YEAR not in orders:
            orders -= {"YMD"}
        days = {day for order in orders - {SHORT_YEAR} if (day := _in_order(order, first, second, third))}
        if len(days) > 1:
            return "ambiguous_date"
        return (days.pop(), rest) if days else "unreadable_time"

    def _timed(self, day: date, rest: str) -> _Local | str:
        """Add the clock and the zone that are left of a text without its date."""
        rest = rest.strip()
        if re.fullmatch(r"-\d{1,2}:\d{2}", rest):
            return "ambiguous_time"  # ten o'clock, or ten hours behind UTC
        rest = re.sub(r"^[-:_](?=\d{1,2}(?::\d{2}|\.\d{2}\.\d{2}))", "", rest)
        when, zone = datetime.combine(day, clock()), rest
        if match := _CLOCK.search(rest) or _HOUR.search(rest):
            when, zone = when + _clock(match.groupdict()), f"{rest[: match.start()]} {rest[match.end() :]}"
        zone = " ".join(_FILLERS.sub(" ", zone).split())
        return _zoned(when, zone, self.zone)

    def _words(self, text: str) -> _Local | str:
        """A date in any other language that dateparser knows, day, month and year all named; never one relative to now."""
        import dateparser

        if sum(map(str.isalpha, text)) < 2 or not any(map(str.isdecimal, text)) or re.search(r"[\u3040-\u9fff]", text):
            return "unreadable_time"
        match = _CLOCK.search(text)
        before, rest = (text[: match.start()], text[match.start() :]) if match else (text, "")
        before = before.strip(" ,;-")
        settings = {"DATE_ORDER": self.date_order or "DMY", "PARSERS": ["absolute-time"]}
        found = dateparser.parse(before, settings=settings | {"REQUIRE_PARTS": ["day", "month", "year"]})
        if found is None:
            return "incomplete_date" if dateparser.parse(before, settings=settings) else "unreadable_time"
        numbers = {int(number) for number in re.findall(r"\d+", before)}
        said = found.day in numbers and numbers & {found.year, found.year % 100} and found.tzinfo is None
        return self._timed(found.date(), rest) if said else "unreadable_time"


def written(value: Any) -> str | None:
    """A typed value as a text that `TimeReader.read` takes as the same moment; None where the value is missing."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return str(value).lower()
        case float() | Decimal():
            if not math.isfinite(value):
                return None if math.isnan(value) else str(value)
            return str(int(value)) if value == int(value) else f"{value}"
        case date() | clock():  # a datetime too
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case _:
            return str(value)[: MAX_CHARS + 1]


def _plain(text: str) -> str:
    """One spelling of digits, blanks, dashes and signs; marks of writing direction gone."""
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else " " if c.isdigit() else c for c in text)
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf").translate(_DASHES)
    return " ".join(text.split())


def _bare(text: str) -> str:
    """The text without what holds it together: quotes of a program, brackets of a log, the apostrophe of a spreadsheet."""
    if len(text) > 2 and text[0] + text[-1] in ('""', "''", "[]", "()"):
        return text[1:-1].strip()
    return text.removeprefix("'")


_DASHES = {ord(c): "-" for c in "\u2010\u2011\u2012\u2013\u2014\u2212"} | {ord("、"): ",", ord("。"): "."}


def _year_first(year: str, second: str, third: str) -> frozenset[str]:
    found = {"Y-M-D": _in_order("YMD", year, second, third), "Y-D-M": _in_order("YDM", year, second, third)}
    return frozenset(order for order, day in found.items() if day)


def _whole(match: re.Match[str]) -> str:
    """A number with a power of ten, where it has all its digits: spreadsheets write 1.5839E+12 and have lost the time."""
    digits, power = match[1].replace(".", ""), int(match[2])
    return digits[: power + 1] + (f".{rest}" if (rest := digits[power + 1 :]) else "") if len(digits) > power else match[0]


def _compact(digits: str, fraction: str | None, last_year: int) -> datetime | None:
    """A date and a clock without separators, of 1900 to the next year; None if the digits are none."""
    if fraction and fraction.strip("0") and len(digits) != 14:
        return None
    try:
        parts = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, min(len(digits), 14), 2))]
        micros = int((digits[14:] or fraction or "0")[:6].ljust(6, "0"))
        day, (hour, minute, second) = date(*parts[:3]), (*parts[3:6], 0, 0, 0)[:3]
        when = datetime.combine(day, clock(hour, minute, second, micros))
    except ValueError:
        return None
    return when if FIRST_YEAR <= when.year <= last_year else None


def _since_1970(number: int, unit: int, fraction: str | None) -> datetime:
    micros = number * 10**6 // unit
    if fraction and unit <= 1000:
        micros += int(fraction[:6].ljust(6, "0")) // unit
    return _EPOCH + timedelta(microseconds=micros)


def _year_of(seconds: int) -> int:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).year
    except OverflowError:
        return 0


def _in_order(order: str, first: str, second: str, third: str) -> date | None:
    parts = dict(zip(order, (first, second, third), strict=True))
    if len(parts["D"]) > 2 or len(parts["M"]) > 2 or len(parts["Y"]) not in (2, 4):
        return None
    year = int(parts["Y"]) if len(parts["Y"]) == 4 else _century(int(parts["Y"]))
    try:
        return date(year, int(parts["M"]), int(parts["D"]))
    except ValueError:
        return None


def _worded(text: str, month: tuple[int, int, int], order: str | None) -> tuple[date, str] | None:
    """A date whose month is a word, and the text around it; None if it has no day or no year."""
    number, start, end = month
    marked = f"{text[:start]}\x01{text[end:].removeprefix('.')}"
    for pattern, parts in _WORDED:
        if match := pattern.search(marked):
            rest = _around(marked, match)
            if not parts:  # the year is behind the clock
                return date(int(match[4]), number, int(match[1] or match[2])), f"{rest} {match['between']}"
            if parts == "DY" and order == "YMD" and len(match[2]) == 2 and match[0][0] != "\x01":
                parts = "YD"
            day, year = (match[1], match[2]) if parts == "DY" else (match[2], match[1])
            return date(int(year) if len(year) == 4 else _century(int(year)), number, int(day)), rest
    return None


def _partial(text: str, month: tuple[int, int, int] | None) -> str | None:
    """incomplete_date for a text that is a part of a date, or a clock alone."""
    if month:
        text = text[: month[1]] + " " + text[month[2] :]
    rest = text
    if match := _CLOCK.search(text) or _HOUR.search(text):
        rest = f"{text[: match.start()]} {text[match.end() :]}"
    rest = " ".join(_FILLERS.sub(" ", rest).split())
    if month:
        return "incomplete_date" if re.fullmatch(r"[\d\s.'/-]*(?:st|nd|rd|th)?", rest) else None
    if _PARTIAL.fullmatch(text) or _PARTIAL.fullmatch(rest):
        return "incomplete_date"
    return "incomplete_date" if match and (not rest or re.fullmatch(r"Z|[A-Z]{2,5}|[+-]\d{2}:?\d{2}", rest)) else None


def _around(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}".strip()


def _clock(parts: dict[str, str | None]) -> timedelta:
    """The time of day. 24:00 is the end of the day; a leap second counts as the second before it."""
    hour = int(parts["hour"] or 0)
    minute = int(parts.get("minute") or parts.get("minutes") or parts.get("minutes_cjk") or (parts.get("thirty") and 30) or 0)
    second = int(parts.get("second") or parts.get("seconds_cjk") or 0)
    hour = _of_24(hour, parts.get("noon"), parts.get("half") or parts.get("half_behind"))
    if second == 60 and minute == 59:
        second = 59
    ends = hour == 24 and not (minute or second)
    if (hour > 23 and not ends) or minute > 59 or second > 59:
        raise ValueError("no time of day")
    micros = int((parts.get("fraction") or "0")[:6].ljust(6, "0"))
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _of_24(hour: int, noon: str | None, half: str | None) -> int:
    if noon:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of a twelve-hour clock")
        return hour % 12 + (12 if noon in "Pp" else 0)
    if half in _BEFORE_NOON:
        if hour > 12:
            raise ValueError("no hour before noon")
        return hour % 12
    if half in _AFTER_NOON:
        if hour == 12 and half in ("晚上", "저녁"):
            raise ValueError("midnight of which day")
        return hour if hour >= 12 else hour + 12
    if half in _NOON:
        return hour if hour >= 11 else hour + 12
    return hour


def _zoned(when: datetime, zone: str, own: ZoneInfo) -> _Local | str:
    found = read_zone(zone, when, own)
    if found.reason:
        return found.reason
    return _Local(when.replace(tzinfo=found.info), None if found.former is None else when.replace(tzinfo=found.former))


def _han_number(text: str) -> str:
    """A number in Chinese characters: digit by digit, or below a hundred with a ten."""
    if "十" not in text:
        return text.translate(_CHINESE_DIGITS)
    tens, _, ones = text.partition("十")
    return str(int(tens.translate(_CHINESE_DIGITS) or 1) * 10 + int(ones.translate(_CHINESE_DIGITS) or 0))


def _century(year: int) -> int:
    """Two digits as POSIX reads them: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068."""
    return year + (1900 if year >= 69 else 2000)


def _microseconds(local: datetime) -> int:
    since = local.astimezone(UTC) - _EPOCH
    return (since.days * DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds


def _refused(reason: str) -> Moment:
    return Moment(0, 0, reason)
