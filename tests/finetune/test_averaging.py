from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
import torch

from tasks.finetune.documents import Documents
from tasks.finetune.kinds.ca import averaging
from tasks.finetune.kinds.ca.averaging import carried_on, reciprocal_averages
from tasks.model.ngrams import chunks

if TYPE_CHECKING:
    from pathlib import Path


def documents(*sets: list[int]) -> Documents:
    lengths = [len(ids) for ids in sets]
    flat = np.array([number for ids in sets for number in ids], np.int32)
    return Documents(flat, np.cumsum([0, *lengths]), np.zeros(len(sets), np.int64), pa.array(map(str, range(len(sets)))))


@pytest.fixture
def drawn() -> Documents:
    """40 documents of 3 to 9 of 30 n-grams, one of them empty."""
    source = np.random.default_rng(3)
    sets = [sorted(source.choice(30, source.integers(3, 10), replace=False).tolist()) for _ in range(39)]
    return documents([], *sets)


def test_features_are_as_if_the_document_alone_had_been_left_out(drawn: Documents) -> None:
    averages = reciprocal_averages(drawn, 30, dim=5, rounds=3, seed=1)
    left_out_ND = averages.features_left_out(drawn.head(20)).numpy()
    vectors_ND, sets = (
        averages.documents.numpy(),
        [drawn.ids[a:b] for a, b in zip(drawn.offsets, drawn.offsets[1:], strict=False)],
    )
    assert left_out_ND.shape == (20, 5)
    for row in range(1, 20):
        wanted_D = np.zeros(5)
        for ngram in sets[row]:
            others = [vectors_ND[other] for other in range(len(sets)) if other != row and ngram in sets[other]]
            wanted_D += np.mean(others, axis=0) if others else 0
        np.testing.assert_allclose(left_out_ND[row], wanted_D / np.sqrt(len(sets[row])), atol=1e-5)
    assert not left_out_ND[0].any()
    assert np.abs(left_out_ND - averages.features(drawn.head(20)).numpy()).max() > 0.01


def test_the_first_axis_parts_documents_as_that_of_correspondence_analysis() -> None:
    """Documents of equal length in two unlinked halves and a bridge: the first axis parts them, as the SVD says."""
    sets = [
        [0, 1, 2, 12],
        [0, 1, 3, 12],
        [1, 2, 3, 12],
        [0, 2, 3, 12],
        [6, 7, 8, 12],
        [6, 7, 9, 12],
        [7, 8, 9, 12],
        [6, 8, 9, 12],
    ]
    averages = reciprocal_averages(documents(*sets), 13, dim=1, rounds=40, seed=2)
    table_NK = np.zeros((8, 13))
    for row, ids in enumerate(sets):
        table_NK[row, ids] = 1
    counts_K = np.maximum(table_NK.sum(0), 1)
    axes_NN, _, _ = np.linalg.svd(table_NK / np.sqrt(counts_K) / 2)
    assert (np.sign(averages.documents[:, 0].numpy()) == np.sign(axes_NN[:, 1])).mean() in (0.0, 1.0)
    assert averages.ngrams[12].abs() < 1e-5


def test_ngrams_that_never_meet_come_together_through_others() -> None:
    """0 and 1 stand with 2, 3 and 4 with 5, and 6 with everything: 0 is nearer to 1, which it never meets, than to 3."""
    sets = [[0, 2, 6], [1, 2, 6], [3, 5, 6], [4, 5, 6]] * 10
    vectors_KD = reciprocal_averages(documents(*sets), 7, dim=2, rounds=10, seed=0).ngrams
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(vectors_KD[0], vectors_KD[1], dim=0) > cosine(vectors_KD[0], vectors_KD[3], dim=0) + 0.5


def test_more_axes_than_the_table_has_and_no_ngrams_at_all_stay_finite(drawn: Documents) -> None:
    wide = reciprocal_averages(drawn, 30, dim=64, rounds=4, seed=0)
    assert torch.isfinite(wide.ngrams).all()
    assert torch.isfinite(wide.features_left_out(drawn)).all()
    none = reciprocal_averages(documents([], []), 0, dim=3, rounds=2, seed=0)
    assert none.ngrams.shape == (0, 3)
    assert not none.features(documents([], [])).any()
    assert reciprocal_averages(documents(), 0, dim=3, rounds=2, seed=0).documents.shape == (0, 3)


