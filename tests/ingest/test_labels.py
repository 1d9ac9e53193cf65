"""Labels that are no classes stop a run before it trains, and bins make classes of numbers."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.labels import LabelBins, as_number, default_names, proposed_edges
from tasks.ingest.settings import IngestConfig

Write = Callable[[Sequence[str]], Path]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Write a table with these labels, each beside a text of its own; returns the file."""

    def write(labels: Sequence[str]) -> Path:
        path = tmp_path / "scores.tsv"
        path.write_text("text\tlabel\n" + "".join(f"text number {i}\t{label}\n" for i, label in enumerate(labels)), "utf-8")
        return path

    return write


def ingest(path: Path, tmp_path: Path, **options: object) -> dict:
    folder = tmp_path / "out"
    folder.mkdir()
    return write_corpus(IngestConfig.model_validate({"path": path, **options}), folder)


def scores(count: int, decimals: int) -> list[str]:
    source = random.Random(5)
    return [f"{source.uniform(-1, 1):.{decimals}f}" for _ in range(count)]


@pytest.mark.parametrize(
    "labels",
    [
        scores(300, 3),  # most occur once
        scores(3000, 2),  # each occurs about fifteen times
        [label.replace(".", ",") for label in scores(300, 2)],
        [label.replace("-", "\N{MINUS SIGN}") for label in scores(300, 2)],
        [f"{float(label):.1e}" for label in scores(300, 3)],
        [f"{50 + 33 * float(label):.1f}%" for label in scores(3000, 2)],
        [*scores(300, 3), "", "unknown", "unknown"],
    ],
    ids=["thousandths", "hundredths", "comma", "minus", "exponent", "per cent", "nearly all"],
)
def test_a_score_is_no_class(labels: list[str], table: Write, tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=r"a score, not classes; make classes of them with --ingest\.label-bins \"[-\d.,]+\""
    ):
        ingest(table(labels), tmp_path)


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        ([str(number) for number in range(100, 400)], r"300 of 300 labels occur once.*check --ingest\.label, .*label-bins"),
        ([f"a headline of its own {number}" for number in range(40)], r"40 of 40 labels occur once.*check --ingest\.label, or"),
        (["a"] * 50 + [f"b{number}" for number in range(10)], "10 of 11 labels occur once, such as 'b0' and 'b1'"),
    ],
)
def test_labels_that_mostly_occur_once_are_none(labels: list[str], remedy: str, table: Write, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=remedy) as raised:
        ingest(table(labels), tmp_path)
    assert "scores.tsv" in str(raised.value)
    assert str(raised.value).endswith("or go on with --ingest.label-check off")
    assert ("label-bins" in str(raised.value)) == labels[0].isdigit()


@pytest.mark.parametrize(
    "labels",
    [
        [str(1 + i % 10) for i in range(200)],
        [str(1950 + i % 71) for i in range(300)],
        [f"{0.5 * (i % 21)}" for i in range(300)],
        [f"intent {i % 300}" for i in range(250)] + [f"intent {i % 300}" for i in range(251)],
        [str(-100 + i % 201) for i in range(900)],
        [f"{1 + i % 5}.0" for i in range(60)],
        [f"{(i % 20) / 100}" for i in range(300)],
        ["1,203" if i % 2 else "4,871" for i in range(40)],
        ["pos", "neg", "neutral"],
    ],
    ids=["ratings", "years", "half stars", "300 classes", "integers", "whole floats", "20 fractions", "thousands", "few rows"],
)
def test_legitimate_labels_pass(labels: list[str], table: Write, tmp_path: Path) -> None:
    assert ingest(table(labels), tmp_path)["kept"] == len(labels)


def test_the_check_can_be_switched_off(table: Write, tmp_path: Path) -> None:
    assert len(ingest(table(scores(300, 3)), tmp_path, label_check="off")["labels"]) > 200


