from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tasks.finetune import count_ngrams
from tasks.finetune.count_ngrams import build_ngrams
from tasks.model import ngrams
from tasks.model.key_table import KeyTable
from tasks.model.ngrams import NgramVocabulary, chunks
from tests.examples import examples

if TYPE_CHECKING:
    import pytest

Documents = list[list[str]]
documents_of = st.lists(st.lists(st.sampled_from(["a", "b", "c", "ü", "日本"]), max_size=9), min_size=1, max_size=12)


def grams_of(document: list[str], longest: int) -> set[tuple[str, ...]]:
    return {tuple(document[at : at + n]) for n in range(1, longest + 1) for at in range(len(document) - n + 1)}


def brute_force(documents: Documents, longest: int, min_documents: int) -> set[tuple[str, ...]]:
    counts = Counter(gram for document in documents for gram in grams_of(document, longest))
    return {gram for gram, count in counts.items() if count >= min_documents}


def build(documents: Documents, longest: int, min_documents: int, chunk: int = 7) -> NgramVocabulary:
    words = sorted(gram[0] for gram in brute_force(documents, 1, min_documents))
    ids, offsets = NgramVocabulary(words, []).word_ids(documents)
    with TemporaryDirectory() as scratch:
        return build_ngrams(
            words,
            lambda: chunks(ids, offsets, chunk),
            Path(scratch),
            longest=longest,
            min_documents=min_documents,
            num_tokens=len(ids),
        )


def names(vocabulary: NgramVocabulary) -> list[tuple[str, ...]]:
    """The words of every n-gram, by id."""
    words: list[tuple[str, ...]] = [(word,) for word in vocabulary.words]
    named, level = list(words), list(words)
    for keys in vocabulary.keys:
        level = [(*level[key // len(words)], *words[key % len(words)]) for key in keys.tolist()]
        named += level
    return named


@examples(60)
@given(documents=documents_of, others=documents_of, longest=st.integers(1, 4), min_documents=st.integers(1, 3))
def test_vocabulary_and_encoding_equal_a_brute_force_reference(
    documents: Documents, others: Documents, longest: int, min_documents: int
) -> None:
    vocabulary = build(documents, longest, min_documents)
    named = names(vocabulary)
    kept = brute_force(documents, longest, min_documents)
    assert len(named) == len(set(named)) == len(vocabulary)
    assert set(named) == kept
    for given_as in (others, pa.array(others, pa.list_(pa.string())), pa.array(others, pa.large_list(pa.large_string()))):
        ids, offsets = vocabulary.encode(given_as)
        assert ids.dtype == np.int32
        for number, document in enumerate(others):
            found = ids[offsets[number] : offsets[number + 1]].tolist()
            assert found == sorted(found)
            assert [named[one] for one in found] == sorted(grams_of(document, longest) & kept, key=named.index)


def test_counting_in_parts_gives_the_same_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    documents = [[f"w{w}" for w in generator.integers(0, 9, 20)] for _ in range(40)]
    whole = build(documents, 3, 2)
    monkeypatch.setattr(count_ngrams, "PART_TOKENS", 100)
    parts = build(documents, 3, 2, chunk=90)
    assert len(whole.keys[1]) > 100
    assert all(np.array_equal(a, b) for a, b in zip(whole.keys, parts.keys, strict=True))


def test_documents_and_ngrams_that_need_more_than_32_bits_are_encoded_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    documents = [[f"w{w}" for w in generator.integers(0, 9, 20)] for _ in range(40)]
    vocabulary = build(documents, 3, 2)
    narrow = vocabulary.encode(documents)
    monkeypatch.setattr(ngrams, "NARROW", 40 << len(vocabulary).bit_length() - 1)
    wide = vocabulary.encode(documents)
    assert [array.dtype for array in narrow] == [array.dtype for array in wide] == [np.int32, np.int64]
    assert all(np.array_equal(a, b) for a, b in zip(narrow, wide, strict=True))


def test_dictionary_tokens_nulls_and_slices_read_as_plain_lists_do() -> None:
    vocabulary = build([["a", "b"], ["a", "b", "c"]], 2, 2)
    plain = pa.array([["x"], ["a", "b", None, "a"], None, [], ["b", "a"]], pa.list_(pa.string()))
    codes = pa.ListArray.from_arrays(pa.array([0, 1, 5, 5, 5, 7]), plain.flatten().dictionary_encode())
    expected = vocabulary.encode([["x"], ["a", "b", "?", "a"], [], [], ["b", "a"]])
    for tokens in (plain, codes, pa.chunked_array([plain[:2], plain[2:]])):
        ids, offsets = vocabulary.encode(tokens)
        assert ids.tolist() == expected[0].tolist()
        assert offsets.tolist() == expected[1].tolist()
    assert vocabulary.encode(plain[1:2])[0].tolist() == [0, 1, 2]


def test_saved_vocabulary_reads_the_same() -> None:
    with TemporaryDirectory() as name:
        for longest in (1, 3):
            vocabulary = build([["a", "ü", "a", "ü"], ["a", "ü", "a"]], longest, 2)
            vocabulary.save(Path(name))
            again = NgramVocabulary.load(Path(name))
            assert names(again) == names(vocabulary)
            assert again.encode([["a", "ü", "a"]])[0].tolist() == vocabulary.encode([["a", "ü", "a"]])[0].tolist()


@examples(40)
@given(st.sets(st.integers(0, 2**62), max_size=200), st.lists(st.integers(0, 2**62), max_size=50))
def test_key_table_finds_every_key_and_no_other(keys: set[int], others: list[int]) -> None:
    stored = np.array(sorted(keys), np.int64)
    asked = np.array([*sorted(keys), *others], np.int64)
    position = {key: number for number, key in enumerate(sorted(keys))}
    assert KeyTable(stored).find(asked).tolist() == [position.get(key, -1) for key in asked.tolist()]
