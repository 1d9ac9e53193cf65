import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.vocabulary import Vocabulary
from tasks.token_counts import count_tokens

LISTS = [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.dictionary(pa.int32(), pa.string()))]
token_lists = st.lists(st.lists(st.sampled_from(["a", "b", "电影", "<pad>", "<unk>", "", "zz"]), max_size=6), max_size=8)


def fit(documents: list[list[str]], **options: Any) -> Vocabulary:
    return Vocabulary.from_counts(count_tokens([pa.array(documents, LISTS[0])]), **options)


def test_pad_and_unk_come_first_then_frequency_then_code_points() -> None:
    vocabulary = fit([["b", "ä", "a", "a"], ["c", "z", "z"], ["b"]])
    assert vocabulary.tokens == ("<pad>", "<unk>", "a", "b", "z", "c", "ä")
    assert vocabulary.counts == (0, 0, 2, 2, 2, 1, 1)


def test_limits_leave_the_rest_to_unk() -> None:
    documents = [["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"]]
    assert fit(documents, min_count=3).tokens == ("<pad>", "<unk>", "a", "b")
    assert fit(documents, max_size=3).tokens == ("<pad>", "<unk>", "a")
    assert fit(documents, max_size=3).counts == (0, 6, 4)
    assert fit(documents, max_size=1).tokens == ("<pad>", "<unk>")
    assert fit(documents, min_count=2).num_train_tokens == 10


def test_order_of_documents_and_batches_changes_nothing() -> None:
    source = random.Random(5)
    documents = [[f"w{source.randint(0, 40)}" for _ in range(source.randint(0, 9))] for _ in range(80)]
    shuffled = source.sample(documents, len(documents))
    batches = [pa.array(shuffled[start : start + 7], LISTS[0]) for start in range(0, 80, 7)]
    assert Vocabulary.from_counts(count_tokens(batches)) == fit(documents)


@given(token_lists)
def test_counts_are_those_of_a_counter(documents: list[list[str]]) -> None:
    counted = count_tokens(pa.array(documents[start : start + 2], kind) for start in range(0, 8, 2) for kind in LISTS)
    expected = Counter(token for tokens in documents for token in tokens)
    assert dict(zip(counted["token"].to_pylist(), counted["count"].to_pylist(), strict=True)) == {
        token: 3 * count for token, count in expected.items()
    }


@given(token_lists, st.sampled_from(LISTS))
def test_every_way_of_encoding_agrees(documents: list[list[str]], kind: pa.DataType) -> None:
    vocabulary = fit([["a", "a", "a", "电影", "电影", "", "<pad>"]])
    expected = [vocabulary.index.get(token, 1) for tokens in documents for token in tokens]
    offsets = np.cumsum([0, *map(len, documents)])
    array = pa.array(documents, kind)
    halves = pa.chunked_array([array[: len(array) // 2], array[len(array) // 2 :]], type=kind)
    for given_documents in (documents, array, halves, pa.chunked_array([array], type=kind)):
        ids, ends = vocabulary.encode(given_documents)
        assert ids.dtype == np.int32
        assert ends.dtype == np.int64
        assert ids.tolist() == expected
        assert ends.tolist() == offsets.tolist()


def test_many_plain_lists_are_encoded_as_few() -> None:
    vocabulary = fit([["a", "b", "b"]])
    ids, offsets = vocabulary.encode([["b", "x"], []] * 500)
    assert ids.tolist() == [2, 1] * 500
    assert offsets[-1] == 1000


def test_text_cannot_name_the_reserved_rows() -> None:
    vocabulary = fit([["<pad>", "<unk>", "a"]])
    assert vocabulary.tokens == ("<pad>", "<unk>", "a")
    assert vocabulary.encode(pa.array([["<pad>", "<unk>", "a"]]))[0].tolist() == [1, 1, 2]
    assert vocabulary.encode([["<pad>", "<unk>", "a"]])[0].tolist() == [1, 1, 2]


@pytest.mark.parametrize("kind", LISTS)
def test_nulls_are_unknown_words_and_empty_documents(kind: pa.DataType) -> None:
    ids, offsets = fit([["a"]]).encode(pa.array([["a", None], None, [], ["a"]], kind))
    assert ids.tolist() == [2, 1, 2]
    assert offsets.tolist() == [0, 2, 2, 2, 3]


def test_no_text_gives_the_reserved_rows_only() -> None:
    vocabulary = Vocabulary.from_counts(count_tokens([]))
    assert vocabulary.tokens == ("<pad>", "<unk>")
    assert vocabulary.encode([["a"]])[0].tolist() == [1]
    assert vocabulary.encode(pa.array([["a"]]))[0].tolist() == [1]


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    vocabulary = fit([["电影", "\ud7ff", '"\\', "a\u2028"]])
    vocabulary.save(tmp_path)
    first = (tmp_path / "vocabulary.json").read_bytes()
    assert Vocabulary.load(tmp_path) == vocabulary
    Vocabulary.load(tmp_path).save(tmp_path)
    assert (tmp_path / "vocabulary.json").read_bytes() == first


def test_a_file_without_the_reserved_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text('{"tokens": ["a", "b"], "counts": [1, 1]}')
    with pytest.raises(ValueError, match="starts with <pad>"):
        Vocabulary.load(tmp_path)
