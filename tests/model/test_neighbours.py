"""The nearest questions are those that a comparison with every question finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfTransformer

from tasks.model.neighbours import DenseIndex, Sparse, SparseIndex, _best, index_of, mean_vectors, open_index

NGRAMS = 7
SETS = st.lists(st.sets(st.integers(0, NGRAMS - 1)), min_size=1, max_size=8)


def sparse(sets: list[set[int]]) -> Sparse:
    ids = np.array([each for found in sets for each in sorted(found)], np.int32)
    return Sparse(ids, np.append(0, np.cumsum([len(found) for found in sets], dtype=np.int64)), NGRAMS)


def counted(sets: list[set[int]]) -> np.ndarray:
    counts = np.zeros((len(sets), NGRAMS))
    for row, found in enumerate(sets):
        counts[row, sorted(found)] = 1
    return counts


@given(SETS, SETS)
def test_ngrams_are_weighted_as_scikit_learn_weights_them(questions: list[set[int]], texts: list[set[int]]) -> None:
    weights = TfidfTransformer().fit(counted(questions))
    cosines = (weights.transform(counted(texts)) @ weights.transform(counted(questions)).T).toarray()
    numbers, found = SparseIndex(sparse(questions)).nearest(sparse(texts), 3)
    assert np.allclose(found, -np.sort(-cosines, axis=1)[:, :3], atol=1e-6)
    assert np.allclose(np.take_along_axis(cosines, numbers, axis=1), found, atol=1e-6)


def test_vectors_are_compared_by_their_angle_and_equal_ones_keep_their_order() -> None:
    index = DenseIndex(np.array([[2.0, 0.0], [0.0, 3.0], [5.0, 0.0], [0.0, 0.0]], np.float32))
    numbers, cosines = index.nearest(np.array([[1.0, 0.0], [0.0, 0.0]], np.float32), 3)
    assert numbers[0].tolist() == [0, 2, 1]
    assert np.allclose(cosines, [[1, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("made", [np.eye(3, dtype=np.float32), sparse([{1, 2}, set(), {2, 3}])])
def test_what_is_stored_finds_the_same(made: np.ndarray | Sparse) -> None:
    first, again = index_of(made), open_index(index_of(made).arrays())
    for one, other in zip(first.nearest(made, 2), again.nearest(made, 2), strict=True):
        assert np.array_equal(one, other)


def test_fewer_questions_than_asked_for_are_all_there_are() -> None:
    numbers, cosines = index_of(sparse([{1}])).nearest(sparse([]), 3)
    assert numbers.shape == cosines.shape == (0, 1)


def test_a_text_without_words_has_no_direction() -> None:
    rows_TD = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert mean_vectors(rows_TD, np.array([0, 2, 2, 3])).tolist() == [[2, 3], [0, 0], [5, 6]]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=5, max_size=5), min_size=1, max_size=4))
def test_of_equally_near_questions_the_earlier_comes_first(cosines: list[list[float]]) -> None:
    cosine_NM = np.array(cosines, np.float32)
    numbers, found = _best(cosine_NM, 3)
    assert numbers.tolist() == np.argsort(-cosine_NM, axis=1, kind="stable")[:, :3].tolist()
    assert np.array_equal(found, -np.sort(-cosine_NM, axis=1)[:, :3])
