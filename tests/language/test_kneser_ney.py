"""The yardstick: a worked example by hand, probabilities that sum to one, and a slow model of dictionaries beside it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from tasks.language.kneser_ney import KneserNey

A, B, C, END = 0, 1, 2, 3
NUM = 4


def texts(*rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([piece for row in rows for piece in row], np.int32), np.cumsum([0, *map(len, rows)])


def test_a_bigram_model_is_that_of_a_worked_example() -> None:
    """Train: `a b` and `a c`. Bigrams: <a 2, ab 1, ac 1, b> 1, c> 1; before a, b, c stands one piece, before the end two."""
    model = KneserNey.fit(*texts([A, B], [A, C]), 2, NUM, END)
    lower, upper = model.levels
    assert upper.discount == pytest.approx(4 / (4 + 2 * 1))  # four bigrams once, one twice
    assert lower.discount == pytest.approx(3 / (3 + 2 * 1))  # a, b and c follow one piece, the end follows two
    d, e = 2 / 3, 3 / 5

    def unigram(continuations: int) -> float:
        return (continuations - e) / 5 + e * 4 / 5 * 1 / 4

    expected = [
        (2 - d) / 2 + d * 1 / 2 * unigram(1),  # a behind the beginning, which a alone follows
        (1 - d) / 2 + d * 2 / 2 * unigram(1),  # b behind a, which two pieces follow
        (1 - d) / 1 + d * 1 / 1 * unigram(2),  # the end behind b
        d * 1 / 2 * unigram(1),  # b behind the beginning, where it was not seen
        (1 - d) / 1 + d * 1 / 1 * unigram(2),
    ]
    found = [*model.probabilities(*texts([A, B])), *model.probabilities(*texts([B]))]
    assert found == pytest.approx(expected)


def slow(train: list[list[int]], order: int, context: tuple[int, ...], piece: int) -> float:
    """The same by dictionaries."""
    counts: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
    seen: list[dict[tuple[int, ...], set[int]]] = [defaultdict(set) for _ in range(order + 1)]
    for row in train:
        padded = [END] * (order - 1) + row + [END]
        for at in range(order - 1, len(padded)):
            gram = tuple(padded[at - order + 1 : at + 1])
            counts[order][gram] += 1
            for length in range(1, order):
                seen[length][gram[-length:]].add(gram[-length - 1])
    for length in range(1, order):
        counts[length] = Counter({gram: len(before) for gram, before in seen[length].items()})
    probability = 1 / NUM
    for length in range(1, order + 1):
        known = counts[length]
        once, twice = (sum(count == wanted for count in known.values()) for wanted in (1, 2))
        discount = min(once / (once + 2 * twice), 0.99) if once else 0.5
        behind = {gram: count for gram, count in known.items() if gram[:-1] == context[len(context) - length + 1 :]}
        if total := sum(behind.values()):
            own = max(known[(*context[len(context) - length + 1 :], piece)] - discount, 0)
            probability = (own + discount * len(behind) * probability) / total
    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_it_agrees_with_a_model_of_dictionaries_and_sums_to_one(order: int) -> None:
    source = random.Random(order)
    train = [[source.choice([A, A, B, C]) for _ in range(source.randint(0, 6))] for _ in range(12)]
    model = KneserNey.fit(*texts(*train), order, NUM, END)
    for before in ([], [A], [B, A], [C, C, C, B], [A, B, A, B, A]):
        context = (*[END] * (order - 1), *before)[len(before) :] if order > 1 else ()
        found = [model.probabilities(*texts([*before, piece]))[len(before)] for piece in range(NUM)]
        assert found == pytest.approx([slow(train, order, context, piece) for piece in range(NUM)])
        assert sum(found) == pytest.approx(1.0)


def test_a_longer_context_helps_and_the_model_is_not_moved_by_the_order_of_the_texts() -> None:
    rows = [[A, B, C, A], [B, B, A], [A, B, C, C]] * 3
    bits = [-np.log2(KneserNey.fit(*texts(*rows), order, NUM, END).probabilities(*texts(rows[0]))).sum() for order in (1, 3)]
    assert bits[1] < bits[0]
    turned = KneserNey.fit(*texts(*rows[::-1]), 3, NUM, END).probabilities(*texts([A, B, C]))
    assert turned == pytest.approx(KneserNey.fit(*texts(*rows), 3, NUM, END).probabilities(*texts([A, B, C])))
