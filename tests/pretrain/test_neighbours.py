from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.pretrain import space as space_module
from tasks.pretrain.neighbours import MAX_CLASSES, class_words, frequent_words, neighbours_of
from tasks.pretrain.space import WordSpace
from tests.writers import Row, write_dataset

if TYPE_CHECKING:
    from pathlib import Path


def test_frequent_words_are_those_that_say_something() -> None:
    assert frequent_words(["the", "king", "queen", "of", "s", "cabbage", "12", "的", "电"]) == [
        "king",
        "queen",
        "cabbage",
        "电",
    ]
    assert len(frequent_words([f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"])) == 10
    assert frequent_words([]) == []


def test_neighbours_come_by_cosine_whatever_a_vectors_length() -> None:
    words = ["king", "queen", "cabbage", "nothing"]
    matrix = np.array([[3, 0, 0], [0.9, 0.1, 0], [0, 0.5, 0], [0, 0, 0]], np.float32)
    found = neighbours_of(WordSpace(words, matrix), ["queen", "KING", "nothing", "unheard"])
    assert list(found) == ["queen", "KING"]
    assert found["KING"][0] == ("queen", pytest.approx(0.9939, abs=1e-4))
    assert [word for word, _ in found["queen"]] == ["king", "cabbage", "nothing"]


@pytest.mark.parametrize("block", [8192, 10])
def test_neighbours_are_those_of_the_whole_product(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(97, 6)).astype(np.float32)
    words = [f"w{number}" for number in range(97)]
    rows = generator.permutation(97)[:30]
    cosines = (unit := matrix / np.linalg.norm(matrix, axis=1, keepdims=True)) @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    expected = [[words[place] for place in np.argsort(-cosines[row])[:4]] for row in rows]
    monkeypatch.setattr(space_module, "BLOCK", block)
    space = WordSpace(words, matrix)
    assert [[word for word, _ in space.nearest(words[row], 4)] for row in rows] == expected


def test_a_single_word_has_no_neighbours() -> None:
    assert WordSpace(["alone"], np.ones((1, 2), np.float32)).nearest("alone", 5) == []


def test_a_word_is_found_as_it_is_spelled_else_in_lower_case() -> None:
    space = WordSpace(["paris", "Paris", "athens", "paris"], np.eye(4, dtype=np.float32))
    assert [space.row(word) for word in ("Paris", "paris", "PARIS", "Athens", "Rome")] == [1, 0, 0, 2, -1]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Train rows of three classes; what the others hold must not count."""
    cues = {"good": ["superb", "film"], "bad": ["awful", "film"], "rare": ["odd", "film"]}
    rows: list[Row] = [
        (f"{label}{number}", "train", label, ["the", "plot", *cues[label]]) for label in cues for number in range(20)
    ]
    rows = rows[:45]  # five of the class `rare`
    rows += [("v", "valid", "good", ["unseen"] * 50), ("u", "unlabelled", None, ["unread"] * 50), ("e", "train", "good", [])]
    return write_dataset(tmp_path, rows)


def test_class_words_are_those_a_class_has_more_of(dataset: Path) -> None:
    found = class_words(dataset, ["the", "film", "plot", "superb", "awful", "odd", "unseen", "unread"])
    assert list(found) == ["good", "bad", "rare"]  # the largest first
    assert {label: words[0] for label, words in found.items()} == {"good": "superb", "bad": "awful", "rare": "odd"}
    assert not {"the", "unread", "unseen"} & {word for words in found.values() for word in words}
    assert class_words(dataset, ["the", "12"]) == {}


def test_only_the_largest_classes_have_their_words_shown(tmp_path: Path) -> None:
    labels = [f"label{number:02}" for number in range(MAX_CLASSES + 5)]
    words = ["alpha", "bravo", "carol", "delta"]
    rows: list[Row] = [
        (f"{label}/{copy}", "train", label, [words[number % 4]])
        for number, label in enumerate(labels)
        for copy in range(3 + number)
    ]
    write_dataset(tmp_path, rows, labels)
    assert list(class_words(tmp_path, words)) == labels[::-1][:MAX_CLASSES]
