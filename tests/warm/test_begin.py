"""Which rows a champion is trained on with, which it knows, and with which batch test rows came."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.prepare.read import iter_batches
from tasks.warm import begin
from tasks.warm.batches import read_batches, write_batches
from tasks.warm.begin import write_begin
from tasks.warm.known import write_known
from tasks.warm.lineage import KnownRows, read_known, read_lineage
from tasks.warm.settings import BatchesConfig, BeginConfig, LineageConfig
from tests.writers import Row, write_dataset, write_holdout

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ["bad", "good"]


def documents(first: int, number: int, split: str = "train") -> list[Row]:
    """Rows whose tokens and labels follow from their numbers."""
    return [(str(at), split, LABELS[at % 2], [f"word{at}", LABELS[at % 2]]) for at in range(first, first + number)]


def changed(row: Row, **values: Any) -> Row:
    return tuple((dict(zip(("id", "split", "label", "tokens"), row, strict=True)) | values).values())


def package(folder: Path, rows: list[Row], test: list[Row], before: Path | None = None, *, started: bool = False) -> Path:
    """What begin reads of the package of a model that was trained on these rows."""
    dataset, holdout = write_dataset(folder / "dataset", rows), write_holdout(folder / "holdout", test)
    for place in (numbered := folder / "numbered", made := folder / "package"):
        place.mkdir()
    write_batches(BatchesConfig(champion=before), holdout, numbered)
    write_known(LineageConfig(champion=before, version=1) if started else LineageConfig(), dataset, numbered, made)
    for name in ("labels.json", "text.json"):
        shutil.copyfile(dataset / name, made / name)
    (made / "model").mkdir()
    (made / "model" / "model.json").write_text("{}")
    (made / "package.json").write_text(json.dumps({"files": len(rows)}))
    return made


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    return package(tmp_path / "one", documents(0, 100) + documents(100, 60, "valid"), documents(1000, 20, "test"))


def begun(champion: Path, rows: list[Row], folder: Path, **how: Any) -> tuple[dict[str, Any], list[Row]]:
    """The report, and the rows that were chosen."""
    (out := folder / "out").mkdir(parents=True)
    report = write_begin(BeginConfig(champion=champion, seed=13, **how), write_dataset(folder / "dataset", rows), out)
    if report["reason"]:
        assert not list(out.iterdir())
        return report, []
    columns = ["id", "split", "label", "tokens"]
    chosen = [
        tuple(row.values()) for batch in iter_batches(out / "dataset", ("train", "valid"), columns) for row in batch.to_pylist()
    ]
    replayed = np.load(out / "former" / "replayed.npy")
    before = np.load(out / "former" / "before.npy")
    assert len(replayed) == len(before) == sum(row[1] == "train" for row in chosen)
    assert int((before[~replayed] >= 0).sum()) == report["corrected"]
    assert json.loads((out / "former" / "start.json").read_text()) == {"old_rows": report["old"]}
    assert (out / "former" / "model" / "model.json").is_file()
    assert int(replayed.sum()) == report["replayed"]
    return report, chosen


def test_new_rows_are_read_with_as_many_earlier_ones(champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begin, "LEAST_REPLAYED", 0)
    old = documents(0, 100) + documents(100, 60, "valid")
    rows = [*old, *documents(200, 30), changed(old[0], label="good"), *documents(300, 5, "valid")][1:]
    report, chosen = begun(champion, rows, tmp_path / "a")
    assert (report["new"], report["old"], report["corrected"], report["left"]) == (31, 99, 1, 0)
    assert (report["replayed"], report["valid"]) == (31, 65)
    assert {row[0] for row in chosen} >= {"0", *(str(at) for at in range(200, 230))}

    again, same = begun(champion, rows, tmp_path / "b")
    assert (again, same) == (report, chosen)
    (champion / "package.json").write_text("another champion")
    _, others = begun(champion, rows, tmp_path / "c")
    assert {row[0] for row in others} != {row[0] for row in chosen}


def test_a_row_that_chose_the_epoch_and_is_trained_on_now_is_new(champion: Path, tmp_path: Path) -> None:
    rows = documents(0, 100) + documents(100, 10) + documents(110, 50, "valid")
    report, _ = begun(champion, rows, tmp_path / "a")
    assert (report["new"], report["old"]) == (10, 100)


@pytest.mark.parametrize(
    ("rows", "how", "words"),
    [
        (documents(0, 100), {}, "no row is new to it"),
        ([row for row in documents(0, 200) if row[2] == "bad"], {}, "no train row has its label 'good' any more"),
        (documents(1, 150), {"forgot": True}, "texts were forgotten since it was trained, and 10 of its rows are not there"),
        (
            [*documents(0, 100), *documents(150, 10, "valid"), *documents(200, 9), *documents(300, 49, "valid")],
            {"refit": True},
            "it was trained on all validation rows but 49, and 50 are needed",
        ),
    ],
)
def test_it_is_said_why_a_champion_is_no_start(
    rows: list[Row], how: dict[str, Any], words: str, champion: Path, tmp_path: Path
) -> None:
    report, _ = begun(champion, rows, tmp_path / "a", **how)
    assert words in report["reason"]


def test_another_way_to_cut_texts_is_no_start(champion: Path, tmp_path: Path) -> None:
    settings = json.loads((champion / "text.json").read_text())
    (champion / "text.json").write_text(json.dumps({**settings, "lowercase": not settings.get("lowercase")}))
    assert begun(champion, documents(0, 120), tmp_path / "a")[0]["reason"] == "texts are cut into words in another way now"


def test_with_refit_only_new_validation_rows_measure(champion: Path, tmp_path: Path) -> None:
    rows = documents(0, 100) + documents(100, 60, "valid") + documents(200, 10) + documents(300, 50, "valid")
    report, chosen = begun(champion, rows, tmp_path / "a", refit=True)
    assert report["valid"] == 50
    assert {row[0] for row in chosen if row[1] == "valid"} == {str(at) for at in range(300, 350)}


def test_validation_rows_that_the_champion_was_trained_on_choose_nothing(champion: Path, tmp_path: Path) -> None:
    rows = documents(0, 30, "valid") + documents(30, 70) + documents(100, 60, "valid") + documents(200, 10)
    report, chosen = begun(champion, rows, tmp_path / "a")
    assert report["valid"] == 60
    assert {row[0] for row in chosen if row[1] == "valid"} == {str(at) for at in range(100, 160)}
    few = documents(0, 30, "valid") + documents(30, 70) + documents(100, 5, "valid") + documents(200, 10)
    assert "it was trained on all validation rows but 5, and 50 are needed" in begun(champion, few, tmp_path / "b")[0]["reason"]
    unseen = documents(0, 100) + documents(100, 5, "valid") + documents(200, 10)
    assert begun(champion, unseen, tmp_path / "c")[0]["valid"] == 5


def test_batches_are_numbered_as_they_come(champion: Path, tmp_path: Path) -> None:
    second = package(tmp_path / "two", documents(0, 120), documents(1000, 29, "test"), champion, started=True)
    test = documents(1025, 4, "test") + documents(1000, 2, "test") + documents(1029, 3, "test") + documents(5, 1, "test")
    (out := tmp_path / "out").mkdir()
    report = write_batches(BatchesConfig(champion=second), write_holdout(tmp_path / "holdout", test), out)
    assert read_batches(out)["rows"].tolist() == [1, 1, 1, 1, 0, 0, 2, 2, 2, 2]
    assert report == {"rows": [2, 4, 4], "trained_on": 1}
    told = read_lineage(second)
    assert told is not None
    assert (told["start"]["version"], told["generation"], told["batches"]) == (1, 1, [20, 9])


def test_rows_that_left_the_corpus_stay_known_until_a_training_begins_anew(champion: Path, tmp_path: Path) -> None:
    names = ["bad", "better", "good"]
    rows = [*documents(50, 100), ("9", "train", "better", ["word9", "more"])]
    second = read_known(package(tmp_path / "two", rows, [], champion, started=True))
    assert (second.names, len(second.hashes)) == (names, 161)
    first = read_known(champion)
    labels = dict(zip(second.hashes.tolist(), second.labels.tolist(), strict=True))
    assert {labels[each] for each in first.hashes[first.labels == 1].tolist()} == {2}
    assert len(read_known(package(tmp_path / "three", rows, [], champion)).hashes) == 101


def test_labels_keep_their_names_when_others_come_between() -> None:
    source = random.Random(3)
    labels = np.array([source.choice([0, 1, -1, -2, np.iinfo(np.int16).min]) for _ in range(50)], np.int16)
    moved = KnownRows(np.arange(50, dtype=np.uint64), labels, ["bad", "good"]).in_order_of(["awful", "bad", "fine", "good"])
    assert moved.tolist() == [{0: 1, 1: 3, -1: -2, -2: -4}.get(each, each) for each in labels.tolist()]
