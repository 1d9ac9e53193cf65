import json
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest

from tasks.model.subwords import Subwords

UNKNOWN = ["filmic", "x", "ß", "电", "电影院很好", "naïveté", "🙂", "</s>x", "q" * 60, "e\u0301"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> "fasttext.FastText._FastText":
    text = tmp_path_factory.mktemp("subword") / "text"
    text.write_text("film naïve 电影 ab good\nfilm 电影 good\n" * 50, encoding="utf-8")
    return fasttext.train_unsupervised(str(text), bucket=300, dim=12, epoch=2, minCount=1, thread=1, verbose=0, minn=2, maxn=5)


@pytest.fixture(scope="module")
def table(model: "fasttext.FastText._FastText") -> np.ndarray:
    return model.get_input_matrix()[len(model.words) :]


def mean_of_rows(model: "fasttext.FastText._FastText", word: str) -> np.ndarray:
    return np.stack([model.get_input_vector(row) for row in model.get_subwords(word)[1]]).mean(axis=0)


def test_unknown_words_get_the_vectors_of_fasttext(model: Any, table: np.ndarray) -> None:
    vectors = Subwords(table, 2, 5).vectors(UNKNOWN)
    assert vectors.dtype == np.float32
    for word, vector in zip(UNKNOWN, vectors, strict=True):
        np.testing.assert_allclose(vector, mean_of_rows(model, word), rtol=1e-5, atol=1e-7)
        # fasttext-community scales the result of get_word_vector to length 1.
        direction = model.get_word_vector(word)
        np.testing.assert_allclose(vector / np.linalg.norm(vector), direction / np.linalg.norm(direction), atol=1e-5)


def test_half_precision_on_disk_costs_a_thousandth(model: Any, table: np.ndarray, tmp_path: Path) -> None:
    Subwords(table, 2, 5).save(tmp_path)
    loaded = Subwords.load(tmp_path)
    assert loaded is not None
    assert isinstance(loaded.table, np.memmap)
    assert (loaded.table.dtype, loaded.table.shape, loaded.minn, loaded.maxn, loaded.dim) == (np.float16, (300, 12), 2, 5, 12)
    assert json.loads((tmp_path / "subwords.json").read_text()) == {"bucket": 300, "dim": 12, "minn": 2, "maxn": 5}
    for word in UNKNOWN:
        np.testing.assert_allclose(loaded.vector(word), mean_of_rows(model, word), atol=1e-3 * np.abs(table).max())


def test_words_without_ngrams_are_zero(table: np.ndarray) -> None:
    vectors = Subwords(table, 4, 5).vectors(["x", "film", "", "</s>"])
    assert vectors[1].any()
    assert not vectors[[0, 2, 3]].any()
    assert Subwords(table, 4, 5).vectors([]).shape == (0, 12)


def test_absent_tables_are_none_and_wrong_ones_refused(table: np.ndarray, tmp_path: Path) -> None:
    assert Subwords.load(tmp_path) is None
    Subwords(table, 2, 5).save(tmp_path)
    (tmp_path / "subwords.json").write_text('{"bucket": 299, "dim": 12, "minn": 2, "maxn": 5}')
    with pytest.raises(ValueError, match="says otherwise"):
        Subwords.load(tmp_path)
