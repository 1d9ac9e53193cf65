"""The sentiment towards each name, from the part that speaks of it, from the marked text, or from the text."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from tasks.towards.mark import MARK, MARKS_NAME, marked
from tasks.towards.parts import Mention, Mentioned
from tasks.towards.towards import sentiment_towards, trained_on_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Reader:
    """Knows `good` and `bad`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, list[str | None]]:
        self.asked += texts
        bad_N = np.array([0.9 if "bad" in text else 0.2 for text in texts], np.float32)
        reasons = [None if "bad" in text or "good" in text else "no_known_word" for text in texts]
        return np.stack([bad_N, 1 - bad_N], axis=1), reasons


def mentioned(text: str, *names: str) -> Mentioned:
    return Mentioned(text, [Mention(name, text.index(name), text.index(name) + len(name)) for name in names])


def test_only_texts_with_several_names_are_read_in_parts() -> None:
    read = Reader()
    found = [mentioned("A is bad", "A"), mentioned("none at all"), mentioned("B is good, but A is bad", "B", "A")]
    told = sentiment_towards(found, np.array([[0.7, 0.3], [0.5, 0.5], [0.6, 0.4]], np.float32), read)
    assert read.asked == ["A is bad", "B is good"]
    assert (told.rows.tolist(), told.names, told.origins) == ([0, 2, 2], ["A", "A", "B"], ["text", "clause", "clause"])
    np.testing.assert_allclose(told.probabilities[:, 0], [0.7, 0.9, 0.2], atol=1e-6)


def test_a_part_in_which_nothing_is_read_leaves_the_text() -> None:
    told = sentiment_towards([mentioned("A is bad; B", "A", "B")], np.array([[0.6, 0.4]], np.float32), Reader())
    assert told.origins == ["clause", "text"]
    np.testing.assert_allclose(told.probabilities[:, 0], [0.9, 0.6], atol=1e-6)


def test_a_model_of_pairs_reads_each_name_marked() -> None:
    read = Reader()
    found = [mentioned("A is bad", "A"), mentioned("B is good, but A is bad", "B", "A")]
    told = sentiment_towards(found, np.full((2, 2), 0.5, np.float32), read, by_pair=True)
    assert read.asked == [f"{MARK}  is bad", f"{MARK}  is bad", f"{MARK}  is good"]
    assert told.origins == ["pair", "pair", "pair"]


def test_without_texts_and_without_names_there_is_nothing() -> None:
    for found in ([], [mentioned("none")]):
        told = sentiment_towards(found, np.full((len(found), 2), 0.5, np.float32), Reader())
        assert (told.probabilities.shape, told.names) == ((0, 2), [])


def test_the_mark_takes_the_place_of_the_name_or_stands_before_the_text() -> None:
    assert marked("Tesco rose, Tesco fell", [(12, 17), (0, 5)]).split() == [MARK, "rose,", MARK, "fell"]
    assert marked("sales rose", []) == f"{MARK} sales rose"


def test_a_package_says_whether_its_model_was_trained_on_pairs(tmp_path: Path) -> None:
    model = SimpleNamespace(folder=tmp_path)
    assert not trained_on_pairs(model)
    (tmp_path / "text.json").write_text(json.dumps({"html": True}))
    assert not trained_on_pairs(model)
    (tmp_path / "text.json").write_text(json.dumps({MARKS_NAME: True}))
    assert trained_on_pairs(model)
    assert not trained_on_pairs(SimpleNamespace())
