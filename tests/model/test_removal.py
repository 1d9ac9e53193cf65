"""Shares by taking words out: what each adds, whatever the view does with words, and nothing remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.classifier import Tokens
from tasks.model.removal import RUNS, RemovalSplit

if TYPE_CHECKING:
    from collections.abc import Callable

TOWARD_C = np.array([1.0, -1.0])


class Said:
    """A view that says what a function makes of a document's tokens, or of its text."""

    reads_unseen_words = True

    def __init__(self, says: Callable[..., float], reads: str = "words") -> None:
        self.says, self.reads = says, reads

    def logits(self, tokens: Tokens) -> np.ndarray:
        read = tokens.texts if self.reads == "text" else tokens.documents
        return np.array([[self.says(each), 0.0] for each in read], np.float32).reshape(-1, 2)

    def unseen(self, tokens: Tokens) -> np.ndarray:
        return np.zeros(len(tokens), np.int64)


def shares(says: Callable[..., float], *documents: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return RemovalSplit(Said(says), Tokens(documents)).toward(np.tile(TOWARD_C, (len(documents), 1)))


def test_of_a_sum_each_word_has_what_it_adds() -> None:
    weights = {"rose": 2.0, "fell": -1.0, "and": 0.25}
    words, alone, _ = shares(
        lambda tokens: 3 + sum(weights[token] for token in tokens), ["rose", "and", "fell", "rose"], [], ["and"]
    )
    assert words == pytest.approx([2, 0.25, -1, 2, 0.25])
    assert alone == pytest.approx([3, 3, 3])


def test_two_words_that_say_something_only_together_share_it() -> None:
    words, alone, _ = shares(lambda tokens: float({"not", "bad"} <= set(tokens)), ["not", "bad"])
    assert words == pytest.approx([0.5, 0.5])
    assert alone == pytest.approx([0])


@given(st.lists(st.sampled_from("abcd"), max_size=3 * RUNS))
def test_the_shares_add_up_whatever_is_said(document: list[str]) -> None:
    words, alone, remainder = shares(lambda tokens: float(len(set(tokens))) ** 2 - len(tokens), document)
    assert len(words) == len(document)
    assert words.sum() + alone[0] == pytest.approx(len(set(document)) ** 2 - len(document), abs=1e-4)
    assert remainder == [0]


def test_a_long_document_is_taken_apart_in_runs_of_neighbours() -> None:
    words, _, _ = shares(lambda tokens: float(tokens.count("rose")), ["rose"] * 10 + ["and"] * (10 * RUNS - 10))
    assert words == pytest.approx([1.0] * 10 + [0.0] * (10 * RUNS - 10))


def test_of_a_view_that_reads_texts_the_words_are_taken_out_of_the_text() -> None:
    read: list[str] = []

    def says(text: str) -> float:
        read.append(text)
        return 2.0 * ("Rose" in text) + ("!" in text)

    places = np.array([0, 5]), np.array([4, 10])
    tokens = Tokens([["rose", "again"]], ["Rose again!"], lambda: places)
    words, alone, _ = RemovalSplit(Said(says, "text"), tokens).toward(TOWARD_C[None])
    assert set(read) == {"Rose again!", "Rose !", " again!", " !"}
    assert words == pytest.approx([2, 0])
    assert alone == pytest.approx([1])
