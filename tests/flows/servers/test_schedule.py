"""Schedules as Prefect's scheduler reads them: what it would never run, or run at other times than was meant, is refused."""

from __future__ import annotations

import datetime

import pytest

from flows.servers.schedule import Cron, checked, longest_gap_hours, next_times, shown_times
from tasks.errors import RequestError

FROM = datetime.datetime(2026, 3, 27, 12, tzinfo=datetime.UTC)  # a Friday; the clocks of Europe change on Sunday


def read(cron: str, timezone: str = "UTC") -> Cron:
    return checked(Cron("nightly", cron, timezone), cron_from="--train-cron", zone_from="--timezone")


def complaint(cron: str, timezone: str = "UTC") -> str:
    with pytest.raises(RequestError) as refused:
        read(cron, timezone)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("cron", "fields"),
    [
        ("@daily", "0 0 * * *"),
        ("@WEEKLY", "0 0 * * 0"),
        ("  30   2 * * *\n", "30 2 * * *"),
        ("0 4 * * SUN", "0 4 * * SUN"),
        ("0 4 * * fri-mon", "0 4 * * fri-mon"),
        ("0 22-2 * nov-feb *", "0 22-2 * nov-feb *"),
        ("0 4 ? * MON", "0 4 ? * MON"),
        ("0 4 L * *", "0 4 L * *"),
        ("0 4 29 2 *", "0 4 29 2 *"),
    ],
)
def test_what_the_scheduler_runs_is_taken(cron: str, fields: str) -> None:
    assert read(cron).cron == fields
    assert len(next_times(fields, "UTC")) == 3


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", ["'' is not a cron expression", "30 2 * * *"]),
        ("at night", ["is not a cron expression"]),
        ("30 2 * *", ["is not a cron expression"]),
        ("@reboot", ["is not a cron expression", "@daily"]),
        ("@every 5m", ["is not a cron expression", "@hourly"]),
        ("0 30 2 * * *", ["has 6 fields", "for seconds"]),
        ("0 0 2 * * ? 2027", ["has 7 fields"]),
        ("0 4 * * Monday", ["'Monday' is not a day of the week (write mon)"]),
        ("0 4 * September *", ["'September' is not a month (write sep)"]),
        ("0 4 * * 8", ["'8' is not a day of the week (they are sun, mon"]),
        ("60 4 * * *", ["'60' is not a minute"]),
        ("30 25 * * *", ["'25' is not an hour"]),
        ("0 0 32 * *", ["'32' is not a day of the month"]),
        ("0 0 15W * *", ["'15W' is not a day of the month"]),
        ("H 4 * * *", ["'H' is not a minute"]),
        ("\u0663 2 * * *", ["is not a minute"]),  # an Arabic digit, which the scheduler takes for 3
        ("*/90 * * * *", ["the minute goes from 0 to 59", "once an hour"]),
        ("0 */48 * * *", ["the hour goes from 0 to 23"]),
        ("0 0 30 2 *", ["would never run", "no such day ever comes"]),
        ("0 0 31 4,6,9,11 *", ["would never run"]),
        ("0 0 31 feb *", ["would never run"]),
        ("0 0 30 2 1", ["would never run"]),  # cron itself would run it on Mondays, the scheduler fails
    ],
)
def test_what_it_would_not_run_or_would_read_in_another_way_is_refused(cron: str, words: list[str]) -> None:
    said = complaint(cron)
    assert said.startswith("--train-cron")
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("", "UTC or Europe/London"),
        ("utc", "did you mean UTC?"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("New York", "did you mean America/New_York?"),
        ("Europe/Berln", "did you mean Europe/Berlin?"),
        ("+02:00", "Etc/GMT-2"),
        ("UTC-5", "Etc/GMT+5"),
        ("GMT+5:30", "a place with this offset"),
        ("localtime", "give a name such as"),  # the client takes these two, the scheduler's log says why nothing fires
        ("Factory", "give a name such as"),
        ("北京", "give a name such as"),
    ],
)
def test_a_zone_that_the_scheduler_does_not_know_is_refused_with_one_that_it_does(zone: str, hint: str) -> None:
    said = complaint("30 2 * * *", zone)
    assert said.startswith(f"--timezone {zone!r} is not a time zone")
    assert hint in said


def test_the_next_times_are_those_of_the_scheduler_in_the_zone_of_the_schedule() -> None:
    times = next_times("30 9 * * mon-fri", "Europe/Berlin", start=FROM)
    assert shown_times(times) == "Mon 2026-03-30 09:30 CEST, Tue 2026-03-31 09:30 CEST, Wed 2026-04-01 09:30 CEST"
    hours = [time.astimezone(datetime.UTC).hour for time in next_times("30 9 * * *", "Europe/Berlin", start=FROM)]
    assert hours == [8, 7, 7]  # the clocks went forward


@pytest.mark.parametrize(("start", "times"), [("2026-03-28", 3), ("2026-10-24", 3)])
def test_a_schedule_in_the_hour_that_the_clocks_skip_or_repeat_fires_once_a_day(start: str, times: int) -> None:
    begin = datetime.datetime.fromisoformat(f"{start}T12:00+00:00")
    found = next_times("30 2 * * *", "Europe/Berlin", times, begin)
    assert len({time.date() for time in found}) == times


@pytest.mark.parametrize(
    ("cron", "hours"),
    [("@daily", 24), ("@weekly", 7 * 24), ("0 4 29 2 *", (4 * 365 + 1) * 24), ("0 22-2 * * *", 20), ("@yearly", 366 * 24)],
)
def test_the_longest_gap_of_nicknames_and_of_rare_days(cron: str, hours: float) -> None:
    assert longest_gap_hours(cron, "UTC") == pytest.approx(hours)
