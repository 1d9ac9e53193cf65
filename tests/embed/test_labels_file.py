"""Labels in words: what a file of them may hold, and the line that says what is wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.embed.labels_file import read_described
from tasks.embed.similarity import SCALE, described_head, numbered
from tasks.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
template = "{text} It was {mask}."
[labels.good]
description = "All is well."
examples = ["Sales rose", "Profit grew"]
words = ["good", "great"]
[labels."1.0"]
examples = ["Sales fell"]
"""


def written(folder: Path, text: str) -> Path:
    (path := folder / "labels.toml").write_text(text, encoding="utf-8")
    return path


def test_a_label_is_its_description_and_its_examples(tmp_path: Path) -> None:
    described = read_described(written(tmp_path, GOOD))
    assert described.labels == ["1", "good"]  # spelled as those of a corpus are
    assert described.texts(["good", "1"]) == [("All is well.", "Sales rose", "Profit grew"), ("Sales fell",)]
    assert described.words(["good"]) == [("good", "great")]
    assert described.template == "{text} It was {mask}."
    assert numbered(described.texts(["1", "good"]))[1].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[labels.a", "is not TOML"),
        ("", "fewer than two labels; describe each in a part \\[labels.NAME\\]; correct it"),
        ("[labels.a]\ndescription = 'x'", "fewer than two labels"),
        ("[labels]\na = 'x'\nb = 'y'", "labels.a must be a part \\[labels.a\\] with a description or examples"),
        ("[labels.a]\ndescribe = 'x'\n[labels.b]\n", "labels.a.describe is no setting here \\(template, and"),
        ("[labels.a]\ndescription = ' '\n[labels.b]\n", "labels.a.description: string should match"),
        ("[labels.a]\n[labels.' a']\n", "label ' a' is there twice; correct it"),
        ("template = 'It was {mask}.'\n[labels.a]\n[labels.b]\n", "template must have {text} and {mask} once each"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=words) as raised:
        read_described(written(tmp_path, text))
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "labels.toml"))


def test_a_label_without_words_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    described = read_described(written(tmp_path, "[labels.a]\ndescription = 'x'\n[labels.b]\nwords = ['y']"))
    with pytest.raises(RequestError, match=r"label 'b' has no description and no examples .*write them in \[labels.b\]"):
        described.texts(["a", "b"])
    with pytest.raises(RequestError, match=r"label 'c' has no .* \(labels there: a, b\); write them in \[labels.c\]"):
        described.texts(["c"])


def test_a_file_that_is_not_there_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no such file; give a TOML file with \[labels.NAME\]"):
        read_described(tmp_path / "none.toml")


def test_the_head_gives_cosines_with_the_mean_of_a_labels_texts() -> None:
    random = np.random.default_rng(1)
    vectors_TD = random.normal(size=(5, 7)) * np.array([[1], [3], [0.2], [1], [1]])
    labels_T = np.array([0, 0, 0, 1, 2])
    weights_DC, bias_C = described_head(vectors_TD, labels_T)
    assert not bias_C.any()
    unit_TD = vectors_TD / np.linalg.norm(vectors_TD, axis=1, keepdims=True)
    mean_D = unit_TD[:3].mean(0)
    text_D = random.normal(size=7)
    expected = [text_D @ row_D / np.linalg.norm(text_D) / np.linalg.norm(row_D) for row_D in (mean_D, unit_TD[3], unit_TD[4])]
    as_long_D = text_D / np.linalg.norm(text_D) * np.linalg.norm(vectors_TD, axis=1).mean()
    np.testing.assert_allclose(as_long_D @ weights_DC, SCALE * np.array(expected), rtol=1e-5)


def test_a_vector_without_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no length"):
        described_head(np.zeros((2, 3)), np.array([0, 1]))
