"""How a text goes on: each setting does what it says, and the same seed writes the same text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.model.language.sampling import Sampling, continued, distribution

if TYPE_CHECKING:
    from collections.abc import Callable


LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], np.float32))
END = 3


def test_without_settings_it_is_the_softmax() -> None:
    assert distribution(LOGITS, [], Sampling()) == pytest.approx([0.5, 0.25, 0.15, 0.1])


def test_temperature() -> None:
    assert distribution(LOGITS, [], Sampling(temperature=0.0)).tolist() == [1, 0, 0, 0]
    squared = np.array([0.25, 0.0625, 0.0225, 0.01])
    assert distribution(LOGITS, [], Sampling(temperature=0.5)) == pytest.approx(squared / squared.sum())


def test_the_likeliest_pieces_are_left() -> None:
    assert distribution(LOGITS, [], Sampling(top_k=2)) == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert distribution(LOGITS, [], Sampling(top_k=99)) == pytest.approx([0.5, 0.25, 0.15, 0.1])
    assert distribution(LOGITS, [], Sampling(top_p=0.7)) == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert distribution(LOGITS, [], Sampling(top_p=0.8)) == pytest.approx([0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0])
    assert distribution(LOGITS, [], Sampling(top_p=0.01)).tolist() == [1, 0, 0, 0]


def test_what_is_there_already_is_made_less_likely() -> None:
    logits = np.array([2.0, 1.0, -1.0], np.float32)
    changed = np.exp([1.0, 1.0, -2.0])
    assert distribution(logits, [0, 2, 2], Sampling(repetition_penalty=2.0)) == pytest.approx(changed / changed.sum())
    assert logits.tolist() == [2.0, 1.0, -1.0]


def test_a_banned_piece_never_comes() -> None:
    for sampling in (Sampling(), Sampling(temperature=0.0), Sampling(top_k=1)):
        assert distribution(LOGITS, [], sampling, banned=[0])[0] == 0


def scripted(*pieces: int) -> Callable[[list[int]], np.ndarray]:
    """Logits by which these pieces follow a prompt of one."""

    def next_logits(ids: list[int]) -> np.ndarray:
        logits = np.full(4, -50.0, np.float32)
        logits[pieces[len(ids) - 1]] = 0.0
        return logits

    return next_logits


def test_it_stops_at_the_end_or_at_the_length() -> None:
    assert continued(scripted(1, 2, END, 1), [0], Sampling(), END) == ([1, 2], True)
    assert continued(scripted(1, 2, END, 1), [0], Sampling(max_tokens=2), END) == ([1, 2], False)


def test_the_seed_decides_and_pieces_come_as_often_as_they_are_likely() -> None:
    def drawn(seed: int) -> list[int]:
        return continued(lambda ids: LOGITS, [0], Sampling(max_tokens=4000, seed=seed), END, banned=[END])[0]

    assert drawn(1) == drawn(1) != drawn(2)
    shares = np.bincount(drawn(1), minlength=3) / 4000
    assert shares == pytest.approx(np.array([0.5, 0.25, 0.15]) / 0.9, abs=0.03)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"max_tokens": 0}, r"max_tokens 0 is out of bounds; give a value from 1 to 10,000"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, r"top_p 0.0 is out of bounds; give a value above 0, up to 1"),
        ({"top_k": 2.5}, r"top_k 2.5 is not an integer"),
        ({"seed": True}, "seed True is not an integer"),
        ({"beams": 4}, r"beams is no setting .*known: max_tokens"),
    ],
)
def test_a_value_out_of_bounds_is_refused(values: dict[str, float], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        Sampling.of(values)
