"""The Chinese stream keeps the promises its README makes."""

import csv
import re
import tomllib
from collections import Counter
from pathlib import Path

from benchmarks.invented_titles import BAD, COMPANIES, DAYS, FIRST, GOOD, SURGE, SURGING, main, written

FOLDER = Path(__file__).resolve().parents[2] / "data" / "stream-zh"


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_script_writes_these_bytes(tmp_path: Path) -> None:
    main([str(tmp_path)])
    for name in ("labelled.csv", "stream.csv"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_readme_counts_right() -> None:
    labelled, stream = rows("labelled.csv"), rows("stream.csv")
    assert Counter(row["情绪"] for row in labelled) == {GOOD: 120, BAD: 120}
    assert len({row["标题"] for row in labelled}) == len(labelled) == 240
    assert len(stream) == 213
    days = [tuple(map(int, re.findall(r"\d+", row["日期"]))) for row in stream]
    assert days == sorted(days)
    assert (days[0], days[-1]) == ((2026, 1, 5), (2026, 4, 4))
    assert (FIRST.isoformat(), DAYS) == ("2026-01-05", 90)


def test_four_more_titles_a_day_are_about_one_company_while_it_surges() -> None:
    assert (written(SURGE[0]), written(SURGE[1])) == ("2026年3月24日", "2026年4月2日")
    during = [row for row in rows("stream.csv") if row["日期"] in surge_days()]
    about = Counter(row["日期"] for row in during if row["公司"] == SURGING)
    assert len(about) == 10
    assert min(about.values()) >= 4


def surge_days() -> set[str]:
    return {f"2026年3月{day}日" for day in range(24, 32)} | {"2026年4月1日", "2026年4月2日"}


def test_the_watch_list_names_each_company() -> None:
    names = tomllib.loads((FOLDER / "watch.toml").read_text(encoding="utf-8"))["names"]
    assert names == {name: [name] for name in COMPANIES}
    assert all(row["标题"].startswith(f"{row['公司']}：") for row in rows("stream.csv"))
