"""An explanation's shares add up to what the model says, and its words are where the text has them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tasks.model.serving import TextClassifier
from tests.register.conftest import BAD, GOOD, Train

TEXTS = [
    "Profit <b>rose</b>, profit ROSE and its loss shrank",
    "the company said that sales plunged in record growth",
    "zyxwv",
    "",
    "fell " * 50,
]


@pytest.fixture(scope="module", params=["bag", "tfidf", "tfidf+bag", "ca", "bag+cnn", "fasttext"])
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
            total = explanation.bias + sum(word.share for word in explanation.words) + explanation.remainder
            assert total == pytest.approx(explanation.log_odds)
            assert explanation.log_odds == pytest.approx(likely_NC[row, column] - others_N[row], abs=1e-4)


def test_the_label_is_the_predicted_one_and_words_are_where_the_text_has_them(model: TextClassifier) -> None:
    for text, explanation, predicted in zip(TEXTS, model.explain(TEXTS), model.predict(TEXTS), strict=True):
        if explanation is None:
            continue
        assert predicted["label"] in (explanation.label, None)
        assert [text[word.start : word.end].lower() for word in explanation.words] == [word.word for word in explanation.words]


def test_answers_with_their_words_are_the_answers(model: TextClassifier) -> None:
    ((answer, explained),) = model.answer_explained(TEXTS)
    alone = model.answer(TEXTS)
    assert [part.tolist() for part in answer] == [part.tolist() for part in alone]
    assert len(explained.words) == answer.tokens.sum() == len(explained.shares)
    whole = [None if why is None else [word.share for word in why.words] for why in model.explain(TEXTS)]
    assert [explained.shares[start:stop].tolist() or None for start, stop in pairwise(explained.first)] == whole


def test_a_sum_over_n_grams_leaves_nothing_and_gives_an_unknown_word_nothing(model: TextClassifier) -> None:
    kinds = set(model._classifier.views)
    assert model.explains_quickly == ("fasttext" not in kinds)
    if kinds & {"cnn", "fasttext"}:  # these read letters of unknown words
        return
    (explanation,) = model.explain(["zyxwv"])
    assert explanation is not None
    assert [word.share for word in explanation.words] == [0.0]
    assert explanation.log_odds == explanation.bias
    assert {why.remainder for why in model.explain(TEXTS) if why is not None} == {0.0}
