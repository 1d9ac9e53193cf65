"""Which of day and month comes first: what was declared, what a source's dates prove, and where they contradict."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tasks.errors import RequestError

Collect = Callable

MARCH = [date(2020, 3, 1) + timedelta(days=day) for day in range(31)]


def write(path: Path, days: list[date], form: str, word: str = "news") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{day:{form}},{word} of {day:%d %B}\n" for day in days)
    path.write_text("time,text\n" + rows, encoding="utf-8")
    return path


def days_of(found: object) -> list[date]:
    return [row["day"] for row in found.rows]  # type: ignore[attr-defined]


def test_american_dates_under_the_default_are_refused_with_the_remedy(collect: Collect, tmp_path: Path) -> None:
    source = write(tmp_path / "news.csv", MARCH, "%m/%d/%Y")
    with pytest.raises(RequestError, match=r"dates are month first, such as 03/13/2020; use --collect\.date-order MDY"):
        collect(source)
    with pytest.raises(RequestError, match="month first"):
        collect(source, date_order="DMY")
    found = collect(source, date_order="MDY")
    assert days_of(found) == MARCH
    assert found.report["warnings"] == []


def test_days_above_twelve_prove_the_default(collect: Collect, tmp_path: Path) -> None:
    assert days_of(collect(write(tmp_path / "news.csv", MARCH, "%d/%m/%Y"))) == MARCH


def test_dates_that_prove_nothing_are_not_taken_for_the_default(collect: Collect, tmp_path: Path) -> None:
    source = write(tmp_path / "news.csv", MARCH[:12], "%d/%m/%Y")
    with pytest.raises(RequestError, match=r"such as 01/03/2020 may be day first or month first; say which: .*DMY or MDY"):
        collect(source)
    assert days_of(collect(source, date_order="DMY")) == MARCH[:12]


def test_dates_that_are_the_same_either_way_need_no_order(collect: Collect, tmp_path: Path) -> None:
    days = [date(2020, month, month) for month in range(1, 9)]
    assert days_of(collect(write(tmp_path / "news.csv", days, "%d/%m/%Y"))) == days


def test_what_one_night_proved_holds_for_the_nights_that_prove_nothing(collect: Collect, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    write(inbox / "1.csv", MARCH[:5], "%d/%m/%Y")
    first = collect(inbox)
    assert first.report["reasons"] == {"ambiguous_date": 4}
    assert "--collect.date-order" in first.report["warnings"][0]
    write(inbox / "2.csv", MARCH[5:20], "%d/%m/%Y")
    assert days_of(collect(inbox)) == MARCH[5:20]
    write(inbox / "3.csv", MARCH[20:], "%d/%m/%Y")
    assert (
        days_of(collect(inbox)) == [day for day in MARCH[:5] if day.day != 3] + MARCH[20:]
    )  # what proved nothing the first night is read now


def test_a_later_file_that_contradicts_is_refused_and_told_while_others_go_on(collect: Collect, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    write(inbox / "1.csv", MARCH, "%d/%m/%Y")
    collect(inbox)
    write(inbox / "2.csv", MARCH, "%m/%d/%Y", "american")
    write(inbox / "3.csv", MARCH[:3], "%d/%m/%Y", "more")
    found = collect(inbox)
    assert days_of(found) == MARCH[:3]
    assert found.report["reasons"] == {"other_date_order": 31}
    assert [silent["source"] for silent in found.report["refused_sources"]] == ["2.csv"]
    assert "2.csv: these dates are month first" in found.report["warnings"][0]
    assert days_of(collect(inbox, date_order="MDY"))[:31] == MARCH  # given the order, the same file counts


def test_both_orders_in_one_source_are_refused(collect: Collect, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_text("time,text\n" + "".join(f"{day:%d/%m/%Y},a {day}\n{day:%m/%d/%Y},b {day}\n" for day in MARCH))
    for order in (None, "DMY", "MDY"):
        with pytest.raises(RequestError, match="give each order a source of its own"):
            collect(source, date_order=order)


def test_one_slip_of_the_pen_is_refused_alone(collect: Collect, tmp_path: Path) -> None:
    source = write(tmp_path / "news.csv", MARCH * 2, "%d/%m/%Y")
    with source.open("a") as file:
        file.write("03/25/2020,a slip\n")
    found = collect(source)
    assert (len(set(days_of(found))), found.report["reasons"]) == (31, {"unreadable_time": 1})


def test_a_year_with_the_day_before_the_month_is_refused_whole(collect: Collect, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"year, day, month, such as 2020-13-03"):
        collect(write(tmp_path / "news.csv", MARCH, "%Y-%d-%m"))
    with pytest.raises(RequestError, match="year, day, month"):
        collect(write(tmp_path / "slashes.csv", MARCH, "%Y/%d/%m"))


def test_two_digits_of_a_year_in_front_need_their_order(collect: Collect, tmp_path: Path) -> None:
    days = [date(1999, 3, 1) + timedelta(days=day) for day in range(31)]
    source = write(tmp_path / "news.csv", days, "%y/%m/%d")
    with pytest.raises(RequestError, match=r"year first, such as 99/03/01; use --collect\.date-order YMD"):
        collect(source)
    assert days_of(collect(source, date_order="YMD")) == days


def test_dates_with_words_go_on_where_a_few_in_numbers_are_unclear(collect: Collect, tmp_path: Path) -> None:
    source = write(tmp_path / "news.csv", MARCH, "%d %B %Y")
    with source.open("a") as file:
        file.write("03/04/2020,unclear\n")
    found = collect(source)
    assert (days_of(found), found.report["reasons"]) == (MARCH, {"ambiguous_date": 1})
    assert "such as 03/04/2020 may be day first or month first" in found.report["warnings"][0]
    with source.open("a") as file:
        file.write("03/25/2020,american\n")
    assert collect(source).report["reasons"] == {"other_date_order": 2}


def test_the_proof_may_come_after_thousands_of_rows(collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.collect.collect.BATCH_ROWS", 5)
    assert days_of(collect(write(tmp_path / "european.csv", MARCH, "%d/%m/%Y"))) == MARCH
    with pytest.raises(RequestError, match="month first"):
        collect(write(tmp_path / "american.csv", MARCH, "%m/%d/%Y"))
    plain = write(tmp_path / "plain.csv", MARCH, "%Y-%m-%d", "plain")
    with plain.open("a") as file:
        file.writelines(f"{day:%d/%m/%Y},late {day}\n" for day in MARCH)
    assert days_of(collect(plain)) == MARCH * 2


def test_a_query_is_asked_again_for_its_proof(collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "news.db") as db:
        db.execute("CREATE TABLE news (time, text)")
        db.executemany("INSERT INTO news VALUES (?, ?)", [(f"{day:%d/%m/%Y}", f"news {day}") for day in MARCH])
        swapped = "substr(time, 4, 3) || substr(time, 1, 3) || substr(time, 7)"
        db.execute(f"CREATE TABLE american AS SELECT {swapped} AS time, text FROM news")
    db.close()
    monkeypatch.setattr("tasks.collect.collect.BATCH_ROWS", 5)
    monkeypatch.setenv("NEWS", f"sqlite:///{tmp_path / 'news.db'}")
    assert days_of(collect(query="SELECT * FROM news", database_variable="NEWS")) == MARCH
    with pytest.raises(RequestError, match="month first"):
        collect(query="SELECT * FROM american", database_variable="NEWS")


@pytest.mark.parametrize("form", ["%y-%m-%d", "%y/%m/%d", "%y.%m.%d"])
def test_years_of_two_digits_in_front_are_not_taken_for_days(collect: Collect, tmp_path: Path, form: str) -> None:
    source = write(tmp_path / "news.csv", MARCH, form)
    with pytest.raises(RequestError, match=r"these dates are year first, such as 20.03.2\d; use --collect\.date-order YMD"):
        collect(source)
    assert days_of(collect(source, date_order="YMD")) == MARCH


def test_a_few_dates_with_dashes_and_two_digits_of_a_year_prove_nothing(collect: Collect, tmp_path: Path) -> None:
    source = write(tmp_path / "news.csv", MARCH[12:20], "%y-%m-%d")
    with pytest.raises(RequestError, match=r"such as 20-03-13 may be day first or year first; say which: .*DMY or YMD"):
        collect(source)
    assert days_of(collect(source, date_order="YMD")) == MARCH[12:20]


@pytest.mark.parametrize("form", ["%d-%m-%y", "%d/%m/%y", "%d.%m.%y"])
def test_days_in_front_of_years_of_two_digits_are_proved_by_what_would_be_in_the_future(
    collect: Collect, tmp_path: Path, form: str
) -> None:
    assert days_of(collect(write(tmp_path / "news.csv", MARCH, form))) == MARCH
