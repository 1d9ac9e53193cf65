"""When a deployment runs: a cron expression in a time zone, read as Prefect's scheduler reads it.

The models of Prefect's client accept what its scheduler then fails on with a line in the server's log and nothing else: 30
February, the zone `localtime`, a 31st in months without one. And the library that it reads expressions with (croniter) reads
some as nobody means them: the first of six fields as minutes, a step of 90 minutes as one of an hour. So an expression is
checked by asking the scheduler's own class for dates, and its next times are shown.
"""

from __future__ import annotations

import asyncio
import datetime
import difflib
import itertools
import re
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.server.schemas.schedules import CronSchedule

DAY_HOURS = 24
NUM_SHOWN = 3
GAP_DATES = 400  # over a year of days
GAPS_FROM = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC)
GAPS_YEARS = 9  # the longest time between two 29ths of February
EXAMPLE = "five fields such as '30 2 * * *' for 02:30 each day"
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = {"minute": (0, 59), "hour": (0, 23), "day of the month": (1, 31), "month": (1, 12), "day of the week": (0, 7)}
WORDS = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of the week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


@dataclass(frozen=True)
class Cron:
    """A cron expression in a time zone, under a name by which it is replaced."""

    slug: str
    cron: str
    timezone: str


def checked(schedule: Cron, *, cron_from: str, zone_from: str) -> Cron:
    """The schedule in five fields; RequestError says what the scheduler would not run as it is written.

    `cron_from` and `zone_from` say where its parts were given: an option or a file.
    """
    zone = check_zone(schedule.timezone, zone_from)
    cron = _five_fields(schedule.cron, cron_from)
    try:
        next_times(cron, zone, 1)
    except Exception as error:  # noqa: BLE001 what the scheduler cannot plan, however it says so
        reason = "no such day ever comes" if "next date" in str(error) else " ".join(str(error).split())[:200]
        raise RequestError(f"{cron_from} {schedule.cron!r} would never run ({reason}); give {EXAMPLE}") from None
    return Cron(schedule.slug, cron, zone)


def next_times(
    cron: str, timezone: str, count: int = NUM_SHOWN, start: datetime.datetime | None = None
) -> list[datetime.datetime]:
    """The next times that the scheduler would plan, in the schedule's zone."""
    return [*asyncio.run(_scheduler(cron, timezone).get_dates(n=count, start=start))]


def shown_times(times: Sequence[datetime.datetime]) -> str:
    """Times in words, each with its day of the week and its zone."""
    return ", ".join(f"{time:%a %Y-%m-%d %H:%M %Z}" for time in times)


def longest_gap_hours(cron: str, timezone: str) -> float:
    """The longest time between two runs of a schedule, in hours; where it leaves out days, these are counted in full."""
    cron = NICKNAMES.get(cron.strip().lower(), cron)
    fields = cron.split()
    days = " ".join(["0 0", *fields[2:5]])  # a year of a schedule that fires each minute would take too long
    end = GAPS_FROM.replace(year=GAPS_FROM.year + GAPS_YEARS)
    longest = 0.0
    for each in [cron, days] if len(fields) == len(FIELDS) else [cron]:
        dates = asyncio.run(_scheduler(each, timezone).get_dates(n=GAP_DATES, start=GAPS_FROM, end=end))
        hours = max(
            ((b - a).total_seconds() / 3600 for a, b in itertools.pairwise(dates)), default=GAPS_YEARS * 366 * DAY_HOURS
        )
        if each is cron or hours > DAY_HOURS + 1:  # an hour more is the end of summer time
            longest = max(longest, hours)
    return longest


def patience_hours(deployment: DeploymentResponse) -> float:
    """How long a deployment may be without a success at least: its schedule's longest gap, and half of it up to 12 hours."""
    from prefect.client.schemas.schedules import CronSchedule

    crons = [item.schedule for item in deployment.schedules if item.active and isinstance(item.schedule, CronSchedule)]
    gap = min((longest_gap_hours(each.cron, each.timezone or "UTC") for each in crons), default=0.0)
    return gap + min(gap / 2, DAY_HOURS / 2)


