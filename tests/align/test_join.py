import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.align.join import Rows, concatenate, fill, procrustes
from tasks.align.matrix import write_matrix
from tasks.align.readers import VectorFile, read_vectors
from tasks.align.settings import AlignConfig
from tasks.align.vec_file import write_word2vec_text
from tasks.errors import RequestError
from tasks.model.subwords import Subwords
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.model_file import read_model_file
from tasks.pretrain.settings import PretrainConfig
from tasks.pretrain.vectors import train_vectors

RANDOM = np.random.default_rng(5)


def rotation(dim: int) -> np.ndarray:
    return np.linalg.qr(RANDOM.standard_normal((dim, dim)))[0]


def test_side_by_side_a_missing_part_is_zeros() -> None:
    first = Rows(np.array([2, 5]), np.array([[1, 2], [3, 4]], np.float32))
    second = Rows(np.array([3, 5]), np.array([[5], [6]], np.float32))
    joined = concatenate(first, second)
    assert joined.rows.tolist() == [2, 3, 5]
    assert joined.vectors.tolist() == [[1, 2, 0], [0, 0, 5], [3, 4, 6]]
    assert (joined.dim, joined.vectors.dtype) == (3, np.float32)


def test_a_turned_and_stretched_space_is_found_again() -> None:
    space = RANDOM.standard_normal((80, 6)).astype(np.float32)
    turned = (space @ rotation(6) * 3).astype(np.float32)
    first = Rows(np.arange(2, 62), space[:60])
    second = Rows(np.arange(12, 82), turned[10:])
    joined, report, turn = fill(first, second)
    np.testing.assert_allclose(turned @ turn, space, atol=1e-4)
    assert joined.rows.tolist() == list(range(2, 82))
    assert np.array_equal(joined.vectors[:60], space[:60])
    np.testing.assert_allclose(joined.vectors[60:], space[60:], atol=1e-4)
    assert report == {"shared_rows": 50, "filled_rows": 20, "held_out_cosine": 1.0}


def test_noise_lowers_the_cosine_of_words_left_out() -> None:
    space = RANDOM.standard_normal((400, 6)).astype(np.float32)
    noise = RANDOM.standard_normal((400, 6)).astype(np.float32)
    rows = np.arange(2, 402)
    cosines = [
        fill(Rows(rows, space), Rows(rows, (space + share * noise) @ rotation(6).astype(np.float32))).figures["held_out_cosine"]
        for share in (0.0, 0.5, 50.0)
    ]
    assert cosines[0] == 1.0
    assert 0.8 < cosines[1] < 0.95
    assert abs(cosines[2]) < 0.35


@pytest.mark.parametrize(("source", "target"), [(4, 4), (4, 6), (6, 4)])
def test_the_map_keeps_angles(source: int, target: int) -> None:
    map_ = procrustes(RANDOM.standard_normal((50, source)), RANDOM.standard_normal((50, target)))
    assert map_.shape == (source, target)
    product = map_ @ map_.T if source <= target else map_.T @ map_
    np.testing.assert_allclose(product, np.eye(min(source, target)), atol=1e-5)


def test_the_map_is_the_best_of_all_rotations() -> None:
    first, second = (RANDOM.standard_normal((50, 4)) for _ in range(2))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (first, second)]
    best = np.linalg.norm(unit[0] @ procrustes(first, second) - unit[1])
    assert all(np.linalg.norm(unit[0] @ rotation(4) - unit[1]) >= best for _ in range(200))


def test_too_few_shared_words_are_refused() -> None:
    vectors = RANDOM.standard_normal((5, 6)).astype(np.float32)
    with pytest.raises(RequestError, match=r"only 5 words of the vocabulary.*at least 6.*--align\.join concatenate"):
        fill(Rows(np.arange(5), vectors), Rows(np.arange(5), vectors))


@pytest.fixture
def dataset(make_dataset: Callable[..., Path], documents: list[list[str]]) -> Path:
    return make_dataset({"train": [*documents, ["unseen"], ["only"], ["only"]]})


