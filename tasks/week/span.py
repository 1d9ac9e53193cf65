"""The days that a summary is about, and when the summary of a week is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, get_args
from zoneinfo import ZoneInfo

from tasks.notify.settings import Weekday

if TYPE_CHECKING:
    from tasks.notify.settings import NotifyConfig

WEEK = 7
WEEKDAYS = get_args(Weekday)


class Span(NamedTuple):
    """So many days up to `end`, that one included, in the time zone in which a monitor counts its days."""

    end: date
    days: int = WEEK
    timezone: str = "UTC"

    @property
    def start(self) -> date:
        """The first of its days."""
        return self.end - timedelta(days=self.days - 1)

    @property
    def before(self) -> Span:
        """As many days right before."""
        return self._replace(end=self.start - timedelta(days=1))

    def has(self, day: str) -> bool:
        """Whether a day (YYYY-MM-DD) is one of them."""
        return self.start.isoformat() <= day <= self.end.isoformat()

    def moments(self) -> tuple[float, float]:
        """When it begins and when it is over, in seconds since 1970."""
        zone = ZoneInfo(self.timezone)
        first, after = (datetime.combine(day, time(), zone) for day in (self.start, self.end + timedelta(days=1)))
        return first.timestamp(), after.timestamp()


def yesterday(now: float, timezone: str) -> date:
    """The last whole day at a time (seconds since 1970)."""
    return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)


def span_due(config: NotifyConfig, now: float, timezone: str) -> Span | None:
    """The week whose summary is the latest that was due by `now`: the seven days before the day that the settings name.

    None where no summary is asked for.
    """
    if config.digest == "never":
        return None
    zone = ZoneInfo(timezone)
    local = datetime.fromtimestamp(now, UTC).astimezone(zone)
    day = local.date() - timedelta(days=(local.weekday() - WEEKDAYS.index(config.digest)) % WEEK)
    if datetime.combine(day, time(config.digest_hour), zone).timestamp() > now:
        day -= timedelta(days=WEEK)
    return Span(day - timedelta(days=1), WEEK, timezone)