def test_a_read_only_map_gives_the_same_bits(drawn: Documents, tmp_path: Path) -> None:
    drawn.ids.tofile(tmp_path / "ids")
    mapped = Documents(np.memmap(tmp_path / "ids", np.int32, "r"), drawn.offsets, drawn.labels, drawn.names)
    first, second = (reciprocal_averages(rows, 30, dim=6, rounds=3, seed=4) for rows in (drawn, mapped))
    assert torch.equal(first.ngrams, second.ngrams)
    assert not torch.equal(first.ngrams, reciprocal_averages(drawn, 30, dim=6, rounds=3, seed=5).ngrams)


def test_rounds_may_be_carried_on_with_the_same_documents_or_with_more(drawn: Documents) -> None:
    at_once = reciprocal_averages(drawn, 30, dim=6, rounds=5, seed=4)
    later = carried_on(reciprocal_averages(drawn, 30, dim=6, rounds=3, seed=4), drawn, rounds=2)
    for one, other in zip(
        (at_once.ngrams, at_once.documents, at_once.counts), (later.ngrams, later.documents, later.counts), strict=True
    ):
        assert torch.allclose(one, other, atol=5e-3)  # the n-grams between the two calls are in full precision
    half = drawn.head(len(drawn) // 2)
    wider = carried_on(reciprocal_averages(half, 30, dim=6, rounds=3, seed=4), drawn, rounds=1)
    assert torch.equal(wider.counts, at_once.counts)
    assert len(wider.documents) == len(drawn)


def test_sums_that_float16_does_not_hold_are_brought_down_and_up_again(
    monkeypatch: pytest.MonkeyPatch, drawn: Documents
) -> None:
    """With a bound that every n-gram and document exceeds the vectors are what they are without one."""
    plain = reciprocal_averages(drawn, 30, dim=4, rounds=4, seed=4)
    monkeypatch.setattr(averaging, "LARGEST", 2.0)
    bounded = reciprocal_averages(drawn, 30, dim=4, rounds=4, seed=4)
    assert torch.allclose(plain.ngrams, bounded.ngrams, atol=5e-3)


def test_long_documents_that_share_rare_n_grams_do_not_overflow() -> None:
    """The random numbers of the start are above 1, and the mean of an n-gram of two documents is as large as they are."""
    rare = list(range(20, 60_000))
    rows = documents(*([number, number + 1, number + 2] for number in range(18)), rare, rare)
    averages = reciprocal_averages(rows, 60_000, dim=16, rounds=3, seed=1)
    assert torch.isfinite(averages.ngrams).all()
    assert torch.isfinite(averages.documents).all()


def test_threads_of_our_own_give_the_same_bits(monkeypatch: pytest.MonkeyPatch, drawn: Documents) -> None:
    """In pieces of a few documents, so that each thread has some."""
    monkeypatch.setattr(averaging, "chunks", lambda ids, offsets: chunks(ids, offsets, 10))
    one, three = (reciprocal_averages(drawn, 30, dim=4, rounds=4, seed=4, cores=cores) for cores in (1, 3))
    assert torch.equal(one.ngrams, three.ngrams)
    assert torch.equal(one.documents, three.documents)


def test_rounds_in_float16_end_where_those_in_full_precision_do(monkeypatch: pytest.MonkeyPatch, drawn: Documents) -> None:
    half = reciprocal_averages(drawn, 30, dim=4, rounds=4, seed=4)
    monkeypatch.setattr(torch.Tensor, "half", torch.Tensor.float)
    full = reciprocal_averages(drawn, 30, dim=4, rounds=4, seed=4)
    assert not torch.equal(half.ngrams, full.ngrams)
    assert torch.allclose(half.ngrams, full.ngrams, atol=5e-3)
