from pathlib import Path

import fasttext
import numpy as np
import pytest

from tasks.pretrain.model_file import read_model_file

Trained = tuple["fasttext.FastText._FastText", Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("model")
    text = folder / "text"
    text.write_text("film naïve 电影 ab good\nfilm 电影 good\nfilm good\ngood\n" * 20, encoding="utf-8")
    model = fasttext.train_unsupervised(str(text), bucket=50, dim=8, epoch=1, minCount=1, thread=1, verbose=0)
    model.save_model(str(folder / "model.bin"))
    return model, folder / "model.bin"


def test_words_counts_and_matrix_are_those_of_fasttext(trained: Trained) -> None:
    model, path = trained
    read = read_model_file(path)
    words, counts = model.get_words(include_freq=True)
    assert list(read.words) == words
    assert list(read.counts) == counts.tolist()
    assert np.array_equal(read.matrix, model.get_input_matrix())
    assert (read.minn, read.maxn, read.dim, len(read.buckets)) == (3, 6, 8, 50)
    assert "</s>" in read.words
    assert "</s>" not in read.index


def test_a_vector_is_the_mean_of_the_rows_of_word_and_ngrams(trained: Trained) -> None:
    model, path = trained
    words = ["good", "naïve", "电影", "ab"]
    vectors = read_model_file(path).vectors(words)
    for word, vector in zip(words, vectors, strict=True):
        rows = np.stack([model.get_input_vector(row) for row in model.get_subwords(word)[1]])
        np.testing.assert_allclose(vector, rows.mean(axis=0), rtol=1e-5, atol=1e-7)
        # get_word_vector of fasttext-community has the same direction and length 1.
        direction = model.get_word_vector(word)
        np.testing.assert_allclose(vector / np.linalg.norm(vector), direction / np.linalg.norm(direction), atol=1e-5)


def test_an_unknown_word_is_a_key_error(trained: Trained) -> None:
    with pytest.raises(KeyError):
        read_model_file(trained[1]).vectors(["absent"])


def test_a_supervised_model_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("__label__a good film\n__label__b bad film\n" * 20)
    model = fasttext.train_supervised(str(tmp_path / "text"), dim=4, epoch=1, thread=1, verbose=0, minCount=1)
    model.save_model(str(tmp_path / "m.bin"))
    read = read_model_file(tmp_path / "m.bin")
    assert set(read.index) == {"good", "bad", "film"}
    assert len(read.buckets) == 0


def test_every_cut_is_noticed(trained: Trained, tmp_path: Path) -> None:
    data = trained[1].read_bytes()
    cut = tmp_path / "cut.bin"
    for size in [*range(0, 400, 7), len(data) // 2, len(data) - 4, len(data) - 1]:
        cut.write_bytes(data[:size])
        with pytest.raises(ValueError, match="not a whole fastText model"):
            read_model_file(cut)


@pytest.mark.parametrize("place", [0, 4, 8, 40, 64, 68, 72, 84])
def test_a_damaged_header_is_a_value_error(trained: Trained, tmp_path: Path, place: int) -> None:
    data = bytearray(trained[1].read_bytes())
    data[place] ^= 0x55
    (tmp_path / "bad.bin").write_bytes(data)
    with pytest.raises(ValueError, match="not a whole fastText model"):
        read_model_file(tmp_path / "bad.bin")


def test_of_a_large_model_only_the_wanted_words_are_kept(trained: Trained) -> None:
    whole, part = (read_model_file(trained[1], wanted) for wanted in (None, ["电影", "absent", "good"]))
    assert part.index == {word: whole.index[word] for word in ("good", "电影")}
    assert [part.counts[part.words.index(word)] for word in part.index] == [80, 40]
    assert part.num_words == whole.num_words == len(whole.words)
    assert np.array_equal(part.buckets, whole.buckets)
    assert np.array_equal(part.vectors(["电影"]), whole.vectors(["电影"]))
