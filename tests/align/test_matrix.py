import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.align.matrix import write_matrix
from tasks.align.settings import AlignConfig
from tasks.align.vec_file import write_word2vec_text
from tasks.errors import RequestError
from tasks.model.subwords import Subwords
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.model_file import read_model_file
from tasks.pretrain.settings import PretrainConfig
from tasks.pretrain.vectors import train_vectors, word_vectors

RARE = ["unseen", "电视"]


@pytest.fixture
def dataset(make_dataset: Callable[..., Path], documents: list[list[str]]) -> Path:
    # Words of RARE stand in train too seldom for pretrain's min_count of 3, and `heldout` in no train document.
    return make_dataset({"train": [*documents, RARE, RARE], "valid": [["heldout"] * 5], "unlabelled": [["elsewhere"] * 5]})


@pytest.fixture
def pretrained(dataset: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "pretrained"
    folder.mkdir()
    train_vectors(PretrainConfig(dim=10, epoch=1, min_count=3, bucket=500, threads=1, minn=3, maxn=4), dataset, folder)
    return folder


def align(config: AlignConfig, dataset: Path, vectors: Path | None, folder: Path) -> tuple[dict, np.ndarray, np.ndarray]:
    folder.mkdir()
    report = write_matrix(config, dataset, vectors, folder)
    assert json.dumps(report, allow_nan=False)
    matrix, has_vector = np.load(folder / "matrix.npy"), np.load(folder / "has_vector.npy")
    assert (matrix.dtype, has_vector.dtype, len(matrix)) == (np.float32, bool, len(has_vector))
    assert not matrix[0].any()
    assert not has_vector[:2].any()
    return report, matrix, has_vector


def test_rows_are_vectors_then_subwords(dataset: Path, pretrained: Path, tmp_path: Path) -> None:
    report, matrix, has_vector = align(AlignConfig(min_count=1), dataset, pretrained, tmp_path / "out")
    vocabulary = Vocabulary.load(tmp_path / "out")
    model = read_model_file(pretrained / "vectors.bin")
    assert "elsewhere" in model.index
    assert not {"heldout", "elsewhere"} & set(vocabulary.tokens)
    own = [word for word in vocabulary.index if word in model.index]
    rows = [vocabulary.index[word] for word in own]
    assert np.array_equal(matrix[rows], model.vectors(own))
    assert np.flatnonzero(has_vector).tolist() == sorted(rows)
    assert sorted(set(vocabulary.index) - set(own)) == sorted(RARE)
    exact = Subwords(model.buckets, 3, 4)
    for word in RARE:
        assert np.array_equal(matrix[vocabulary.index[word]], exact.vector(word))
        np.testing.assert_allclose(Subwords.load(tmp_path / "out").vector(word), exact.vector(word), atol=1e-4)
    assert (report["subword_rows"], report["missing"], report["dim"]) == (2, 0, 10)
    num_tokens = sum(vocabulary.counts)
    assert report["coverage"] == (num_tokens - 4) / num_tokens
    assert report["coverage_types"] == len(own) / (len(own) + 2)
    assert report["vocabulary"] == len(vocabulary) == len(own) + 4
    assert json.loads((tmp_path / "out" / "coverage.json").read_text())["coverage"] == report["coverage"]


def test_vectors_without_subwords_leave_rare_words_missing(dataset: Path, tmp_path: Path) -> None:
    config = PretrainConfig(dim=10, epoch=1, min_count=3, minn=0, maxn=0, threads=1)
    (tmp_path / "plain").mkdir()
    assert train_vectors(config, dataset, tmp_path / "plain")["parameters"]["bucket"] == 0
    report, matrix, _ = align(AlignConfig(min_count=1, missing="zero"), dataset, tmp_path / "plain", tmp_path / "out")
    vocabulary = Vocabulary.load(tmp_path / "out")
    assert (report["subword_rows"], report["missing"]) == (0, 2)
    assert not matrix[[vocabulary.index[word] for word in RARE]].any()
    assert Subwords.load(tmp_path / "out") is None


def test_equal_inputs_give_equal_bytes(dataset: Path, pretrained: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        align(AlignConfig(min_count=1), dataset, pretrained, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["coverage.json", "has_vector.npy", "matrix.npy", "subwords.json", "subwords.npy", "vocabulary.json"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("missing", ["zero", "random"])
def test_words_without_vector_or_subwords(dataset: Path, tmp_path: Path, missing: str) -> None:
    path = tmp_path / "own.vec"
    path.write_text("good 1 2 3\nfilm 3 4 5\n电影 0 -1 -3\n")
    report, matrix, has_vector = align(AlignConfig(vectors=path, min_count=1, missing=missing), dataset, None, tmp_path / "out")
    vocabulary = Vocabulary.load(tmp_path / "out")
    assert matrix[vocabulary.index["film"]].tolist() == [3, 4, 5]
    assert has_vector.sum() == 3
    assert report["missing"] == len(vocabulary) - 5
    assert not (tmp_path / "out" / "subwords.npy").exists()
    without = matrix[~has_vector][1:]
    if missing == "zero":
        assert not without.any()
    else:
        assert without.any(axis=1).all()
        assert without.std() == pytest.approx(np.std([1, 2, 3, 3, 4, 5, 0, -1, -3]), rel=0.5)


def test_own_vectors_take_the_place_of_pretrains(dataset: Path, pretrained: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.vec"
    path.write_text("good 1 2 3\n")
    report, _, has_vector = align(AlignConfig(vectors=path), dataset, pretrained, tmp_path / "out")
    assert (report["dim"], has_vector.sum()) == (3, 1)


def test_a_model_of_fasttext_and_its_vectors_as_text_give_the_same_rows(
    dataset: Path, pretrained: Path, tmp_path: Path
) -> None:
    words, matrix = word_vectors(read_model_file(pretrained / "vectors.bin"))
    write_word2vec_text(words, matrix, tmp_path / "vectors.vec")
    files = {"bin": pretrained / "vectors.bin", "vec": tmp_path / "vectors.vec"}
    results = [align(AlignConfig(vectors=file), dataset, None, tmp_path / kind) for kind, file in files.items()]
    has_vector = results[0][2]
    assert np.array_equal(has_vector, results[1][2])
    assert np.array_equal(results[0][1][has_vector], results[1][1][has_vector])


def test_without_vectors_every_row_is_random_and_seeded(dataset: Path, tmp_path: Path) -> None:
    report, matrix, has_vector = align(AlignConfig(dim=20), dataset, None, tmp_path / "one")
    _, again, _ = align(AlignConfig(dim=20), dataset, None, tmp_path / "two")
    _, other, _ = align(AlignConfig(dim=20, seed=14), dataset, None, tmp_path / "other")
    assert matrix.shape == (report["vocabulary"], 20)
    assert (report["coverage"], has_vector.any()) == (0.0, False)
    assert matrix[1:].any(axis=1).all()
    assert np.array_equal(matrix, again)
    assert not np.array_equal(matrix, other)


def test_too_little_coverage_stops_with_the_numbers(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.vec"
    path.write_text("good 1 2 3\n")
    config = AlignConfig(vectors=path, min_coverage=0.9)
    with pytest.raises(RequestError, match=r"% of the [\d,]+ train tokens \(1 of \d+ words\).*min_coverage 90\.0%.*--align\."):
        align(config, dataset, None, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_max_size_leaves_words_outside_and_says_so(dataset: Path, pretrained: Path, tmp_path: Path) -> None:
    report, matrix, _ = align(AlignConfig(max_size=5), dataset, pretrained, tmp_path / "out")
    assert len(matrix) == report["vocabulary"] == 5
    assert report["outside_tokens"] > 0
    assert report["coverage"] == pytest.approx(1 - report["outside_tokens"] / report["train_tokens"])
    assert report["coverage_types"] == 1.0


def test_a_damaged_or_missing_vectors_file_is_the_users_to_mend(dataset: Path, pretrained: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.bin"
    cut.write_bytes((pretrained / "vectors.bin").read_bytes()[:-100])
    with pytest.raises(RequestError, match=r"cut\.bin is not a whole fastText model"):
        align(AlignConfig(vectors=cut), dataset, None, tmp_path / "one")
    with pytest.raises(RequestError, match=r"no vectors file .*nowhere\.vec"):
        align(AlignConfig(vectors=tmp_path / "nowhere.vec"), dataset, None, tmp_path / "two")


def test_numbers_that_are_not_finite_are_refused(dataset: Path, pretrained: Path, tmp_path: Path) -> None:
    model = read_model_file(pretrained / "vectors.bin")
    data = bytearray((pretrained / "vectors.bin").read_bytes())
    assert isinstance(model.matrix, np.memmap)
    bad = model.matrix.offset + 4 * 10 * (len(model.words) + 7)
    data[bad : bad + 4] = np.float32("nan").tobytes()
    (tmp_path / "nan.bin").write_bytes(data)
    with pytest.raises(RequestError, match="not finite"):
        align(AlignConfig(vectors=tmp_path / "nan.bin"), dataset, None, tmp_path / "out")
