"""The same recipe by time and at random, and what the difference is said to mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks.config import PipelineConfig
from tasks.evaluate.beside import OtherRows, difference_interval, meaning, measure_beside
from tasks.evaluate.settings import BesideConfig
from tasks.finetune.settings import FinetuneConfig

if TYPE_CHECKING:
    from pathlib import Path


def figures(accuracy: float, rows: int) -> dict[str, Any]:
    return {"accuracy": accuracy, "test_rows": rows}


def test_the_interval_is_newcombes() -> None:
    found = difference_interval(figures(56 / 70, 70), figures(48 / 80, 80))  # his table II, (a)
    assert found == pytest.approx([0.0524, 0.3339], abs=1e-4)


@pytest.mark.parametrize(
    ("one", "words"), [(0.8, "later texts are harder"), (0.9, "may be chance"), (0.99, "later days are easier")]
)
def test_the_difference_is_said_in_words(one: float, words: str) -> None:
    assert words in meaning(difference_interval(figures(one, 500), figures(0.9, 500)))


def test_the_recipe_is_trained_on_the_other_split(reviews: Any, tmp_path: Path) -> None:
    for folder in (out := tmp_path / "out", scratch := tmp_path / "scratch", evaluation := tmp_path / "evaluation"):
        folder.mkdir()
    own = {"accuracy": 0.5, "macro_f1": 0.5, "test_rows": 80, "intervals": {"accuracy": [0.4, 0.6], "macro_f1": [0.4, 0.6]}}
    (evaluation / "metrics.json").write_text(json.dumps(own))
    how = BesideConfig(
        finetune=FinetuneConfig(model="tfidf", threads=1, ngrams=1),
        by="time",
        of_run="hash",
        column="day",
        cut="2024-03-01",
        bootstrap=100,
        seed=1,
    )
    report = measure_beside(how, OtherRows(reviews.dataset, reviews.holdout, reviews.texts), evaluation, out, scratch)
    assert report["at_random"]["accuracy"] == 0.5
    assert report["by_time"]["accuracy"] > 0.7
    assert report["difference"] == pytest.approx(report["by_time"]["accuracy"] - 0.5)
    assert json.loads((out / "beside.json").read_text()) == report


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "evaluate.beside_time is 'day', which ingest.keep does not name"),
        (
            {"ingest": {"keep": ["day", "topic"]}, "prepare": {"split": "group", "split_column": "topic"}},
            "prepare.split is group; leave one of them out",
        ),
        (
            {"ingest": {"keep": ["day", "topic"]}, "prepare": {"split": "time", "split_column": "topic"}},
            "the split is by 'topic'; name that",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PipelineConfig(evaluate={"beside_time": "day"}, **settings)
