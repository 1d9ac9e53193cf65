"""Sides that a column of the corpus decides: later days are tested, groups stay together, or the column says it."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.prepare.by_column import choose_cut, joined
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import DATASET, HOLDOUT
from tasks.prepare.settings import PrepareConfig
from tasks.store.artifact import Fingerprints, section_values

if TYPE_CHECKING:
    from pathlib import Path

Row = tuple[str, str, str]  # text, label, value of the column
LABELS = ("bad", "good")
WORDS = [f"word{number}" for number in range(400)]


def rows(number: int = 200, seed: int = 3) -> list[Row]:
    """Rows of different texts, two a day."""
    source = random.Random(seed)
    first = date(2024, 1, 1)
    return [
        (" ".join(source.sample(WORDS, 12)), LABELS[i % 2], (first + timedelta(days=i // 2)).isoformat()) for i in range(number)
    ]


def ingest(found: list[Row], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["text\tlabel\tvalue", *("\t".join(row) for row in found)]
    (folder / "rows.tsv").write_text("\n".join(lines), encoding="utf-8")
    (corpus := folder / "corpus").mkdir()
    write_corpus(IngestConfig(path=folder / "rows.tsv", keep=("value",)), corpus)
    return corpus


def sides(found: list[Row], folder: Path, **config: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """The side of each text that is not dropped, and the report."""
    corpus = ingest(found, folder)
    (prepared := folder / "prepared").mkdir()
    values = {"split_column": "value", "split_rule": 2, "salt": 0, **config}
    report = write_dataset(PrepareConfig.model_validate(values), corpus, prepared)
    read: dict[str, str] = {}
    for part, file in (("dataset", DATASET), ("holdout", HOLDOUT)):
        table = pq.read_table(prepared / part / file)
        texts = [" ".join(tokens) for tokens in table.column("tokens").to_pylist()]
        read |= dict(zip(texts, table.column("split").to_pylist(), strict=True))
    return read, report


def test_by_time_rows_from_the_day_on_are_test_rows_and_no_other(tmp_path: Path) -> None:
    found, report = sides(rows(), tmp_path, split="time", test_from="2024-03-21")
    assert {text for text, side in found.items() if side == "test"} == {text for text, _, day in rows() if day >= "2024-03-21"}
    assert {"train", "valid"} < set(found.values())
    assert report["split"]["by"] == "time"
    assert report["split"]["from"] == "2024-03-21"
    assert report["splits"]["test"] == 40


def test_a_row_passes_from_test_to_train_as_the_cut_moves_and_never_back(tmp_path: Path) -> None:
    trained: set[str] = set()
    for number, day in enumerate(("2024-02-01", "2024-02-15", "2024-03-15")):
        found, _ = sides(rows(), tmp_path / str(number), split="time", test_from=day)
        tested = {text for text, side in found.items() if side == "test"}
        assert not tested & trained
        trained |= {text for text, side in found.items() if side in ("train", "valid")}


def test_by_time_earlier_copies_of_a_test_row_are_dropped_and_so_are_its_days_unlabelled_texts(tmp_path: Path) -> None:
    late = " ".join(WORDS[:60])
    found = [*rows(), (late, "good", "2024-04-02")]
    more = [
        (late, "good", "2024-01-02"),
        (late + " once more", "good", "2024-01-03"),
        ("some text of a late day that has no label at all here", "", "2024-03-30"),
        ("some text of an early day that has no label at all here", "", "2024-01-05"),
        ("a text of no day that has a label and lies in train", "good", ""),
    ]
    read, report = sides(found + more, tmp_path, split="time", test_from="2024-03-21")
    assert read[late] == "test"
    assert late + " once more" not in read
    assert report["dropped"]["unlabelled_of_test_days"] == 1
    assert read["some text of an early day that has no label at all here"] == "unlabelled"
    assert read["a text of no day that has a label and lies in train"] in ("train", "valid")


def test_the_day_of_a_new_name_parts_the_test_share(tmp_path: Path) -> None:
    corpus = ingest(rows(), tmp_path)
    config = PrepareConfig(split="time", split_column="value", test_share=0.25)
    assert choose_cut(config, corpus) == "2024-03-16"  # 25 of 100 days
    with pytest.raises(RequestError, match="at least two"):
        choose_cut(config, ingest([(text, label, "2024-01-01") for text, label, _ in rows()], tmp_path / "one"))
    with pytest.raises(RequestError, match="holds no dates"):
        choose_cut(config, ingest([(text, label, "company") for text, label, _ in rows()], tmp_path / "none"))


def test_by_group_rows_of_one_value_are_on_one_side_and_stay_there_as_the_corpus_grows(tmp_path: Path) -> None:
    source = random.Random(4)
    found = [(text, label, f"company {source.randrange(40)}") for text, label, _ in rows(600)]
    read, report = sides(found[:400], tmp_path / "small", split="group")
    of_company: dict[str, set[str]] = {}
    for text, _, company in found[:400]:
        of_company.setdefault(company, set()).add(read[text])
    assert {len(each) for each in of_company.values()} == {1}
    assert {"train", "valid", "test"} == {next(iter(each)) for each in of_company.values()}
    assert report["split"] == {"rule": 2, "salt": 0, "seed": 13, "by": "group", "column": "value"}
    grown, _ = sides(found, tmp_path / "grown", split="group")
    assert {text: grown[text] for text in read} == read


def test_near_duplicates_of_two_groups_bring_them_to_one_side(tmp_path: Path) -> None:
    found = [(text, label, f"author {number % 20}") for number, (text, label, _) in enumerate(rows())]
    long = " ".join(WORDS[:60])
    found += [(long, "good", "author 3"), (f"{long} more", "good", "author 4")]
    read, _ = sides(found, tmp_path, split="group")
    assert len({read[text] for text, _, author in found if author in ("author 3", "author 4") and text in read}) == 1


def test_the_column_may_say_the_sides(tmp_path: Path) -> None:
    said = ["train"] * 7 + ["Dev", "TEST", ""]
    found = [(text, label, said[i % 10]) for i, (text, label, _) in enumerate(rows())]
    long = " ".join(WORDS[:60])
    found += [(long, "good", "dev"), (f"{long} more", "good", "train")]
    read, report = sides(found, tmp_path, split="given")
    wanted = {"train": "train", "Dev": "valid", "TEST": "test", "": "train", "dev": "valid"}
    assert all(read[text] == wanted[value] for text, _, value in found[:-1])
    assert f"{long} more" not in read  # it nearly duplicates a validation row
    assert report["dropped"] == {"labelled_near_duplicate_of_valid": 1}


def test_where_the_column_names_no_validation_rows_some_are_drawn(tmp_path: Path) -> None:
    found = [(text, label, "test" if i % 5 == 0 else "train") for i, (text, label, _) in enumerate(rows())]
    _, report = sides(found, tmp_path, split="given")
    assert report["splits"]["test"] == 40
    assert 0 < report["splits"]["valid"] < 40


def test_a_column_that_says_something_else_is_refused(tmp_path: Path) -> None:
    found = [*rows()[:-1], (*rows()[-1][:2], "holdout")]
    with pytest.raises(RequestError, match=r"row 1 has '2024-01-01' in the column 'value'"):
        sides(found, tmp_path, split="given")


def test_a_corpus_with_a_test_split_of_its_own_is_refused(tmp_path: Path) -> None:
    corpus = ingest(rows(), tmp_path)
    table = pq.read_table(corpus / "corpus.parquet")
    split = table.column("split").to_pylist()
    split[0] = "test"
    position = table.schema.get_field_index("split")
    pq.write_table(
        table.set_column(position, table.schema.field("split"), [split]), corpus / "corpus.parquet", write_page_checksum=True
    )
    (prepared := tmp_path / "prepared").mkdir()
    config = PrepareConfig(split="group", split_column="value", split_rule=2, salt=0)
    with pytest.raises(RequestError, match="a test split of its own"):
        write_dataset(config, corpus, prepared)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 3)), min_size=1, max_size=12))
def test_joined_groups_part_neither(pairs: list[tuple[int, int]]) -> None:
    first: dict[int, int] = {}
    group = np.array([first.setdefault(number, row) for row, (number, _) in enumerate(pairs)], np.int32)
    together = np.array([value for _, value in pairs], np.int32)
    found = joined(group, together)
    for one in range(len(pairs)):
        for other in range(len(pairs)):
            if group[one] == group[other] or (together[one] == together[other] and together[one] >= 0):
                assert found[one] == found[other]
    alone = {row for row in range(len(pairs)) if together[row] < 0 and (group == group[row]).sum() == 1}
    assert all((found == found[row]).sum() == 1 for row in alone)


def test_a_split_by_hash_has_the_key_that_it_had(tmp_path: Path) -> None:
    memory = Fingerprints(tmp_path / "fingerprints.db")
    assert not {"split", "split_column", "test_from"} & set(section_values(PrepareConfig(), memory))
    by_time = PrepareConfig(split="time", split_column="day", test_from="2024-03-01")
    assert section_values(by_time, memory)["test_from"] == "2024-03-01"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"split": "time"}, "name it as split_column"),
        ({"split": "time", "split_column": "day", "test_from": "March"}, "'March' is no day"),
        ({"split_column": "day"}, "is not read by split hash"),
        ({"split": "group", "split_column": "day", "test_from": "2024-01-01"}, "is for split time"),
        ({"split": "time", "split_column": "day"}, "prepare.split_column is 'day', which ingest.keep does not name"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PipelineConfig.model_validate({"prepare": values})


def test_what_is_no_date_in_a_column_of_dates_makes_no_test_row_and_no_first_day(tmp_path: Path) -> None:
    found = [(text, label, "tbd" if number % 25 == 0 else day) for number, (text, label, day) in enumerate(rows())]
    read, _ = sides(found, tmp_path, split="time", test_from="2024-03-21")
    assert {day for text, _, day in found if read[text] == "test"} == {day for _, _, day in found if "2024-03-21" <= day < "t"}
    config = PrepareConfig(split="time", split_column="value", test_share=0.01)
    assert choose_cut(config, tmp_path / "corpus") == "2024-04-09"


@pytest.mark.parametrize(
    ("values", "config", "said"),
    [
        (
            ["2024-01-01", "2024-01-02"],
            {"split": "time", "test_from": "2024-02-01"},
            "no labelled row has a day from 2024-02-01",
        ),
        (["train", "valid"], {"split": "given"}, "no labelled row has test in the column 'value'"),
        (["", ""], {"split": "given"}, "no labelled row has test in the column 'value'"),
        (["", ""], {"split": "group"}, "all rows have nothing in the column 'value'"),
        (["same", "same"], {"split": "group"}, "all rows have 'same' in the column 'value'"),
        (["", ""], {"split": "time", "test_from": "2024-02-01"}, "the column 'value' is empty"),
        (["2024-01-01", "soon"], {"split": "time", "test_from": "2024-02-01"}, "holds no dates .one value is 'soon'"),
    ],
)
def test_a_column_that_tells_no_rows_apart_is_refused(
    values: list[str], config: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = [(text, label, values[number % 2]) for number, (text, label, _) in enumerate(rows(40))]
    with pytest.raises(RequestError, match=said):
        sides(found, tmp_path, **config)
