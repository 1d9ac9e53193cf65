from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluate.slices.groups import MISSING, OTHER, by_date, by_number, by_text, by_value
from tasks.evaluate.slices.script import script_of


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1))
def test_equal_numbers_are_in_one_group_and_greater_numbers_in_no_earlier_one(values: list[float]) -> None:
    found = by_number("n", values)
    assert len(found.groups) == len(values)
    for one, group in zip(values, found.groups.tolist(), strict=True):
        assert (found.labels[group] == MISSING) == math.isnan(one)
        for other, another in zip(values, found.groups.tolist(), strict=True):
            assert group == another or one != other
            assert group <= another or not one < other


def test_quartiles_are_named_by_their_ends() -> None:
    found = by_number("length", range(1, 9))
    assert found.labels == ("1–2", "3–4", "5–6", "7–8")
    assert by_number("length", [3, 3, 3]).labels == ("3",)


def test_rare_values_are_together_and_the_most_frequent_come_first() -> None:
    found = by_value("company", ["b"] * 2 + ["a"] * 3 + ["c", None], fewest=2)
    assert found.labels == ("a", "b", OTHER, MISSING)
    assert np.bincount(found.groups).tolist() == [3, 2, 1, 1]
    many = by_value("company", [str(number) for number in range(50) for _ in range(2)], fewest=2)
    assert len(many.labels) == 21
    assert by_value("company", [OTHER, OTHER, "x"], fewest=2).labels == (OTHER,)  # a value of that name is no other group


def test_dates_are_months_or_over_a_long_time_years() -> None:
    short = by_date("date", ["2020-02-03", "2020-01-31T10:00:00", None, "soon"])
    assert short.labels == ("2020-01", "2020-02", OTHER, MISSING)
    years = by_date("date", [f"{year}-{month:02}-01" for year in range(2000, 2003) for month in range(1, 13)])
    assert years.labels == ("2000", "2001", "2002")


def test_a_column_of_few_numbers_has_a_group_for_each() -> None:
    assert by_text("stars", ["1", "2", "1", None], "number", 1).labels == ("1", "2", MISSING)
    values = [*map(str, range(40)), "x", None]
    assert by_text("price", values, "number", 1).labels == ("0–9", "10–19", "20–29", "30–39", MISSING)


def test_the_script_is_that_of_most_letters() -> None:
    for text, script in {
        "Profits rose 5%": "latin",
        "公司A公告": "han",
        "株価が上がった": "japanese",
        "Прибыль Apple выросла": "cyrillic",
        "ＡＢＣ": "latin",
        "🙂 5% !": "no letters",
        "": "no letters",
    }.items():
        assert script_of(text) == script, text


def test_quartiles_of_large_numbers_have_names_of_their_own() -> None:
    days = by_number("day", [float(20_260_101 + number) for number in range(40)])
    assert days.labels == ("20260101–20260110", "20260111–20260120", "20260121–20260130", "20260131–20260140")
    close = by_number("rate", [1000.0001 + number / 100_000 for number in range(40)])
    assert len(set(close.labels)) == 4
    assert by_number("rate", [0.1, 0.25, 0.5, 1.0]).labels == ("0.1", "0.25", "0.5", "1")
