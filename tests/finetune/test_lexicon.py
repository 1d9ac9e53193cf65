"""A lexicon: its file, what models count of it, and what it tells of words that no train row has."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.finetune.lexicon import Entry, ngrams_of, open_lexicon, read_lexicon
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD, BAD = ["gain", "rise", "beat"], ["loss", "fall", "miss"]
LINES = """# of the desk
Gain\tup
rise\tup
beat\tup
surge\tup
loss\tdown
FALL\tdown
miss\tdown
plunge\tdown

profit warning\tdown
"""


@pytest.fixture
def news(write_dataset: Callable[..., Path]) -> Path:
    source, rows = random.Random(8), []
    for number in range(160):
        label = ("down", "up")[number % 2]
        said = source.choice(GOOD if label == "up" else BAD)
        tokens = [said, *source.choices(["the", "firm", "saw", "shares", "today"], k=4)]
        rows.append((str(number), "valid" if number % 8 > 5 else "train", label, tokens))
    return write_dataset(rows, ["down", "up"], "news")


@pytest.fixture
def train(news: Path, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], Classifier]]:
    (tmp_path / "lexicon.tsv").write_text(LINES, encoding="utf-8")
    made = iter(range(100))

    def call(**settings: Any) -> tuple[dict[str, Any], Classifier]:
        folder = tmp_path / f"model{next(made)}"
        (scratch := folder.with_name(f"{folder.name}-scratch")).mkdir()
        folder.mkdir()
        report = write_model(FinetuneConfig(threads=1, **settings), news, None, folder, scratch)
        return report, Classifier.load(folder)

    return call


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("gain\tup\nloss down\n", "lexicon.tsv: line 2: 'loss down' is no word with a tab and a label or a weight after it"),
        ("gain\tup\tdown\n", "line 1: 'gain.*' is no word with a tab"),
        ("\tup\n", "line 1"),
        ("gain\t\n", "line 1"),
        ("# nothing\n\n", "no entry in it"),
        ("gain\t0.5\n\nloss\t0,5\n", "line 3: '0,5' is no number, and other lines have weights; give labels or weights"),
        ("\n".join(f"word{n}\t{n}x" for n in range(60)), "60 different labels; give at most 50"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(lines: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text(lines, encoding="utf-8")
    with pytest.raises(RequestError, match=words):
        read_lexicon(tmp_path / "lexicon.tsv")


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_bytes("净利\t1\n".encode("gb18030"))
    with pytest.raises(RequestError, match=r"--finetune.lexicon .*lexicon.tsv"):
        read_lexicon(tmp_path / "lexicon.tsv")


def test_numbers_are_weights_unless_they_are_the_labels(tmp_path: Path) -> None:
    (path := tmp_path / "lexicon.tsv").write_bytes("\ufeffgain\t1\r\nloss\t0\r\n".encode())
    assert read_lexicon(path, ["down", "up"]) == [Entry("gain", "weight", 1.0), Entry("loss", "weight", 0.0)]
    assert read_lexicon(path, ["0", "1"]) == [Entry("gain", "1"), Entry("loss", "0")]


def test_phrases_are_looked_up_by_their_parts(tmp_path: Path) -> None:
    vocabulary, number = ngrams_of([("a", "b", "c"), ("b", "d")])
    ids, offsets = vocabulary.encode([["a", "b", "c"], ["b", "d", "a"], ["c", "b"]])
    found = [set(ids[start:stop].tolist()) for start, stop in pairwise(offsets)]
    assert number["a", "b", "c"] in found[0]
    assert number["b", "d"] in found[1]
    assert found[2] == {number["c",], number["b",]}
    (path := tmp_path / "lexicon.tsv").write_text("a b\tx\n!!\tx\n1 2 3 4 5 6\ty\nc\ty\n")
    lexicon = open_lexicon(path, ["x", "y"], lambda text: [word for word in text.split() if word != "!!"])
    assert (lexicon.names, len(lexicon.ids), lexicon.num_empty, lexicon.num_long) == (["x", "y"], 2, 1, 1)
    path.write_text("!!\tx\n")
    with pytest.raises(RequestError, match="nothing is left of its 1 entries"):
        open_lexicon(path, ["x", "y"], lambda text: [])


@pytest.mark.parametrize("settings", [{"model": "tfidf"}, {"model": "tfidf", "refit": True}, {"model": "bag", "epochs": 1}])
def test_words_that_no_row_has_are_known_from_the_lexicon(
    settings: dict[str, Any], train: Callable[..., Any], tmp_path: Path
) -> None:
    report, classifier = train(lexicon=tmp_path / "lexicon.tsv", ngrams=2, **settings)
    assert report["lexicon"] == {
        "entries": 9,
        "in no train row": 3,
        "of no token": 0,
        "longer than 5 tokens": 0,
        "entries of down": 5,
        "entries of up": 4,
    }
    texts = [["surge", "today"], ["plunge", "today"], ["the", "profit", "warning"], ["unheard", "today"]]
    up_4 = classifier.probabilities(texts)[:, classifier.labels.index("up")]
    assert up_4[0] > up_4[3] + 0.05
    assert up_4[1] < up_4[3] - 0.05
    assert up_4[2] < up_4[3] - 0.05
    split = classifier.split(Tokens(texts))
    shares = split.toward(np.array([[-1.0, 1.0]] * 4))
    first = np.cumsum([0, 2, 2, 3])
    sums_4 = shares.alone + shares.remainder + np.add.reduceat(shares.words, first)
    np.testing.assert_allclose(sums_4, np.log(up_4 / (1 - up_4)), rtol=1e-4, atol=1e-5)


def test_a_lexicon_of_which_nothing_is_met_is_warned_of(train: Callable[..., Any], tmp_path: Path) -> None:
    (path := tmp_path / "other.tsv").write_text("Gewinn\tup\n")
    report, _ = train(model="tfidf", ngrams=1, lexicon=path)
    assert "is in any train row" in report["warnings"][0]


def test_a_lexicon_enters_the_key_only_where_there_is_one(tmp_path: Path) -> None:
    assert "lexicon" not in FinetuneConfig().model_dump()
    assert FinetuneConfig(lexicon=tmp_path).model_dump()["lexicon"] == tmp_path
