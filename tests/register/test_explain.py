"""An explanation's shares add up to what the model says, and its words are where the text has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.model.serving import TextClassifier
from tests.register.conftest import BAD, GOOD, Train

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "Profit <b>rose</b>, profit ROSE and its loss shrank",
    "the company said that sales plunged in record growth",
    "zyxwv",
    "",
    "fell " * 50,
]


@pytest.fixture(scope="module", params=["bag", "tfidf", "tfidf+bag", "ca"])
def model(request: pytest.FixtureRequest, train_tiny: Train, tmp_path_factory: pytest.TempPathFactory) -> TextClassifier:
    labels = {"negative": BAD, "positive": GOOD, "neutral": [*GOOD[:3], *BAD[:3]]}
    return TextClassifier(train_tiny(tmp_path_factory.mktemp("explained"), model=request.param, labels=labels).package)


def test_shares_add_up_to_the_log_odds_of_the_probabilities(model: TextClassifier) -> None:
    likely_NC = np.log(model.probabilities(TEXTS).astype(np.float64))
    for label in model.labels:
        column = model.labels.index(label)
        others_N = np.delete(likely_NC, column, axis=1).mean(1)
        for row, explanation in enumerate(model.explain(TEXTS, [label] * len(TEXTS))):
            if explanation is None:
                assert not TEXTS[row]
                continue
            assert explanation.label == label
            total = explanation.bias + sum(word.share for word in explanation.words)
            assert total == pytest.approx(explanation.log_odds)
            assert explanation.log_odds == pytest.approx(likely_NC[row, column] - others_N[row], abs=1e-4)


def test_the_label_is_the_predicted_one_and_words_are_where_the_text_has_them(model: TextClassifier) -> None:
    for text, explanation, predicted in zip(TEXTS, model.explain(TEXTS), model.predict(TEXTS), strict=True):
        if explanation is None:
            continue
        assert predicted["label"] in (explanation.label, None)
        assert [text[word.start : word.end].lower() for word in explanation.words] == [word.word for word in explanation.words]


def test_sums_of_n_grams_explain(model: TextClassifier) -> None:
    assert model.explains


def test_an_unknown_word_has_no_share(model: TextClassifier) -> None:
    (explanation,) = model.explain(["zyxwv"])
    assert explanation is not None
    assert [word.share for word in explanation.words] == [0.0]
    assert explanation.log_odds == explanation.bias


def test_a_model_that_is_no_sum_over_words_says_so(train_tiny: Train, tmp_path: Path) -> None:
    model = TextClassifier(train_tiny(tmp_path, model="bag+cnn").package)
    assert not model.explains
    with pytest.raises(RequestError, match="the view cnn cannot be explained"):
        model.explain(["profit rose"])
