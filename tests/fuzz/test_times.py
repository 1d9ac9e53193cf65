"""Anything that stands where a time should: a moment or a reason, and a moment that is written out is read as itself."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.documents.times import TimeReader
from tests.fuzz.bounded import bounded, texts

READERS = {
    (zone, order): TimeReader(zone, order)
    for zone in ("UTC", "Europe/London", "Asia/Kathmandu", "Pacific/Apia")
    for order in ("DMY", "MDY", "YMD")
}
REASONS = {
    *("missing_time", "unreadable_time", "incomplete_date", "before_1900", "ambiguous_date", "ambiguous_time"),
    *("ambiguous_zone", "unknown_zone"),
}
WRITTEN = texts(
    "18 7 2020 20 Jul July juillet 年 月 日 - / . : , T Z +02:00 -14 10:30 10:30:00.123456789 PM a.m. GMT CET EST ago "
    "yesterday in Sat 1595068200 ٢٠٢٠ ２０２０ ² ० 9999 0001 00 99 -- W29-6 12月 الخميس 1e9 inf \u200f \0 \n"
)


@pytest.fixture(scope="module")
def languages() -> None:
    """Let dateparser load its two hundred languages, which takes seconds once and is not what a text costs."""
    READERS["UTC", "DMY"].read("12 zzz 2020")


@pytest.mark.usefixtures("languages")
@given(WRITTEN, st.sampled_from(list(READERS)))
def test_any_text(written: str, reader: tuple[str, str]) -> None:
    with bounded(len(written)):
        moment = READERS[reader]._read(written)
    if moment.reason is not None:
        assert moment.reason in REASONS
        return
    assert abs(moment.day * 86_400e6 - moment.microseconds) < 2.5 * 86_400e6
    assert moment.microseconds >= (date(1899, 12, 30).toordinal() - date(1970, 1, 1).toordinal()) * 86_400e6
    assert moment.day <= date.max.toordinal() - date(1970, 1, 1).toordinal()


ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30), timezones=ZONES), st.sampled_from(list(READERS)))
def test_what_is_written_out_is_read_back(when: datetime, reader: tuple[str, str]) -> None:
    expected = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    for written in (when.isoformat(), when.isoformat(" "), when.astimezone(UTC).isoformat().replace("+00:00", "Z")):
        assert READERS[reader].read(written).microseconds == expected
    seconds = when.replace(microsecond=0)
    moment = READERS[reader].read(seconds.strftime("%a, %d %b %Y %H:%M:%S %z"))
    assert moment.microseconds == expected // 1_000_000 * 1_000_000


@pytest.mark.parametrize("order", ["DMY", "MDY", "YMD"])
@given(day=st.dates(date(1969, 1, 1), date(2068, 12, 31)), separator=st.sampled_from("/.-"))
def test_a_date_in_numbers_is_read_in_the_order_it_was_written_in(order: str, day: date, separator: str) -> None:
    parts = {"D": f"{day.day:02d}", "M": f"{day.month:02d}", "Y": f"{day.year % 100:02d}"}
    read = READERS["UTC", order].read(separator.join(parts[part] for part in order))
    assert read.day == day.toordinal() - date(1970, 1, 1).toordinal()
