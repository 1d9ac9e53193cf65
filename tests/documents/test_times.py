from datetime import UTC, date, datetime

import pytest

from tasks.documents.times import DateOrder, TimeReader

JULY = "2020-07-18T00:00:00"


def read(written: str, timezone: str = "UTC", order: DateOrder = "DMY") -> str:
    """ISO time, or the reason why there is none."""
    moment = TimeReader(timezone, order).read(written)
    if moment.reason:
        return moment.reason
    return datetime.fromtimestamp(moment.microseconds / 1e6, UTC).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("18-Jul-20", JULY),
        ("18 July 2020", JULY),
        ("July 18, 2020", JULY),
        ("18 juillet 2020", JULY),
        ("2020年7月18日", JULY),
        ("2020-07-18", JULY),
        ("20200718", JULY),
        ("2020-07-18T10:30:00Z", "2020-07-18T10:30:00"),
        ("2020-07-18 10:30:00.250000", "2020-07-18T10:30:00.250000"),
        ("2020-07-18 10:30+02:00", "2020-07-18T08:30:00"),
        ("2020-07-18 10:30:00+0200", "2020-07-18T08:30:00"),
        ("Sat, 18 Jul 2020 10:30:00 GMT", "2020-07-18T10:30:00"),
        ("18 Jul 2020 10:30:00 -0500", "2020-07-18T15:30:00"),
        ("Sat Jul 18 10:30:00 2020", "2020-07-18T10:30:00"),
        ("July 18, 2020 5:30 PM EST", "2020-07-18T22:30:00"),
        ("1595068200", "2020-07-18T10:30:00"),
        ("1595068200.25", "2020-07-18T10:30:00.250000"),
        ("1595068200250", "2020-07-18T10:30:00.250000"),
        ("1595068200250000", "2020-07-18T10:30:00.250000"),
        ("1595068200250000999", "2020-07-18T10:30:00.250000"),
        ("18/07/20", JULY),
        ("18.7.2020 5:30 pm", "2020-07-18T17:30:00"),
        ("2020/07/18 10:30", "2020-07-18T10:30:00"),
    ],
)
def test_dates_as_people_write_them(written: str, expected: str) -> None:
    assert read(written) == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("Jul-18", "incomplete_date"),
        ("July 2020", "incomplete_date"),
        ("12:30", "incomplete_date"),
        ("", "missing_time"),
        ("  ", "missing_time"),
        ("yesterday", "unreadable_time"),
        ("2 hours ago", "unreadable_time"),
        ("Sales rose sharply", "unreadable_time"),
        ("2020-02-30", "unreadable_time"),
        ("2020-07", "incomplete_date"),
        ("03/25/20", "unreadable_time"),
        ("123/04/20", "unreadable_time"),
        ("10.30.10 25:00", "unreadable_time"),
        ("123456", "unreadable_time"),
        ("18-Jul-20" * 50, "unreadable_time"),
        ("0020-07-18", "before_1900"),
        ("9999-12-31T23:59:59-14:00", "unreadable_time"),
    ],
)
def test_what_is_no_full_date_is_refused(written: str, reason: str) -> None:
    assert read(written) == reason


@pytest.mark.parametrize(("order", "expected"), [("DMY", "2020-04-03"), ("MDY", "2020-03-04"), ("YMD", "2003-04-20")])
def test_numbers_are_read_in_the_order_declared(order: DateOrder, expected: str) -> None:
    assert read("03/04/20", order=order) == f"{expected}T00:00:00"
    assert read("2020-04-03", order=order) == "2020-04-03T00:00:00"


def test_a_time_without_a_zone_is_local_and_its_day_too() -> None:
    assert read("2020-07-18 10:30", "Europe/London") == "2020-07-18T09:30:00"
    assert read("2020-01-18 10:30", "Europe/London") == "2020-01-18T10:30:00"
    for written in ("18-Jul-20", "2020-07-17T15:00:00Z", "2020-07-18T14:59:59Z"):
        assert date.fromordinal(TimeReader("Asia/Tokyo", "DMY").read(written).day + date(1970, 1, 1).toordinal()) == date(
            2020, 7, 18
        )


def test_times_before_1970_count_too() -> None:
    assert TimeReader("UTC", "DMY").read("1969-12-31T23:59:59.5Z")[:2] == (-500_000, -1)


def test_a_zone_that_rfc_2822_does_not_name_is_not_taken_for_the_readers() -> None:
    reader = TimeReader("UTC", "DMY")
    assert reader.read("Mon, 20 Jul 2020 23:30:00 CET").microseconds == reader.read("2020-07-20T22:30:00Z").microseconds
    assert reader.read("Mon, 20 Jul 2020 23:30:00 XYZ").reason is not None