@pytest.fixture
def pretrained(dataset: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "pretrained"
    folder.mkdir()
    train_vectors(PretrainConfig(dim=4, epoch=1, min_count=2, bucket=500, threads=1, minn=3, maxn=4), dataset, folder)
    return folder


@pytest.fixture
def second(tmp_path: Path) -> Path:
    words = ["good", "bad", "film", "naïve", "电影", "über", "ab", "only"]
    path = tmp_path / "second.vec"
    lines = (
        f"{word} {' '.join(map(str, vector))}\n" for word, vector in zip(words, RANDOM.standard_normal((8, 3)), strict=True)
    )
    path.write_text("".join(lines))
    return path


def align(config: AlignConfig, dataset: Path, pretrained: Path | None, folder: Path) -> tuple[dict, np.ndarray, Vocabulary]:
    folder.mkdir()
    report = write_matrix(config, dataset, pretrained, folder)
    assert json.dumps(report, allow_nan=False)
    return report, np.load(folder / "matrix.npy"), Vocabulary.load(folder)


def test_pretrains_vectors_beside_others_keep_their_subwords(
    dataset: Path, pretrained: Path, second: Path, tmp_path: Path
) -> None:
    alone, matrix, vocabulary = align(AlignConfig(min_count=1), dataset, pretrained, tmp_path / "alone")
    report, joined, _ = align(AlignConfig(min_count=1, second=second), dataset, pretrained, tmp_path / "joined")
    _, other, _ = align(AlignConfig(min_count=1, vectors=second, missing="zero"), dataset, None, tmp_path / "other")
    assert report["dim"] == 7
    assert [source["format"] for source in report["sources"]] == ["fasttext", "text"]
    row = vocabulary.index["good"]
    assert np.array_equal(joined[row], np.concatenate([matrix[row], other[row]]))
    unseen = vocabulary.index["unseen"]
    assert np.array_equal(joined[unseen], np.concatenate([matrix[unseen], np.zeros(3, np.float32)]))
    assert report["subword_rows"] == alone["subword_rows"]
    subwords = [Subwords.load(tmp_path / name) for name in ("alone", "joined")]
    assert subwords[1].dim == 7
    for word in ("unheard", "x"):
        assert np.array_equal(subwords[1].vector(word), np.concatenate([subwords[0].vector(word), np.zeros(3, np.float32)]))


def test_gaps_are_filled_in_the_first_ones_space(dataset: Path, tmp_path: Path, second: Path) -> None:
    words = second.read_text().splitlines()
    first = tmp_path / "first.vec"
    first.write_text("\n".join(words[:7]) + "\n")
    config = AlignConfig(vectors=first, second=second, join="fill", min_count=1)
    report, matrix, vocabulary = align(config, dataset, None, tmp_path / "filled")
    assert (report["dim"], report["shared_rows"], report["filled_rows"]) == (3, 7, 1)
    expected = np.array(words[7].split()[1:], dtype=np.float32)
    np.testing.assert_allclose(matrix[vocabulary.index["only"]], expected, atol=1e-5)


@pytest.fixture
def turned(pretrained: Path, tmp_path: Path) -> tuple[Path, np.ndarray]:
    """The vectors of pretrain's words, turned and doubled, as text without subwords; and that map."""
    model = read_model_file(pretrained / "vectors.bin")
    words = [word for word in model.words if word != "</s>"]
    turn = 2 * rotation(4).astype(np.float32)
    path = tmp_path / "turned.vec"
    write_word2vec_text(words, model.vectors(words) @ turn, path)
    return path, turn


def test_words_of_neither_source_get_the_seconds_subwords_in_the_firsts_space(
    dataset: Path, pretrained: Path, turned: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    path, turn = turned
    model = pretrained / "vectors.bin"
    plain, _, _ = align(AlignConfig(vectors=path, min_count=1), dataset, None, tmp_path / "plain")
    config = AlignConfig(vectors=path, second=model, join="fill", min_count=1)
    report, matrix, vocabulary = align(config, dataset, None, tmp_path / "filled")
    exact = read_vectors(VectorFile(model), ["good"], tmp_path).subwords
    assert exact is not None
    missing = [row for row in range(2, len(vocabulary)) if not np.load(tmp_path / "filled" / "has_vector.npy")[row]]
    assert plain["subword_rows"] == 0 < report["subword_rows"] <= len(missing)
    words = [vocabulary.tokens[row] for row in missing]
    usable = exact.vectors(words).any(axis=1)
    np.testing.assert_allclose(matrix[missing][usable], (exact.vectors(words) @ turn)[usable], atol=1e-4)
    assert [source["subwords"] for source in report["sources"]] == ["none", "used"]
    served = Subwords.load(tmp_path / "filled")
    assert served is not None
    np.testing.assert_allclose(
        served.vectors(["unheard", "goodness"]), exact.vectors(["unheard", "goodness"]) @ turn, atol=1e-2
    )


def test_side_by_side_the_seconds_subwords_stand_behind_zeros(
    dataset: Path, pretrained: Path, second: Path, tmp_path: Path
) -> None:
    model = pretrained / "vectors.bin"
    report, matrix, vocabulary = align(
        AlignConfig(vectors=second, second=model, min_count=1), dataset, None, tmp_path / "joined"
    )
    exact = read_vectors(VectorFile(model), ["good"], tmp_path).subwords
    assert exact is not None
    unseen = vocabulary.index["unseen"]
    assert np.array_equal(matrix[unseen], np.concatenate([np.zeros(3, np.float32), exact.vector("unseen")]))
    assert [source["subwords"] for source in report["sources"]] == ["none", "used"]
    served = Subwords.load(tmp_path / "joined")
    assert served is not None
    assert served.dim == 7
    np.testing.assert_allclose(served.vector("unheard"), [0, 0, 0, *exact.vector("unheard")], atol=1e-3)


@pytest.mark.parametrize("join", ["concatenate", "fill"])
def test_of_two_sources_with_subwords_the_firsts_are_used(dataset: Path, pretrained: Path, tmp_path: Path, join: str) -> None:
    config = AlignConfig(second=pretrained / "vectors.bin", join=join, min_count=1)
    report, matrix, vocabulary = align(config, dataset, pretrained, tmp_path / "joined")
    exact = read_vectors(VectorFile(pretrained / "vectors.bin"), ["good"], tmp_path).subwords
    assert exact is not None
    assert [source["subwords"] for source in report["sources"]] == ["used", "not used"]
    assert np.array_equal(matrix[vocabulary.index["unseen"]][:4], exact.vector("unseen"))
    assert not matrix[vocabulary.index["unseen"]][4:].any()


def test_a_second_source_needs_a_first(dataset: Path, tmp_path: Path, second: Path) -> None:
    with pytest.raises(RequestError, match=r"--align\.second joins other vectors, and there are none"):
        align(AlignConfig(second=second), dataset, None, tmp_path / "out")


@pytest.mark.parametrize("knob", ["vocabulary", "member", "second_vocabulary", "second_member"])
def test_a_part_without_its_source_is_refused(knob: str) -> None:
    with pytest.raises(ValueError, match=f"{knob} is given without"):
        AlignConfig(**{knob: "x"})
