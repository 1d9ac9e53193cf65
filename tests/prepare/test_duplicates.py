import itertools
import random
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.prepare.documents import pack
from tasks.prepare.duplicates import exact_firsts, near_groups
from tasks.prepare.minhash import NUM_HASHES, SHINGLE, signatures, token_hashes
from tests.examples import examples


def signatures_of(documents: list[list[str]]) -> np.ndarray:
    num_tokens = np.array([len(document) for document in documents], np.int32)
    _, utf8, starts = pack(["\n".join(document).encode() for document in documents], num_tokens)
    return signatures(token_hashes(utf8, starts), num_tokens)


def groups_of(documents: list[list[str]], similarity: float = 0.8) -> Any:
    everything = np.array([bool(document) for document in documents])
    return near_groups(signatures_of(documents), np.arange(len(documents), dtype=np.int32), everything, similarity)


def words(rng: Random, count: int) -> list[str]:
    return [f"w{rng.randrange(5000)}" for _ in range(count)]


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "né", "中文字", "x" * 40]), max_size=9), max_size=9))
def test_pack_is_what_arrow_would_build(documents: list[list[str]]) -> None:
    num_tokens = np.array([len(document) for document in documents], np.int32)
    tokens, utf8, starts = pack(["\n".join(document).encode() for document in documents], num_tokens)
    tokens.validate(full=True)
    assert tokens.to_pylist() == documents
    flat = [token.encode() for document in documents for token in document]
    assert [bytes(utf8[a:b]) for a, b in itertools.pairwise(starts)] == flat


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=12), min_size=1, max_size=6))
def test_a_signature_depends_on_its_own_document_alone(documents: list[list[str]]) -> None:
    together = signatures_of(documents)
    alone = np.concatenate([signatures_of([document]) for document in documents])
    assert (together == alone).all()


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=30))
@examples(50)
def test_a_signature_is_the_minimum_over_the_set_of_shingles(document: list[str]) -> None:
    """Of a document that repeats itself the shingles are the same but at the seam: the minimum can only fall."""
    once, twice = signatures_of([document, document * 2])
    if len(document) >= SHINGLE:
        assert (twice <= once).all()
        thrice = signatures_of([document * 3])[0]
        assert (thrice == twice).all()


def test_token_hashes_do_not_depend_on_blocks_or_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    document = ["".join(rng.choices("abcdeé", k=rng.randrange(1, 70))) for _ in range(200)]
    num_tokens = np.array([200], np.int32)
    _, utf8, starts = pack(["\n".join(document).encode()], num_tokens)
    whole = token_hashes(utf8, starts)
    monkeypatch.setattr("tasks.prepare.minhash._BLOCK_BYTES", 50)
    assert (token_hashes(utf8, starts) == whole).all()
    assert len(np.unique(whole)) == len(set(document))
    assert len(token_hashes(utf8[:0], starts[:1])) == 0


def test_signatures_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(2)
    documents = [rng.choices("abcdefgh", k=rng.randrange(0, 40)) for _ in range(100)]
    whole = signatures_of(documents)
    monkeypatch.setattr("tasks.prepare.minhash._BLOCK_SHINGLES", 30)
    assert (signatures_of(documents) == whole).all()


def test_estimate_is_near_the_true_similarity() -> None:
    rng = random.Random(3)
    errors = []
    for _ in range(60):
        document = words(rng, 200)
        other = document[: rng.randrange(100, 200)] + words(rng, 30)
        first, second = ({tuple(d[i : i + SHINGLE]) for i in range(len(d) - SHINGLE + 1)} for d in (document, other))
        true = len(first & second) / len(first | second)
        one, two = signatures_of([document, other])
        errors.append((one == two).sum() / NUM_HASHES - true)
    assert abs(np.mean(errors)) < 0.03
    assert np.std(errors) < 0.12


def test_near_duplicates_are_grouped_and_others_are_not() -> None:
    rng = random.Random(5)
    documents = [words(rng, 100) for _ in range(300)]
    copies = [[*document[:-2], "other", "end"] for document in documents[:50]]
    groups = groups_of(documents + copies)
    assert groups[:300].tolist() == list(range(300))
    assert groups[300:].tolist() == list(range(50))


def test_short_documents_are_compared_whole() -> None:
    documents = [["very", "good"], ["good", "very"], ["very", "good"], ["good"], []]
    assert groups_of(documents).tolist() == [0, 1, 0, 3, 4]


def test_chains_and_buckets_larger_than_the_window() -> None:
    rng = random.Random(7)
    template = words(rng, 300)
    documents = [[*template, f"tail{i}"] for i in range(500)]
    assert set(groups_of(documents).tolist()) == {0}


@pytest.mark.parametrize("block", [3, 1 << 16])
def test_groups_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    rng = random.Random(11)
    base = [words(rng, 60) for _ in range(20)]
    documents = [[*base[rng.randrange(20)], *words(rng, 1)] for _ in range(100)]
    expected = groups_of(documents).tolist()
    monkeypatch.setattr("tasks.prepare.duplicates._BLOCK", block)
    assert groups_of(documents).tolist() == expected
    assert 20 <= len(set(expected)) < 60


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.booleans()), max_size=20))
def test_exact_firsts(rows: Any) -> None:
    fingerprints = np.array([(a, b) for a, b, _ in rows], np.uint64).reshape(-1, 2)
    considered = np.array([c for _, _, c in rows], bool)
    firsts = exact_firsts(fingerprints, considered)
    for row, (a, b, is_considered) in enumerate(rows):
        same = [other for other, (c, d, e) in enumerate(rows) if (a, b) == (c, d) and e]
        assert firsts[row] == (same[0] if is_considered else row)
