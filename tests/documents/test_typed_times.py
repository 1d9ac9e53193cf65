"""Times that come as values of a type, from Parquet, databases and JSON, are the same moments as their texts."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tasks.documents.arrow_rows import times_of
from tasks.documents.missing import Missing
from tasks.documents.times import TimeReader, written

READER = TimeReader("Asia/Shanghai", None, 1.8e9)
NOON = datetime(2020, 3, 15, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())


def said(text: str | None) -> str:
    moment = READER.read(text or "")
    return moment.reason or (datetime(1970, 1, 1) + timedelta(microseconds=moment.microseconds)).isoformat(" ", "minutes")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOON, "2020-03-15 12:00"),
        (NOON.astimezone(timezone(timedelta(hours=8))), "2020-03-15 12:00"),
        (datetime(2020, 3, 15, 20), "2020-03-15 12:00"),
        (date(2020, 3, 15), "2020-03-14 16:00"),
        (time(12, 30), "incomplete_date"),
        (SECONDS, "2020-03-15 12:00"),
        (SECONDS * 1000, "2020-03-15 12:00"),
        (float(SECONDS), "2020-03-15 12:00"),
        (SECONDS + 0.5, "2020-03-15 12:00"),
        (SECONDS * 1e9, "2020-03-15 12:00"),
        (Decimal(SECONDS), "2020-03-15 12:00"),
        (202003152000, "2020-03-15 12:00"),
        (20200315, "2020-03-14 16:00"),
        (20200315.0, "2020-03-14 16:00"),
        (43905, "ambiguous_time"),
        (43905.5, "ambiguous_time"),
        (2020, "incomplete_date"),
        (-SECONDS, "unreadable_time"),
        (0, "unreadable_time"),
        (True, "unreadable_time"),
        (float("nan"), "missing_time"),
        (float("inf"), "unreadable_time"),
        (Decimal("NaN"), "missing_time"),
        (None, "missing_time"),
        (b"2020-03-15 20:00", "2020-03-15 12:00"),
        (timedelta(hours=3), "incomplete_date"),
        (["2020-03-15"], "unreadable_time"),
        ({"$date": "2020-03-15"}, "unreadable_time"),
    ],
)
def test_a_value_of_any_type_is_the_moment_of_its_text(value: Any, expected: str) -> None:
    assert said(written(value)) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([NOON], pa.timestamp("s", "UTC")), "2020-03-15 12:00"),
        (pa.array([NOON], pa.timestamp("ns", "America/New_York")), "2020-03-15 12:00"),
        (pa.array([datetime(2020, 3, 15, 20)], pa.timestamp("ms")), "2020-03-15 12:00"),
        (pa.array([SECONDS * 10**9 + 7], pa.timestamp("ns", "UTC")), "2020-03-15 12:00"),
        (pa.array([date(2020, 3, 15)], pa.date32()), "2020-03-14 16:00"),
        (pa.array([date(2020, 3, 15)], pa.date64()), "2020-03-14 16:00"),
        (pa.array([time(12)], pa.time64("us")), "incomplete_date"),
        (pa.array([12 * 3600 * 10**9 + 1], pa.time64("ns")), "incomplete_date"),
        (pa.array([SECONDS], pa.int64()), "2020-03-15 12:00"),
        (pa.array([SECONDS * 1000.0], pa.float64()), "2020-03-15 12:00"),
        (pa.array([Decimal(SECONDS)], pa.decimal128(20, 0)), "2020-03-15 12:00"),
        (pa.array(["2020-03-15T12:00Z"], pa.large_string()), "2020-03-15 12:00"),
        (pa.array(["2020-03-15T12:00Z"]).dictionary_encode(), "2020-03-15 12:00"),
        (pa.array([None], pa.timestamp("us")), "missing_time"),
        (pa.array([float("nan")], pa.float64()), "missing_time"),
        (pa.array([None], pa.null()), "missing_time"),
        (pa.array([[1]], pa.list_(pa.int64())), "unreadable_time"),
    ],
)
def test_columns_of_parquet_are_read_by_their_type(column: pa.Array, expected: str) -> None:
    (text,) = times_of(column, Missing(()))
    assert said(text) == expected
