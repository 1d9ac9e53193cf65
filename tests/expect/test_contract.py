"""What is expected of a corpus: a corpus that is so is taken, and each of twenty faults is named with its setting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.expect.contract import broken_by_corpus, broken_by_rows, raise_if_broken
from tasks.expect.languages import language_shares
from tasks.expect.settings import ExpectConfig
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Row = tuple[str, str, str]  # text, label, day

NOW = 1_790_000_000.0  # 2026-09-21
EXPECTED: dict[str, Any] = {
    "min_rows": 40,
    "max_rows": 200,
    "labels": ("negative", "neutral", "positive"),
    "min_label_share": 0.1,
    "label_shares": ("positive=0.2..0.5",),
    "max_unlabelled": 0.1,
    "max_quarantined": 0.05,
    "max_duplicates": 0.2,
    "min_chars": 30,
    "max_chars": 200,
    "languages": ("en",),
    "max_age_days": 3,
    "date": "day",
    "min_dated": 0.9,
}
LABELS = ("negative", "neutral", "positive")
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def rows() -> list[Row]:
    """Sixty rows that are as expected."""
    return [
        (
            f"The company said that its sales in quarter {NUMBERS[i % 12]} were {i} million",
            LABELS[i % 3],
            f"2026-09-{1 + i // 3:02}",
        )
        for i in range(60)
    ]


def changed(change: Callable[[Row], Row], every: int = 1) -> list[Row]:
    return [change(row) if number % every == 0 else row for number, row in enumerate(rows())]


FAULTS: dict[str, tuple[list[Row], str]] = {
    "half of it is missing": (rows()[:30], "30 labelled rows (min_rows 40)"),
    "four times as much": (
        [(f"{text} in {NUMBERS[k]} regions", label, day) for k in range(4) for text, label, day in rows()],
        "(max_rows 200)",
    ),
    "a label in capitals": (changed(lambda row: (row[0], "Positive", row[2]), 20), "3 rows with 'Positive', not among labels"),
    "a label is gone": ([row for row in rows() if row[1] != "neutral"], "no row with 'neutral' (labels)"),
    "all labels are numbers": (changed(lambda row: (row[0], "1", row[2])), "one class only ('1')"),
    "the columns are swapped": (changed(lambda row: (row[0], row[0][:60], row[2])), "60 of 60 labels occur once"),
    "a label is rare": (
        [row for i, row in enumerate(rows()) if row[1] != "negative" or i < 12],
        "'negative' has 9.1% of the rows",
    ),
    "too many positive": (
        changed(lambda row: (row[0], "positive", row[2]), 2),
        "'positive' has 66.7% of the rows (label_shares",
    ),
    "too few positive": (
        changed(lambda row: (row[0], "neutral" if row[1] == "positive" else row[1], row[2])),
        "'positive' has 0.0%",
    ),
    "labels are lost": (
        changed(lambda row: (row[0], "", row[2]), 5),
        "12 of 60 rows without a label (20.0%; max_unlabelled 10.0%)",
    ),
    "texts are lost": (changed(lambda row: ("", *row[1:]), 5), "12 of 60 records refused (20.0%; max_quarantined 5.0%)"),
    "bytes of another encoding": (changed(lambda row: (row[0].replace("sales", "s\udce9les"), *row[1:]), 5), "is not utf-8"),
    "the same texts again": (rows() + rows()[:40], "40 of 100 duplicates (40.0%; max_duplicates 20.0%)"),
    "headlines are cut off": (
        changed(lambda row: (row[0][-20:], *row[1:])),
        "the median text has 20 characters (min_chars 30)",
    ),
    "whole articles": (changed(lambda row: (" ".join([row[0]] * 5), *row[1:])), "characters (max_chars 200)"),
    "another language": (
        changed(lambda row: (f"Das Unternehmen teilte mit, dass der Umsatz im Quartal {row[0][-10:]} gestiegen ist", *row[1:])),
        "0% of the texts are in en (min_language_share 90%); de",
    ),
    "a third is Chinese": (
        changed(lambda row: (f"公司表示第三季度的销售额大幅增长，净利润同比上升{row[0][-9:]}，股价上涨", *row[1:]), 3),
        "zh 3",
    ),
    "it is old": (
        [(text, label, day.replace("2026", "2025")) for text, label, day in rows()],
        "the newest row is of 2025-09-20",
    ),
    "dates are lost": (changed(lambda row: (*row[:2], ""), 2), "30 of 60 rows have a date in 'day' (min_dated 90.0%)"),
    "dates are none": (
        changed(lambda row: (*row[:2], f"week {row[2][-2:]}")),
        "the column 'day' holds no dates: one value is 'week 01' (min_dated 90.0%; max_age_days 3)",
    ),
}


def as_table(folder: Path, found: list[Row]) -> Path:
    """Write the rows to a file."""
    lines = ["text\tlabel\tday", *("\t".join(row) for row in found)]
    (folder / "news.tsv").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    return folder / "news.tsv"


def broken(found: list[Row], tmp_path: Path, **expected: Any) -> list[str]:
    """What is not as expected of a table with these rows, after ingest and prepare; ingest itself refuses some faults."""
    table = as_table(tmp_path, found)
    config, folder = ExpectConfig(**(EXPECTED | expected)), tmp_path / "corpus"
    folder.mkdir()
    try:
        report = write_corpus(IngestConfig(path=table, keep=("day",)), folder)
    except RequestError as error:
        return [str(error)]
    said = broken_by_corpus(config, folder, report, kept=folder / "kept", changed=None, now=NOW)
    if not said:
        (prepared := tmp_path / "prepared").mkdir()
        said = broken_by_rows(config, write_dataset(PrepareConfig(), folder, prepared))
    return said


def test_a_corpus_that_is_as_expected_is_taken(tmp_path: Path) -> None:
    assert broken(rows(), tmp_path) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_setting(fault: str, tmp_path: Path) -> None:
    found, said = FAULTS[fault]
    lines = broken(found, tmp_path)
    assert any(said in line for line in lines), lines
    with pytest.raises(RequestError, match=r"is not as expected: .* Nothing was trained"):
        raise_if_broken(lines, "news.tsv")


def test_what_is_no_date_in_a_column_of_dates_is_neither_the_newest_nor_counted(tmp_path: Path) -> None:
    found = changed(lambda row: (*row[:2], "tbd"), 30)
    (line,) = broken(found, tmp_path, min_dated=0.99)
    assert line == "58 of 60 rows have a date in 'day' (min_dated 99.0%)"


def test_there_are_twenty_faults() -> None:
    assert len(FAULTS) == 20


def test_nothing_is_expected_unless_it_is_asked_for() -> None:
    assert not ExpectConfig().asks
    assert not ExpectConfig(date="day", min_language_share=0.5).asks
    assert ExpectConfig(min_rows=0).asks


def test_the_age_of_the_newest_file_is_taken_where_no_column_has_dates(tmp_path: Path) -> None:
    from flows.contract import newest_change

    for number, age in enumerate((400_000, 300_000)):
        path = tmp_path / "labels" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
        os.utime(path, (NOW - age, NOW - age))
    newest = newest_change([tmp_path / "labels"])
    assert newest == NOW - 300_000
    assert newest_change([tmp_path / "absent"]) is None
    config = ExpectConfig(max_age_days=3)
    (line,) = broken_by_corpus(config, tmp_path, {"labels": {}, "kept": 0}, kept=None, changed=newest, now=NOW)
    assert line == "the newest file changed 2026-09-18, 3.5 days ago (max_age_days 3)"


def test_one_date_in_the_future_does_not_make_an_old_corpus_new(tmp_path: Path) -> None:
    old = [(text, label, day.replace("2026", "2025")) for text, label, day in rows()]
    lines = broken([*old[:-1], (*old[-1][:2], "2099-01-01")], tmp_path)
    assert lines == ["the newest row is of 2025-09-20, 366.6 days ago (max_age_days 3)"]


def test_a_hostile_label_is_told_on_one_line(tmp_path: Path) -> None:
    lines = broken(changed(lambda row: (row[0], "a\x1b[2J<b>\u202e" + "x" * 99, row[2]), 30), tmp_path)
    assert "2 rows with 'a" in lines[0]
    for line in lines:
        assert "\x1b" not in line
        assert "\u202e" not in line
        assert len(line) < 200


def test_texts_of_hardly_a_letter_are_in_no_language() -> None:
    assert language_shares(["ok", "12345 678", ""]) == {}
    assert language_shares(["这是一个关于公司的新闻标题", "ok"]) == {"zh": 1.0}


def test_without_the_library_a_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py3langid", None)
    with pytest.raises(RequestError, match=r"pip install 'textmill\[languages\]'"):
        language_shares(["The company said that its sales rose"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"min_rows": 5, "max_rows": 4}, "min_rows 5 is above max_rows 4"),
        ({"label_shares": ["positive"]}, "'positive' is no share of a label"),
        ({"label_shares": ["positive=0.5..0.1"]}, "is no share of a label"),
        ({"label_shares": ["positive=0.1..0.5"], "labels": ["good"]}, "label_shares names 'positive'"),
        ({"languages": ["English"]}, "'English' is no code of a language"),
        ({"min_dated": 0.5}, "min_dated is about a column of dates"),
        ({"date": "day", "min_dated": 0.5}, "expect.date is 'day', which ingest.keep does not name"),
    ],
)
def test_what_cannot_be_expected_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PipelineConfig.model_validate({"expect": values})


def test_a_column_without_dates_has_no_dated_rows(tmp_path: Path) -> None:
    (line,) = broken(changed(lambda row: (*row[:2], f"week {row[2][-2:]}")), tmp_path, max_age_days=None)
    assert line == "the column 'day' holds no dates: one value is 'week 01' (min_dated 90.0%)"