def check_zone(name: str, given: str) -> str:
    """The name of a zone that Prefect's client and its scheduler both know; RequestError for any other."""
    try:
        if name:  # Prefect takes an empty one for UTC
            next_times("0 0 * * *", name, 1)
            return name
    except Exception:  # noqa: BLE001, S110 they say it in different ways
        pass
    raise RequestError(f"{given} {name!r} is not a time zone that the scheduler knows; {_zone_hint(name.strip())}")


def _zone_hint(name: str) -> str:
    zones = {zone.lower(): zone for zone in zoneinfo.available_timezones()}
    if re.fullmatch(r"(?:UTC|GMT)?\s*[+-]\d{1,2}:?(?!00)\d\d", name, re.IGNORECASE):
        return "give a place with this offset, such as Asia/Kolkata"
    if offset := re.fullmatch(r"(?:UTC|GMT)?\s*([+-])0?(\d{1,2})(?::?00)?", name, re.IGNORECASE):
        sign = "-" if offset[1] == "+" else "+"
        return f"for a fixed offset give Etc/GMT{sign}{offset[2]} (its sign is the other way round)"
    words = name.lower().replace(" ", "_")
    city = [zone for low, zone in zones.items() if low == words or low.rpartition("/")[2] == words]
    near = (
        [zones[words]]
        if words in zones
        else city or [zones[low] for low in difflib.get_close_matches(words, zones, n=1, cutoff=0.7)]
    )
    near = [zone for zone in near if zone != name]
    return f"did you mean {sorted(near)[0]}?" if near else "give a name such as UTC or Europe/London"


def _five_fields(cron: str, given: str) -> str:
    """The expression as the scheduler is given it; RequestError for one that it does not take, or reads in another way."""
    words = NICKNAMES.get(cron.strip().lower(), cron).split()
    if len(words) > len(FIELDS):
        raise RequestError(
            f"{given} {cron!r} has {len(words)} fields, of which the scheduler takes the sixth for seconds; give {EXAMPLE}"
        )
    if len(words) < len(FIELDS):
        known = f", or one of {', '.join(NICKNAMES)}" if cron.strip().startswith("@") else ""
        raise RequestError(f"{given} {cron!r} is not a cron expression; give {EXAMPLE}{known}")
    for position, ((name, (low, high)), word) in enumerate(zip(FIELDS.items(), words, strict=True)):
        for step in re.findall(r"/(\d+)", word):
            if int(step) > high - low:
                once = "once an hour" if name == "minute" else "only at its start"
                raise RequestError(
                    f"{given} {cron!r}: the {name} goes from {low} to {high}, so a step of {step} fires {once}; give {EXAMPLE}"
                )
        alone = " ".join(word if field == position else "*" for field in range(len(FIELDS)))
        if not word.isascii() or not _is_read(alone):
            what = f"{'an' if name == 'hour' else 'a'} {name}{_word_hint(name, word)}"
            raise RequestError(f"{given} {cron!r}: {word!r} is not {what}; give {EXAMPLE}")
    if not _is_read(" ".join(words)):
        raise RequestError(f"{given} {cron!r} is not a cron expression; give {EXAMPLE}")
    return " ".join(words)


def _word_hint(name: str, word: str) -> str:
    known = WORDS.get(name, ())
    meant = next((short for short in known if word.lower().startswith(short)), None)
    return f" (write {meant})" if meant else f" (they are {', '.join(known)})" if known else ""


def _is_read(cron: str) -> bool:
    try:
        return bool(_scheduler(cron, "UTC"))
    except ValueError:
        return False


def _scheduler(cron: str, timezone: str) -> CronSchedule:
    """The class that the server plans runs with; ValueError for what it does not read."""
    from prefect.server.schemas.schedules import CronSchedule

    return CronSchedule(cron=cron, timezone=timezone)
