"""Which model auto is: by the train rows alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tasks.finetune.choose import choose, choose_model, with_model
from tasks.finetune.kind import Size
from tasks.finetune.kinds.tfidf.settings import FEW_TOKENS
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.finetune.choose import Choice


@pytest.mark.parametrize(
    ("rows", "tokens", "classes", "model"),
    [
        (1_300, 26_000, 3, "tfidf"),  # Financial PhraseBank
        (4_100, 82_000 // 2, 2, "tfidf"),  # titles of financial news
        (18_000, 4_200_000, 2, "bag"),  # film reviews
        (2_200, 24_000, 77, "tfidf"),  # requests in many classes
        (22_000, 240_000, 150, "tfidf"),
        (1_000_000, 90_000_000, 150, "bag"),  # tfidf's weights would not fit into memory
    ],
)
def test_little_text_and_many_classes_are_for_tfidf(rows: int, tokens: int, classes: int, model: str) -> None:
    assert choose(Size(rows, tokens, classes)).model == model


def long_documents(write_dataset: Callable[..., Path], length: int) -> Choice:
    rows = [(f"{at}", "train" if at % 3 else "valid", "ab"[at % 2], ["word"] * length) for at in range(900)]
    return choose_model(write_dataset(rows, ["a", "b"], f"of-{length}"))


def test_only_train_rows_are_counted_and_no_more_than_the_choice_needs(write_dataset: Callable[..., Path]) -> None:
    fitting = FEW_TOKENS // 600
    found = long_documents(write_dataset, fitting)
    assert (found.model, found.reason) == ("tfidf", f"600 train rows of {600 * fitting:,} tokens in 2 classes")
    found = long_documents(write_dataset, fitting + 1)
    assert (found.model, found.reason) == ("bag", "600 train rows of over 80,000 tokens in 2 classes")


def test_a_model_is_trained_under_the_name_that_was_chosen(dataset: Path, tmp_path: Path) -> None:
    for name in ("model", "scratch"):
        (tmp_path / name).mkdir()
    report = write_model(FinetuneConfig(), dataset, None, tmp_path / "model", tmp_path / "scratch")
    assert list(report["views"]) == list(json.loads((tmp_path / "model" / "model.json").read_text())["views"]) == ["tfidf"]
    asked = FinetuneConfig(model="bag")
    assert with_model(asked, dataset) is asked
