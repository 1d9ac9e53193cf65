"""Texts of concurrent requests in one batch: every client gets the answers to its own texts, by the version it met."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.register.models import LoadedModel
from tasks.score.predict import predict_texts
from tasks.serve import batching
from tasks.serve.batching import Batcher
from tasks.serve.predictions import Labelled, label
from tasks.serve.request import Refusal
from tests.served import FILLER, WORDS


def texts(number: int) -> list[str]:
    source = random.Random(number)
    words = [*FILLER, *WORDS["positive"], *WORDS["negative"], "zzz"]
    return [" ".join(source.choices(words, k=source.randint(0, 6))) for _ in range(number)]


def together(requests: list[tuple[LoadedModel, list[str], bool]]) -> tuple[list[Any], list[Labelled]]:
    """What each of concurrent requests gets, and the batches that were made."""
    batches: list[Labelled] = []

    async def run() -> list[Any]:
        batcher = Batcher(batches.append)
        asked = (batcher.label(loaded, given, explain=explain) for loaded, given, explain in requests)
        try:
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            batcher.close()

    return asyncio.run(run()), batches


def test_the_answers_are_those_of_textmill_predict(loaded: LoadedModel) -> None:
    given = ["profit rose", "", "zzz", "!?", "the loss"]
    labelled = label(loaded, given)
    expected = predict_texts(loaded, given)
    assert labelled.predictions == expected
    assert [each["reason"] is None for each in expected] == [True, False, False, expected[3]["reason"] is None, True]
    assert labelled.tokens >= labelled.unseen > 0


def test_each_request_gets_its_own_answers_and_they_share_batches(loaded: LoadedModel) -> None:
    requests = [texts(number) for number in (0, 1, 5, 300, 2, 40)]
    answers, batches = together([(loaded, each, False) for each in requests])
    assert answers == [predict_texts(loaded, each) for each in requests]
    assert len(batches[0].predictions) == 1 + 5 + batching.SLICE + 2 + 40  # a part of the large one beside all the others
    assert sum(len(batch.predictions) for batch in batches) == sum(map(len, requests))


def test_a_batch_is_of_one_version(loaded: LoadedModel) -> None:
    other = replace(loaded, version=2, model=Flipped(loaded.model))
    given = texts(7)
    (first, second, third), batches = together([(loaded, given, False), (other, given, False), (loaded, given, False)])
    assert first == third == predict_texts(loaded, given)
    probabilities = [(each["probabilities"] or {}) for each in first]
    swapped = [{"negative": each["positive"], "positive": each["negative"]} if each else {} for each in probabilities]
    assert [each["probabilities"] or {} for each in second] == swapped
    assert [len(batch.predictions) for batch in batches] == [14, 7]


def test_an_explanation_comes_with_those_who_asked_for_it(loaded: LoadedModel) -> None:
    (plain, why), _ = together([(loaded, ["profit rose"], False), (loaded, ["profit rose"], True)])
    assert "explanation" not in plain[0]
    assert why[0]["explanation"]["label"] == "positive"


def test_a_text_that_the_model_fails_on_fails_its_own_request_alone(loaded: LoadedModel) -> None:
    fragile = replace(loaded, model=Fragile(loaded.model))
    (good, bad), _ = together([(fragile, ["profit rose"], False), (fragile, ["BOOM"], False)])
    assert good == predict_texts(loaded, ["profit rose"])
    assert isinstance(bad, ZeroDivisionError)


def test_a_request_beyond_what_may_wait_is_refused(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_WAITING", 10)
    (first, second), _ = together([(loaded, texts(8), False), (loaded, texts(3), False)])
    assert len(first) == 8
    assert isinstance(second, Refusal)
    assert second.status == 503


class Wrapped:
    """A model around another."""

    def __init__(self, model: Any) -> None:
        self.model, self.labels = model, model.labels


class Flipped(Wrapped):
    """Says the opposite."""

    def read(self, given: list[str]) -> Any:
        reading = self.model.read(given)
        return reading._replace(probabilities=np.ascontiguousarray(reading.probabilities[:, ::-1]))


class Fragile(Wrapped):
    """Fails on a text."""

    def read(self, given: list[str]) -> Any:
        if "BOOM" in given:
            raise ZeroDivisionError(given)
        return self.model.read(given)
