from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from tasks.finetune.encode import FITTED, REFITTED, NumberedWords, RowWriter, document_frequency, joined, restricted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.finetune.documents import Documents

LABELS = ["bad", "fine", "good"]


def is_mapped(values: np.ndarray) -> bool:
    """Whether an array's memory is that of a file."""
    while values.base is not None and not isinstance(values, np.memmap):
        values = values.base
    return isinstance(values, np.memmap)


def same(one: Documents, other: Documents) -> bool:
    """Whether two splits hold the same rows, wherever their offsets begin."""
    return (
        np.array_equal(one.ids[one.offsets[0] :], other.ids[other.offsets[0] :])
        and np.array_equal(one.offsets - one.offsets[0], other.offsets - other.offsets[0])
        and np.array_equal(one.labels, other.labels)
        and one.names.to_pylist() == other.names.to_pylist()
    )


@pytest.fixture
def words(rows: list, write_dataset: Callable[..., Path], tmp_path: Path) -> NumberedWords:
    """The rows of conftest, numbered."""
    (tmp_path / "scratch").mkdir()
    return NumberedWords.read(write_dataset(rows), LABELS, tmp_path / "scratch")


def test_rows_come_back_as_they_stand_in_the_dataset(words: NumberedWords, rows: list) -> None:
    named = words.words.to_pylist()
    for split in REFITTED:
        documents, given = words.splits[split], [row for row in rows if row[1] == split]
        assert documents.names.to_pylist() == [row[0] for row in given]
        assert [LABELS[label] for label in documents.labels] == [row[2] for row in given]
        cut = [documents.ids[a:b] for a, b in zip(documents.offsets, documents.offsets[1:], strict=False)]
        assert [[named[word] for word in document] for document in cut] == [row[3] for row in given]


def test_nothing_that_grows_with_the_rows_stays_in_memory(words: NumberedWords, tmp_path: Path) -> None:
    before = pa.total_allocated_bytes()
    vocabulary = words.ngrams(FITTED, longest=2, min_documents=2)
    for documents in (*words.splits.values(), words.documents(REFITTED, vocabulary, tmp_path / "ngrams")):
        assert is_mapped(documents.ids)
        assert is_mapped(documents.offsets)
        assert is_mapped(documents.labels)
        assert len(documents.names) == len(documents)
    assert pa.total_allocated_bytes() - before <= vocabulary.arrow_words.nbytes + 1024


def test_no_rows_are_written_and_read_too(tmp_path: Path) -> None:
    with RowWriter(tmp_path / "none") as writer:
        pass
    documents = writer.documents()
    assert (len(documents), documents.offsets.tolist(), len(documents.ids)) == (0, [0], 0)


@pytest.mark.parametrize("min_documents", [1, 2, 4])
def test_n_grams_of_the_train_rows_are_among_those_of_all_rows(
    words: NumberedWords, tmp_path: Path, min_documents: int
) -> None:
    """Train rows restricted to their own frequent n-grams are what they are when train rows alone are counted."""
    num_train = len(words.splits["train"])
    alone = words.ngrams(FITTED, longest=3, min_documents=min_documents)
    both = words.ngrams(REFITTED, longest=3, min_documents=min_documents)
    rows = words.documents(REFITTED, both, tmp_path / "rows")
    kept_K = document_frequency(rows.head(num_train), len(both)) >= min_documents
    assert int(kept_K.sum()) == len(alone) < len(both)
    for split, part in zip(REFITTED, (rows.head(num_train), rows.part(num_train, len(rows))), strict=True):
        found = restricted(part, kept_K, tmp_path / f"{split}-{min_documents}")
        assert same(found, words.documents((split,), alone, tmp_path / f"{split}-alone"))


def test_a_part_of_the_rows_is_those_rows(words: NumberedWords) -> None:
    documents = words.splits["train"]
    part = documents.part(3, 8)
    assert len(part) == 5
    assert part.names.to_pylist() == documents.names.to_pylist()[3:8]
    first = documents.ids[documents.offsets[3] : documents.offsets[4]]
    assert np.array_equal(part.ids[part.offsets[0] : part.offsets[1]], first)


def test_parts_are_joined_in_their_order(words: NumberedWords, tmp_path: Path) -> None:
    train, valid = (words.splits[split] for split in REFITTED)
    assert same(joined([train, valid], tmp_path / "both").head(len(train)), train)
    back = joined([valid, train.part(3, len(train)), train.head(3)], tmp_path / "turned")
    assert same(back.head(len(valid)), valid)
    assert same(back.part(len(valid), len(back) - 3), train.part(3, len(train)))
    assert same(back.part(len(back) - 3, len(back)), train.head(3))
    assert is_mapped(back.ids)
