"""Draws of a few rows a class: which rows, how many, and what stays."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tasks.evaluate.draws import sizes, write_draw
from tasks.prepare.read import iter_batches, iter_with_texts
from tests import writers

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ["train"] * 8 + ["valid", "test"]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source = random.Random(1)
    rows: list[tuple[str, str, str | None, list[str]]] = []
    for number in range(300):
        label = "rare" if number % 30 == 0 else ("a", "b")[number % 2]
        rows.append((f"row/{number}", source.choice(SPLITS[:-1]), label, [f"word{number}"]))
    rows += [(f"blind/{number}", "unlabelled", None, ["word"]) for number in range(20)]
    texts = [(row[0], row[1], " ".join(row[3])) for row in rows]
    return writers.write_dataset(tmp_path / "dataset", rows, group=64), writers.write_texts(tmp_path / "texts", texts, group=50)


def drawn(folders: tuple[Path, Path], folder: Path, per_class: int, draw: int = 0, **how: Any) -> list[dict[str, Any]]:
    values = {"unlabelled": False, "seed": 13} | how
    write_draw(*folders, per_class, draw, folder=folder, **values)
    batches = iter_with_texts(folder / "dataset", folder / "texts", ("train", "valid", "unlabelled"), ["id", "split", "label"])
    return [row for batch in batches for row in batch.to_pylist()]


def test_a_draw_has_so_many_rows_of_each_class_on_both_sides(folders: tuple[Path, Path], tmp_path: Path) -> None:
    rows = drawn(folders, tmp_path / "one", 16)
    counts = Counter((row["label"], row["split"]) for row in rows)
    assert counts["a", "train"] == counts["b", "train"] == 14
    assert counts["a", "valid"] == counts["b", "valid"] == 2
    assert 0 < counts["rare", "train"] < 14  # all that it has
    assert all(row["text"] == f"word{row['id'].partition('/')[2]}" for row in rows)


def test_each_row_stays_on_its_side(folders: tuple[Path, Path], tmp_path: Path) -> None:
    sides = {
        row["id"]: row["split"]
        for batch in iter_batches(folders[0], ("train", "valid"), ["id", "split"])
        for row in batch.to_pylist()
    }
    assert all(sides[row["id"]] == row["split"] for row in drawn(folders, tmp_path / "one", 16))


def test_a_larger_draw_holds_the_smaller_one_and_another_number_other_rows(folders: tuple[Path, Path], tmp_path: Path) -> None:
    ids = {
        (size, draw): {row["id"] for row in drawn(folders, tmp_path / f"{size}-{draw}", size, draw)}
        for size, draw in ((8, 0), (16, 0), (32, 0), (16, 1))
    }
    assert ids[8, 0] < ids[16, 0] < ids[32, 0]
    assert ids[16, 0] != ids[16, 1]
    again = {row["id"] for row in drawn(folders, tmp_path / "again", 16)}
    assert again == ids[16, 0]
    assert again != {row["id"] for row in drawn(folders, tmp_path / "seed", 16, seed=14)}


def test_the_labels_are_those_of_the_corpus_and_rows_without_one_stay_if_asked(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    assert not [row for row in drawn(folders, tmp_path / "few", 8) if row["label"] is None]
    assert len([row for row in drawn(folders, tmp_path / "all", 8, unlabelled=True) if row["label"] is None]) == 20
    assert json.loads((tmp_path / "few" / "dataset" / "labels.json").read_text())["labels"] == ["a", "b", "rare"]


@pytest.mark.parametrize(
    ("rows", "most", "expected"),
    [
        ({"a": 100, "b": 70}, 1024, [8, 16, 32, 64]),
        ({"a": 100, "b": 70}, 20, [8, 16]),
        ({"a": 1000, "b": 70, "c": 2}, 1024, [8, 16, 32, 64]),  # half of the classes have so many
        ({"a": 7, "b": 7}, 1024, []),
        ({}, 1024, []),
    ],
)
def test_sizes_double_as_long_as_classes_have_so_many_rows(rows: dict[str, int], most: int, expected: list[int]) -> None:
    assert sizes(rows, most) == expected
