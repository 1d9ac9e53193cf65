"""What kinds share is what each would have found alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.finetune.counted import Counted
from tasks.finetune.encode import FITTED, REFITTED, UNLABELLED_SPLIT, NumberedWords
from tasks.finetune.in_threads import map_in_threads
from tasks.finetune.ngram_rows import NgramRows, Once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LABELS = ["bad", "fine", "good"]
BOTH = (*FITTED, UNLABELLED_SPLIT)


@pytest.fixture
def places(rows: list, write_dataset: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path, Path]:
    """A dataset with rows of which some have no label, and two folders for scratch files."""
    for name in ("shared", "alone"):
        (tmp_path / name).mkdir()
    unlabelled = [(f"unlabelled/{number}", UNLABELLED_SPLIT, None, row[3]) for number, row in enumerate(rows[:50])]
    return write_dataset([*rows, *unlabelled]), tmp_path / "shared", tmp_path / "alone"


@pytest.mark.parametrize(
    ("widest", "asked"),
    [
        (Counted(FITTED, 3, 2), Counted(FITTED, 3, 5)),
        (Counted(REFITTED, 3, 1), Counted(FITTED, 3, 4)),
        (Counted(REFITTED, 3, 2), Counted(BOTH, 3, 5, unlabelled=30)),  # not among those of the other
        (Counted(FITTED, 2, 2), Counted(FITTED, 3, 2)),
        (Counted(FITTED, 3, 500), Counted(FITTED, 3, 600)),  # none is in so many documents
    ],
)
def test_sets_are_the_same_whether_counted_or_taken_from_those_of_another_kind(
    places: tuple[Path, Path, Path], widest: Counted, asked: Counted
) -> None:
    dataset, shared, alone = places
    rows = NgramRows(dataset, LABELS, shared, [asked, widest], threads=3)
    limits = {UNLABELLED_SPLIT: asked.unlabelled}
    words = NumberedWords.read(dataset, LABELS, alone, (*REFITTED, UNLABELLED_SPLIT), limits)
    for each in (asked, widest):
        sets = rows.sets(each)
        vocabulary = words.ngrams(each.splits, longest=each.longest, min_documents=each.min_documents)
        assert sets.vocabulary.words == vocabulary.words
        assert [level.tolist() for level in sets.vocabulary.keys] == [level.tolist() for level in vocabulary.keys]
        for split in REFITTED:
            expected = words.documents((split,), vocabulary, alone / "rows")
            assert np.array_equal(sets.rows[split].ids, expected.ids)
            assert np.array_equal(sets.rows[split].offsets, expected.offsets)
            assert np.array_equal(sets.rows[split].labels, expected.labels)


def test_splits_without_rows_do_not_keep_kinds_from_sharing(dataset: Path, tmp_path: Path) -> None:
    asked, wider = Counted(BOTH, 3, 5, unlabelled=100), Counted(FITTED, 3, 2)
    rows = NgramRows(dataset, LABELS, tmp_path, [asked, wider])
    counted = rows.sets(wider)
    found = rows.sets(asked)
    assert 0 < len(found.vocabulary) < len(counted.vocabulary)
    assert {path.name for path in tmp_path.glob("ngrams-*")} == {"ngrams-train-3-2", "ngrams-train-3-5"}
    assert rows.sets(wider) is counted


def test_two_threads_that_ask_at_once_get_the_same_sets(dataset: Path, tmp_path: Path) -> None:
    asked = Counted(FITTED, 3, 2)
    rows, got, start = NgramRows(dataset, LABELS, tmp_path, [asked]), list[object](), threading.Barrier(2)

    def ask() -> None:
        start.wait()
        got.append(rows.sets(asked))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] is got[1]


def test_what_could_not_be_made_is_tried_again_by_who_asks_next(tmp_path: Path) -> None:
    rows = NgramRows(tmp_path / "absent", LABELS, tmp_path, [])
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            rows.words()


def test_threads_keep_the_order_and_read_no_further_than_they_must() -> None:
    read = []

    def items() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    results = map_in_threads(lambda number: number * number, items(), 3)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(read) <= 5 + 3
    assert list(map_in_threads(str, range(50), 4)) == list(map_in_threads(str, range(50), 1)) == [str(n) for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda number: 1 // number, range(3), 2))


def test_what_fails_for_one_kind_is_not_tried_again_by_another() -> None:
    """On a full disk, and after an interrupt, the second thread would count for minutes before the first could say so."""
    tried: list[int] = []

    def count() -> int:
        tried.append(1)
        raise OSError("no space left")

    once = Once(count)
    for _ in range(2):
        with pytest.raises(OSError, match="no space left"):
            once()
    assert len(tried) == 1
