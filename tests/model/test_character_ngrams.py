from typing import Any

import fasttext
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.character_ngrams import hash_ngrams, sum_ngram_rows
from tests.examples import examples

BUCKET = 997
UNKNOWN = ["x", "ß", "电", "🙂", "", "</s>", "</s>x", "<a>", "filmic", "naïveté", "电影院很好", "ñandú", "e\u0301", "q" * 60]
RANGES = [(3, 6), (1, 3), (1, 4), (0, 2), (2, 2), (1, 1), (4, 5), (5, 3)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], "fasttext.FastText._FastText"]:
    text = tmp_path_factory.mktemp("ngrams") / "text"
    text.write_text("film naïve 电影 ab good\n" * 20, encoding="utf-8")
    options = {"bucket": BUCKET, "dim": 8, "epoch": 1, "minCount": 1, "thread": 1, "verbose": 0}
    return {(minn, maxn): fasttext.train_unsupervised(str(text), minn=minn, maxn=maxn, **options) for minn, maxn in RANGES}


def fasttext_buckets(model: "fasttext.FastText._FastText", word: str) -> list[int]:
    return [int(row) - len(model.words) for row in model.get_subwords(word)[1] if row >= len(model.words)]


@pytest.mark.parametrize("lengths", RANGES)
def test_ngrams_are_those_of_fasttext(models: Any, lengths: tuple[int, int]) -> None:
    words = [*UNKNOWN, "film", "电影"]
    owners, buckets = hash_ngrams(words, *lengths, BUCKET)
    assert (np.diff(owners) >= 0).all()
    for number, word in enumerate(words):
        assert buckets[owners == number].tolist() == fasttext_buckets(models[lengths], word), word


word_texts = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t\v\f\0 "), max_size=12)


@examples(60)
@given(st.lists(word_texts, max_size=6), st.sampled_from(RANGES))
def test_ngrams_of_any_words_are_those_of_fasttext(models: Any, words: list[str], lengths: tuple[int, int]) -> None:
    owners, buckets = hash_ngrams(words, *lengths, BUCKET)
    for number, word in enumerate(words):
        assert buckets[owners == number].tolist() == fasttext_buckets(models[lengths], word)


def test_sums_do_not_depend_on_how_words_are_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).standard_normal((BUCKET, 5)).astype(np.float32)
    words = [*UNKNOWN, "a", "bb", "ccc"]
    whole, counts = sum_ngram_rows(words, table, 3, 6)
    monkeypatch.setattr("tasks.model.character_ngrams.CHUNK", 2)
    chunked, chunked_counts = sum_ngram_rows(words, table, 3, 6)
    assert np.array_equal(whole, chunked)
    assert np.array_equal(counts, chunked_counts)
    assert counts[words.index("")] == 0
    assert counts[words.index("x")] == 1  # <x>


def test_a_table_without_rows_gives_zeros() -> None:
    sums, counts = sum_ngram_rows(["film"], np.empty((0, 4), dtype=np.float32), 3, 6)
    assert sums.tolist() == [[0.0] * 4]
    assert counts.tolist() == [0]
