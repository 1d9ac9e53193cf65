"""The byte model of <unk>: a slow one of dictionaries beside it, and what is left of a word that was never seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.model.language.spelling import ORDER, STOP, SYMBOLS, Spelling

if TYPE_CHECKING:
    from pathlib import Path


WORDS = [b"profit", b"profits", b"loss", b"lost", b"a", b""]
WEIGHTS = np.array([3, 1, 2, 1, 4, 1])


def slow() -> dict[tuple[int, ...], Counter[int]]:
    """How often each symbol follows each context of up to three."""
    follow: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for word, weight in zip(WORDS, WEIGHTS.tolist(), strict=True):
        symbols = [STOP] * (ORDER - 1) + [*word, STOP]
        for at in range(ORDER - 1, len(symbols)):
            for length in range(ORDER):
                follow[tuple(symbols[at - length : at])][symbols[at]] += weight
    return follow


def probability(follow: dict[tuple[int, ...], Counter[int]], context: tuple[int, ...], symbol: int) -> float:
    found = 1 / SYMBOLS
    for length in range(ORDER):
        own = follow.get(context[len(context) - length :], Counter())
        if total := own.total():
            found = (own[symbol] + len(own) * found) / (total + len(own))
    return found


def test_it_agrees_with_a_model_of_dictionaries_whose_symbols_sum_to_one() -> None:
    model, follow = Spelling.fit(WORDS, WEIGHTS), slow()
    asked = [b"profit", b"lo", b"", b"zyx", "利润".encode(), b"post"]
    expected = []
    for word in asked:
        symbols = (STOP,) * (ORDER - 1) + (*word, STOP)
        steps = [(symbols[at - ORDER + 1 : at], symbols[at]) for at in range(ORDER - 1, len(symbols))]
        expected.append(-sum(np.log2(probability(follow, *step)) for step in steps))
        for context, _ in steps:
            assert sum(probability(follow, context, symbol) for symbol in range(SYMBOLS)) == pytest.approx(1)
    assert model.bits(asked) == pytest.approx(expected)


def test_a_word_of_train_costs_less_than_one_that_is_unlike_all() -> None:
    model = Spelling.fit(WORDS, WEIGHTS)
    known, unlike = model.bits([b"profit", b"qzvxkw"])
    assert known < 16 < unlike


def test_without_a_word_each_symbol_costs_the_same(tmp_path: Path) -> None:
    model = Spelling.fit([], np.zeros(0, np.int64))
    model.save(tmp_path)
    assert Spelling.load(tmp_path).bits([b"abc"]) == pytest.approx([4 * np.log2(SYMBOLS)])


def test_what_is_read_again_is_the_same(tmp_path: Path) -> None:
    model = Spelling.fit(WORDS, WEIGHTS)
    model.save(tmp_path)
    assert np.array_equal(Spelling.load(tmp_path).bits([b"losses", b"x"]), model.bits([b"losses", b"x"]))
    assert len(Spelling.load(tmp_path).bits([])) == 0
