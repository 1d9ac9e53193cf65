"""What a packaged model says about a text beside its label: how long it is, and how much of it is new to the model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.register.load import open_package

TEXTS = ["profit rose zyxwv, qqqq", "", "...", "Profit ROSE", "zyxwv"]


@pytest.mark.parametrize("model", ["bag", "cnn", "bag+mean", "fasttext"])
def test_words_that_training_never_met_are_counted(train_tiny: Callable[..., Any], tmp_path: Path, model: str) -> None:
    package = train_tiny(tmp_path, model=model, num_documents=120).package
    classifier = open_package(package).TextClassifier(package)
    reading = classifier.read(TEXTS)
    assert reading.tokens.tolist() == [4, 0, 0, 2, 1]
    assert reading.unseen.tolist() == [2, 0, 0, 0, 1]
    np.testing.assert_array_equal(reading.probabilities, classifier.probabilities(TEXTS))
    assert [len(values) for values in classifier.read([])] == [0, 0, 0, 0]