def test_bins_make_classes_of_a_score(table: Write, tmp_path: Path) -> None:
    path = table(["-0.5", "-0.1", "0", "0.099", "0.1", "7e-1", "n/a", "1,203", ""])
    report = ingest(path, tmp_path, label_bins=(-0.1, 0.1))
    assert report["labels"] == {"negative": 1, "neutral": 3, "positive": 2}
    assert report["reasons"] == {"label_not_a_number": 2}
    assert report["unlabelled"] == 1
    labels = pq.read_table(tmp_path / "out" / "corpus.parquet", columns=["label"])["label"].to_pylist()
    assert labels == ["negative", "neutral", "neutral", "neutral", "positive", "positive", None]


def test_bins_take_names(table: Write, tmp_path: Path) -> None:
    report = ingest(table(["1", "5", "9"]), tmp_path, label_bins=(3, 7), label_bin_names=("low", "middle", "high"))
    assert report["labels"] == {"low": 1, "middle": 1, "high": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_bins": (0.1, -0.1)}, "label_bins must rise"),
        ({"label_bins": (0.1, 0.1)}, "label_bins must rise"),
        ({"label_bins": (float("nan"),)}, "finite"),
        ({"label_bins": (0,), "label_bin_names": ("a", "b", "c")}, "1 edges make 2 bins, and 3 names are given"),
        ({"label_bins": (0,), "label_bin_names": ("a", "a")}, "a name is empty or repeated"),
        ({"label_bin_names": ("a", "b")}, "label_bin_names are given without label_bins"),
        ({"label_bins": (0,), "label_names": "names.txt"}, "label_bins and label_names"),
    ],
)
def test_bins_that_cannot_be_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        IngestConfig.model_validate(options)


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("3", 3.0),
        (" +0.5 ", 0.5),
        (".5", 0.5),
        ("-5,5", -5.5),
        ("0,350", 0.35),
        ("\N{MINUS SIGN}2", -2.0),
        ("５．５", 5.5),
        ("12%", 12.0),
        ("1e-3", 0.001),
        ("1,203", None),
        ("1_000", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("3 stars", None),
        ("2020-01-02", None),
        ("", None),
    ],
)
def test_what_a_label_writes_as_a_number(label: str, number: float | None) -> None:
    assert as_number(label) == number


@pytest.mark.parametrize(
    ("edges", "names"),
    [
        ((0,), ("negative", "positive")),
        ((-0.05, 0.05), ("negative", "neutral", "positive")),
        ((2.5,), ("below 2.5", "2.5 and above")),
        ((1, 2, 3), ("below 1", "1 to 2", "2 to 3", "3 and above")),
    ],
)
def test_bins_have_names_of_their_own(edges: tuple[float, ...], names: tuple[str, ...]) -> None:
    assert default_names(edges) == names
    bins = LabelBins(edges)
    assert [bins.name(str(edge)) for edge in edges] == list(names[1:])


def test_the_proposed_edges_part_the_rows() -> None:
    both = dict.fromkeys(scores(3000, 3), 1)
    assert proposed_edges({label: float(label) for label in both}, both) == "-0.3,0.3"
    above = {f"{i / 100}": 1 for i in range(300)}
    assert proposed_edges({label: float(label) for label in above}, above) == "0.99,2"
    alone = {"0.25": 300, "0.75": 1}
    assert proposed_edges({label: float(label) for label in alone}, alone) == "0.25"


def test_a_column_of_ten_thousand_labels_is_told_of_bins_if_they_are_numbers(table: Write, tmp_path: Path) -> None:
    labels = [f"{i / 100_000:.5f}" for i in range(10_500)]
    with pytest.raises(RequestError, match=r"more than 10,000 different labels.*--ingest\.label-bins"):
        ingest(table(labels), tmp_path)


def test_folders_of_one_document_each_are_named_as_such(tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / "texts" / f"author {number}"
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text(f"text number {number}")
    with pytest.raises(RequestError, match=r"12 of 12 labels occur once.*; each folder in it is taken for a label, or go on"):
        ingest(tmp_path / "texts", tmp_path)
