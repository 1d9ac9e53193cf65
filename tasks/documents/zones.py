"""Time zones as people write them: offsets in every spelling, names of places, and abbreviations by one rule.

An abbreviation means, in this order: one that the reader's own zone uses in that year (CST is China's for Asia/Shanghai); what
RFC 822 says (CST is six hours behind UTC); the one zone that is commonly meant (JST, CEST). Others are refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

MAX_OFFSET_MINUTES = 16 * 60  # Manila was 15:56 behind once; no place has been further away
UTC_NAMES = frozenset({"Z", "UT", "UTC", "GMT"})
_RFC_822 = {"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420}
_MINUTES = (
    "WET 0, WEST 60, BST 60, CET 60, CEST 120, MET 60, MEST 120, MEZ 60, MESZ 120, EET 120, EEST 180, MSK 180, МСК 180, "
    "TRT 180, SAST 120, CAT 120, WAT 60, EAT 180, IDT 180, PKT 300, NPT 345, ICT 420, WIB 420, WITA 480, WIT 540, HKT 480, "
    "SGT 480, MYT 480, PHT 480, JST 540, KST 540, AWST 480, ACST 570, ACDT 630, AEST 600, AEDT 660, NZST 720, NZDT 780, "
    "HST -600, AKST -540, AKDT -480, NST -210, NDT -150, ADT -180, BRT -180, ART -180, CLT -240, COT -300, PET -300"
)
_COMMON = {name: int(minutes) for name, minutes in (pair.split() for pair in _MINUTES.split(", "))}
_OF_A_PLACE = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
    "北京时间": "Asia/Shanghai",
    "中国标准时间": "Asia/Shanghai",
    "北京時間": "Asia/Shanghai",
    "日本時間": "Asia/Tokyo",
    "한국시간": "Asia/Seoul",
}
_LONG = {
    "UNIVERSAL TIME": 0,
    "UNIVERSAL TIME COORDINATED": 0,
    "COORDINATED UNIVERSAL TIME": 0,
    "GREENWICH MEAN TIME": 0,
    "BRITISH SUMMER TIME": 60,
    "CENTRAL EUROPEAN TIME": 60,
    "CENTRAL EUROPEAN STANDARD TIME": 60,
    "CENTRAL EUROPEAN SUMMER TIME": 120,
    "EASTERN EUROPEAN TIME": 120,
    "EASTERN EUROPEAN STANDARD TIME": 120,
    "EASTERN EUROPEAN SUMMER TIME": 180,
    "MOSCOW STANDARD TIME": 180,
    "INDIA STANDARD TIME": 330,
    "INDIAN STANDARD TIME": 330,
    "CHINA STANDARD TIME": 480,
    "BEIJING TIME": 480,
    "HONG KONG STANDARD TIME": 480,
    "SINGAPORE STANDARD TIME": 480,
    "TAIPEI STANDARD TIME": 480,
    "JAPAN STANDARD TIME": 540,
    "KOREA STANDARD TIME": 540,
    "KOREAN STANDARD TIME": 540,
    "AUSTRALIAN EASTERN STANDARD TIME": 600,
    "AUSTRALIAN EASTERN DAYLIGHT TIME": 660,
}
_AMERICAN = re.compile(r"(EASTERN|CENTRAL|MOUNTAIN|PACIFIC)(?: (STANDARD|DAYLIGHT))? TIME")
_AMBIGUOUS = frozenset({"IST", "AST", "AMT", "GST", "SST", "ECT", "WST", "BDT", "PYT", "CCT", "BOT", "UYT", "ADST", "LMT"})
# How the version before this one read an abbreviation, where that is not what the tables above say.
_FORMER = {**_RFC_822, **_COMMON, "IST": 120, "AST": -240, "AMT": 240, "GST": 240, "SST": -660, "ECT": -300, "WST": 480}
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?\s?([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?", re.IGNORECASE)
_COMMENT = re.compile(r"\s?(?:\([^()]*\)|\[[^\[\]]*\]|[^\W\d]{1,5})(?:\sm=[+-][\d.]+)?")  # Go adds its monotonic clock


class Zone(NamedTuple):
    """What a written zone means: `info` (None: none is written), or why it cannot be told; `former`: how it was read before."""

    info: tzinfo | None = None
    reason: str | None = None
    former: tzinfo | None = None


def read_zone(written: str, local: datetime, own: ZoneInfo) -> Zone:
    """The zone that stands behind a time, `local` (without a zone), for a reader whose zone is `own`.

    Reasons: unknown_zone, ambiguous_zone, and unreadable_time for what is no zone.
    """
    written = written.strip()
    if not written:
        return Zone()
    if match := _OFFSET.match(written):
        rest = written[match.end() :]
        if not rest or _COMMENT.fullmatch(rest):  # the offset says it; a name behind it only comments
            return _offset(match)
    if len(written) > 2 and written[0] + written[-1] in ("()", "[]"):
        written = written[1:-1].strip()
        if match := _OFFSET.fullmatch(written):
            return _offset(match)
    written = re.sub(r"(?<=\w)\s?(?:\([^()]*\)|\[[^\[\]]*\])$", "", written)
    if re.fullmatch(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+", written):
        name = _places().get(written.lower())
        return Zone(ZoneInfo(name)) if name else Zone(reason="unknown_zone")
    return _abbreviated(written, local, own)


def _offset(match: re.Match[str]) -> Zone:
    sign, hours, minutes, seconds = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
    if int(minutes or 0) > 59 or offset > timedelta(minutes=MAX_OFFSET_MINUTES):
        return Zone(reason="unreadable_time")
    return Zone(timezone(offset if sign == "+" else -offset))


def _abbreviated(written: str, local: datetime, own: ZoneInfo) -> Zone:
    name = written.upper().rstrip(".")
    if name in UTC_NAMES:
        return Zone(UTC)
    if (minutes := own_abbreviations(own, local.year).get(name)) is not None:
        before = _FORMER.get(name)
        return Zone(_minutes(minutes), former=None if before in (None, minutes) else _minutes(before or 0))
    for table in (_RFC_822, _COMMON):
        if name in table:
            return Zone(_minutes(table[name]))
    if name in _OF_A_PLACE:
        return Zone(ZoneInfo(_OF_A_PLACE[name]))
    if name in _AMBIGUOUS:
        return Zone(reason="ambiguous_zone")
    if zone := _in_words(" ".join(name.split())):
        return Zone(zone)
    return Zone(
        reason="unknown_zone" if re.fullmatch(r"[A-Z]{1,5}(?:\d[A-Z]{3})?", name) and written.isupper() else "unreadable_time"
    )


def _in_words(name: str) -> tzinfo | None:
    """`name` in capitals: the zone's full name, or a city's time as news give it."""
    if name in _LONG:
        return _minutes(_LONG[name])
    if match := _AMERICAN.fullmatch(name):
        kind = (match[2] or "")[:1]
        return _minutes(_RFC_822[f"{name[0]}{kind}T"]) if kind else ZoneInfo(_OF_A_PLACE[f"{name[0]}T"])
    if name.endswith(" TIME"):
        city = name.removesuffix(" TIME").replace(" ", "_").lower()
        there = [place for lower, place in _places().items() if lower.rpartition("/")[2] == city]
        return ZoneInfo(there[0]) if len(there) == 1 else None
    return None


@lru_cache(maxsize=256)
def own_abbreviations(zone: ZoneInfo, year: int) -> dict[str, int]:
    """The abbreviations that a zone uses in a year, and their minutes ahead of UTC."""
    found: dict[str, int] = {}
    for month in range(1, 13):
        when = datetime(year, month, 15, 12, tzinfo=zone)
        name, offset = when.tzname(), when.utcoffset()
        if name and offset is not None and name.isalpha() and name != "LMT":
            found[name.upper()] = int(offset.total_seconds() // 60)
    return found


@cache
def _places() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if "/" in name}


def _minutes(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))
