"""Three hundred ways to write a time, each with its instant or the reason why there is none: times.tsv beside this file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tasks.documents.times import TimeReader

NOW = datetime(2026, 11, 29, tzinfo=UTC).timestamp()


class Case(NamedTuple):
    written: str
    expected: str
    zone: str = "UTC"
    order: Any = ""


def cases() -> list[Case]:
    """The table."""
    lines = (Path(__file__).parent / "times.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [Case(row[0], row[1], (row[2:] or [""])[0] or "UTC", (row[3:] or [""])[0]) for row in rows]


def said(case: Case) -> str:
    """The instant in UTC, or the reason."""
    moment = TimeReader(case.zone, case.order or None, NOW).read(case.written)
    return moment.reason or (datetime(1970, 1, 1) + timedelta(microseconds=moment.microseconds)).isoformat()


def test_the_table_is_long() -> None:
    assert len(cases()) >= 300
    assert sum(case.expected[0].isdigit() for case in cases()) >= 200


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.written}|{case.zone}|{case.order}")
def test_each_way_to_write_a_time_has_its_instant_or_its_reason(case: Case) -> None:
    assert said(case) == case.expected
