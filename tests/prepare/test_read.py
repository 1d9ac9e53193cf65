import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.prepare.read import (
    DATASET,
    HOLDOUT,
    iter_batches,
    iter_texts,
    iter_with_texts,
    read_labels,
    read_split,
    read_text_settings,
)
from tests.writers import write_dataset, write_texts

SIDES = ["train", "valid", "unlabelled"]


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Nine row groups of ten rows; the last three are unlabelled alone."""
    rows: list[dict[str, Any]] = [
        {
            "id": f"r{i}",
            "split": SIDES[i % 2] if i < 60 else "unlabelled",
            "label": ("neg", "pos")[i % 3 == 0] if i < 60 else None,
            "tokens": [f"word{i * k % 17}" for k in range(i % 7)],
        }
        for i in range(90)
    ]
    write_dataset(tmp_path, [tuple(row.values()) for row in rows], group=10)
    (tmp_path / "text.json").write_text('{"html": true}')
    return tmp_path, rows


@pytest.mark.parametrize("side", SIDES)
def test_read_split(folder: tuple[Path, list[dict[str, Any]]], side: Any) -> None:
    path, rows = folder
    split = read_split(path, side)
    wanted = [row for row in rows if row["split"] == side]
    assert split.num_rows == len(wanted)
    assert split.ids.to_pylist() == [row["id"] for row in wanted]
    assert split.labels.to_pylist() == [row["label"] for row in wanted]
    assert split.tokens.to_pylist() == [row["tokens"] for row in wanted]
    assert isinstance(split.tokens, pa.ListArray)
    numbered = read_split(path, side, dictionary=True)
    assert numbered.tokens.to_pylist() == split.tokens.to_pylist()
    words = numbered.tokens.flatten().dictionary.to_pylist()
    assert len(words) == len(set(words))
    assert (numbered.ids, numbered.labels) == (split.ids, split.labels)


def test_a_split_without_rows_is_empty(folder: tuple[Path, list[dict[str, Any]]]) -> None:
    split = read_split(folder[0], "test")
    assert split.num_rows == 0
    assert split.tokens.type == pa.list_(pa.string())
    assert split.labels_ids(["neg"]).tolist() == []


def test_more_than_two_gigabytes_come_as_large_lists(
    folder: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = folder
    monkeypatch.setattr("tasks.prepare.read._INT32_BYTES", 100)
    split = read_split(path, "unlabelled")
    assert split.tokens.type == pa.large_list(pa.large_string())
    assert split.tokens.to_pylist() == [row["tokens"] for row in rows[60:]]


def test_labels_ids(folder: tuple[Path, list[dict[str, Any]]]) -> None:
    path, rows = folder
    ids = read_split(path, "train").labels_ids(["pos", "other", "neg"])
    assert ids.dtype == np.int64
    assert ids.tolist() == [{"pos": 0, "neg": 2}[row["label"]] for row in rows if row["split"] == "train"]
    assert set(read_split(path, "train").labels_ids(["pos"])) == {0, -1}
    assert set(read_split(path, "unlabelled").labels_ids(["pos"])) == {-1}


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("batch_size", [7, 1000])
def test_iter_batches(folder: tuple[Path, list[dict[str, Any]]], batch_size: int, dictionary: bool) -> None:
    path, rows = folder
    batches = list(iter_batches(path, ("valid", "unlabelled"), ["tokens", "id"], batch_size, dictionary=dictionary))
    assert all(0 < len(batch) <= batch_size for batch in batches)
    assert all(batch.schema.names == ["tokens", "id"] for batch in batches)
    assert [row for batch in batches for row in batch.to_pylist()] == [
        {"tokens": row["tokens"], "id": row["id"]} for row in rows if row["split"] != "train"
    ]
    assert pa.types.is_dictionary(batches[0].schema.field("tokens").type.value_type) == dictionary


def texts_of(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """The texts of `rows`, in row groups with other bounds than the dataset's."""
    return write_texts(folder, [(row["id"], row["split"], f"Text of {row['id']}.\n") for row in rows], group=7)


@pytest.mark.parametrize("batch_size", [4, 1000])
def test_texts_come_alone_or_beside_any_columns(
    folder: tuple[Path, list[dict[str, Any]]], tmp_path: Path, batch_size: int
) -> None:
    path, rows = folder
    texts = texts_of(tmp_path / "texts", rows)
    wanted = [row for row in rows if row["split"] != "valid"]
    alone = list(iter_texts(texts, ("train", "unlabelled"), batch_size))
    assert all(0 < len(batch) <= batch_size for batch in alone)
    assert [row for batch in alone for row in batch.to_pylist()] == [
        {"id": row["id"], "text": f"Text of {row['id']}.\n"} for row in wanted
    ]
    beside = list(iter_with_texts(path, texts, ("train", "unlabelled"), ["tokens", "label"], batch_size))
    assert all(0 < len(batch) <= batch_size for batch in beside)
    assert [row for batch in beside for row in batch.to_pylist()] == [
        {"tokens": row["tokens"], "label": row["label"], "text": f"Text of {row['id']}.\n"} for row in wanted
    ]
    assert list(iter_with_texts(path, texts, ("test",), ["id"])) == []


@pytest.mark.parametrize(
    "change", [lambda rows: rows[1:], lambda rows: rows[:-1], lambda rows: [*rows, rows[-1] | {"id": "x"}]]
)
def test_texts_of_other_rows_are_refused(
    folder: tuple[Path, list[dict[str, Any]]], tmp_path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    path, rows = folder
    texts = texts_of(tmp_path / "texts", change(rows))
    with pytest.raises(OSError, match=r"holds the texts of \w+ rows than"):
        list(iter_with_texts(path, texts, SIDES, ["label"]))


def test_holdout_and_the_settings(folder: tuple[Path, list[dict[str, Any]]]) -> None:
    path, _ = folder
    assert read_labels(path) == ["neg", "pos"]
    assert read_text_settings(path) == {"html": True}
    (path / DATASET).rename(path / HOLDOUT)
    assert read_split(path, "valid").num_rows == 30
    (path / HOLDOUT).unlink()
    with pytest.raises(FileNotFoundError, match="neither"):
        read_split(path, "valid")


def test_a_flipped_bit_never_goes_unseen(folder: tuple[Path, list[dict[str, Any]]]) -> None:
    path, rows = folder
    good = (path / DATASET).read_bytes()
    rng = random.Random(19)
    detected = 0
    for _ in range(200):
        # The pages; the footer behind them has no checksum of Parquet's own, the store's covers it.
        footer = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
        damaged = bytearray(good)
        damaged[rng.randrange(4, footer)] ^= 1 << rng.randrange(8)
        (path / DATASET).write_bytes(damaged)
        try:
            read = [row for side in SIDES for row in zip(*vars(read_split(path, side)).values(), strict=True)]
        except OSError as error:
            detected += "is damaged" in str(error)
        else:
            assert len(read) == len(rows)
            assert {row[0].as_py(): row[2].as_py() for row in read} == {row["id"]: row["tokens"] for row in rows}
    assert detected > 150
