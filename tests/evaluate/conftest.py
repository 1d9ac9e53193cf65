from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.evaluate.evaluation import Evaluation, evaluate_classifier
from tasks.evaluate.settings import EvaluateConfig
from tasks.evaluate.yardstick import write_yardstick
from tests.writers import write_dataset, write_holdout, write_texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    import pyarrow as pa


class Corpus:
    """Folders as prepare writes them, from rows of (id, split, label, tokens).

    `text_of` makes a row's text of its tokens; without it they are joined by blanks.
    """

    def __init__(
        self,
        folder: Path,
        rows: list[tuple[str, str, str | None, list[str]]],
        text_of: Callable[[list[str]], str] = " ".join,
    ) -> None:
        self.dataset, self.holdout, self.texts = folder / "dataset", folder / "holdout", folder / "holdout_texts"
        test = [row for row in rows if row[1] == "test"]
        write_dataset(self.dataset, [row for row in rows if row[1] != "test"])
        write_holdout(self.holdout, test)
        write_texts(self.texts, [(row[0], row[1], text_of(row[3])) for row in test])

    def evaluation(self, config: EvaluateConfig, yardstick: Path | None = None) -> Evaluation:
        """What is evaluated on these rows."""
        return Evaluation(config, self.dataset, self.holdout, self.texts, yardstick)


class WordClassifier:
    """Probabilities from how often each label's telling word occurs; knows no more than that."""

    reads_text = False

    def __init__(self, words: dict[str, str]) -> None:
        self.labels = sorted(words)
        self.words = words
        self.calls: list[int] = []

    def probabilities(self, tokens: pa.Array, texts: object = None) -> np.ndarray:
        self.calls.append(len(tokens))
        counts = [[list(document).count(self.words[label]) for label in self.labels] for document in tokens.to_pylist()]
        strength = np.exp(np.asarray(counts, dtype=np.float64).reshape(len(tokens), len(self.labels)))
        return (strength / strength.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def make_corpus(tmp_path: Path) -> Callable[..., Corpus]:
    return lambda rows, **options: Corpus(tmp_path, rows, **options)


@pytest.fixture(scope="session")
def evaluated(reviews: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Path]:
    """Report and folder of an evaluation, and the folder of its yardstick; to be read only."""
    yardstick, folder = tmp_path_factory.mktemp("yardstick"), tmp_path_factory.mktemp("evaluate")
    config = EvaluateConfig(bootstrap=200, num_errors=3)
    history = {"bag": [{"epoch": 1, "train_loss": 0.5, "valid_loss": 0.4, "valid_accuracy": 0.8}]}
    write_yardstick(config, reviews.dataset, reviews.holdout, yardstick)
    report = evaluate_classifier(reviews.evaluation(config, yardstick), word_classifier(), history, folder)
    return report, folder, yardstick


def review_rows(num: int = 400, seed: int = 0) -> list[tuple[str, str, str | None, list[str]]]:
    """Documents of two labels that words tell apart most of the time."""
    generator = np.random.default_rng(seed)
    filler = ["the", "film", "plot", "was", "seen", "twice", "a", "cast"]
    rows: list[tuple[str, str, str | None, list[str]]] = []
    for number in range(num):
        label = ("bad", "good")[number % 2]
        telling = label if generator.random() < 0.85 else ("good" if label == "bad" else "bad")
        tokens = [*generator.choice(filler, size=6).tolist(), telling]
        split = ("train", "train", "train", "test", "valid")[number // 2 % 5]
        rows.append((f"{split}/{number:04d}", split, label, tokens))
    return rows


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("reviews"), review_rows())


@pytest.fixture
def classifier() -> WordClassifier:
    return word_classifier()


def word_classifier() -> WordClassifier:
    return WordClassifier({"bad": "bad", "good": "good"})
