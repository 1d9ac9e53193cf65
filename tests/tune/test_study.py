"""The trials of a search: asked for, compared on the same folds, kept through a kill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks.config import TuneConfig
from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.finetune.search import Among, Between, is_searched, space_of, with_values
from tasks.finetune.settings import FinetuneConfig
from tasks.tune.candidates import Candidates, candidates_of
from tasks.tune.clock import Clock
from tasks.tune.study import COMPLETE, FAILED, LOST, OUT_OF_TIME, Study, best_of

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = FinetuneConfig(model="tfidf", threads=1)
GIVEN = FinetuneConfig(threads=1)


@pytest.fixture
def candidates() -> Candidates:
    return candidates_of(GIVEN, DEFAULT, ["bag", "tfidf"], named=False)


def complete(study: Study, scores: list[float]) -> int:
    asked = study.ask()
    for fold, score in enumerate(scores):
        if study.report(asked.number, fold, score, 1.0):
            study.tell(asked.number, LOST)
            return asked.number
    study.tell(asked.number, COMPLETE)
    return asked.number


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if is_searched(kind)])
def test_every_value_of_a_space_is_one_that_the_kind_takes(name: str) -> None:
    config = FinetuneConfig(model=name)
    space = space_of(config)
    assert space
    for place, span in space.items():
        for value in span.values if isinstance(span, Among) else (span.low, span.high):
            whole = isinstance(span, Between) and span.whole
            made = with_values(config, {place: int(value) if whole else json.loads(json.dumps(value))})
            assert made.model == name


def test_a_setting_that_is_given_is_not_searched() -> None:
    space = space_of(FinetuneConfig.model_validate({"model": "bag", "ngrams": 2, "bag": {"lr": 0.05}}))
    assert not {"ngrams", "bag.lr"} & space.keys()
    assert "bag.dropout" in space


def test_a_model_that_is_named_is_the_only_one_that_is_searched(candidates: Candidates) -> None:
    named = candidates_of(DEFAULT, DEFAULT, [], named=True)
    assert list(named.sections) == ["tfidf"]
    every = candidates_of(GIVEN, DEFAULT, [], named=False)
    assert next(iter(every.sections)) == "tfidf"
    assert {"bag", "fasttext", "bag+tfidf", "cnn"} <= every.sections.keys()
    assert not {"encoder", "cloze"} & every.sections.keys()  # nothing is there for them to start from
    assert list(candidates.sections) == ["tfidf", "bag"]
    with pytest.raises(RequestError, match=r"needs the package|no weights to start from"):
        candidates_of(GIVEN, DEFAULT, ["encoder"], named=False)


def test_the_default_is_first_then_each_model_by_its_defaults_then_what_is_searched(
    candidates: Candidates, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study.db", candidates, seed=1)
    complete(study, [0.8, 0.8, 0.8])
    complete(study, [0.9, 0.9, 0.9])
    third = study.ask()
    assert [(each.model, each.values, each.state) for each in study.trials()[:2]] == [
        ("tfidf", {}, COMPLETE),
        ("bag", {}, COMPLETE),
    ]
    assert third.values
    assert candidates.made(third.model, third.values).model == third.model
    assert best_of(study.trials()).number == 1
    study.close()


def test_a_trial_that_is_worse_on_every_fold_ends_early(candidates: Candidates, tmp_path: Path) -> None:
    study = Study(tmp_path / "study.db", candidates, seed=1)
    complete(study, [0.8, 0.85, 0.8, 0.8, 0.82])
    loser = complete(study, [0.7, 0.75, 0.7, 0.7, 0.72])
    ended = study.trials()[loser]
    assert (ended.state, len(ended.folds)) == (LOST, 2)
    better = complete(study, [0.81, 0.86, 0.81, 0.81, 0.83])
    assert study.trials()[better].state == COMPLETE
    study.close()


def test_a_killed_trial_fails_and_its_candidate_is_asked_for_again(candidates: Candidates, tmp_path: Path) -> None:
    study = Study(tmp_path / "study.db", candidates, seed=1)
    complete(study, [0.8, 0.8])
    complete(study, [0.7, 0.9])
    killed = study.ask()
    study.report(killed.number, 0, 0.75, 2.0)
    study.spend(12.0)
    study.close()
    again = Study(tmp_path / "study.db", candidates, seed=1)
    assert again.trials()[killed.number].state == FAILED
    asked = again.ask()
    assert (asked.model, asked.values) == (killed.model, killed.values)
    assert asked.number == killed.number + 1
    assert again.spent == 12.0
    assert not again.seen(asked)
    again.close()


def test_a_killed_default_is_asked_for_again_as_the_default(candidates: Candidates, tmp_path: Path) -> None:
    study = Study(tmp_path / "study.db", candidates, seed=1)
    study.ask()
    passed_over = study.ask()
    study.tell(passed_over.number, OUT_OF_TIME, OUT_OF_TIME)
    study.close()
    again = Study(tmp_path / "study.db", candidates, seed=1)
    asked = [again.ask() for _ in range(2)]
    assert {(each.model, len(each.values), each.default) for each in asked} == {("tfidf", 0, True), ("bag", 0, False)}
    assert again.default_is_open
    number = next(each.number for each in asked if each.default)
    again.report(number, 0, 0.5, 1.0)
    again.tell(number, COMPLETE)
    assert not again.default_is_open
    assert best_of(again.trials()).default  # whatever its number is
    again.close()


def test_nothing_is_begun_that_cannot_be_confirmed_in_time() -> None:
    clock = Clock(budget=100.0, folds=5, default="tfidf")
    clock.note("tfidf", 2.0)
    assert clock.fold_seconds("bag") == 2.0  # as the default's, until one is known
    assert clock.allows(5, 2.0)  # 10 s, and 20 s for the confirmation
    assert not clock.allows(5, 10.0)  # 50 s and 60 s
    clock.note("bag", 9.0)
    assert clock.allows(5, clock.fold_seconds("tfidf"))
    assert not clock.allows(5, clock.fold_seconds("bag"))
    assert not clock.allows(5, 2.0, best_seconds=17.0)  # the best so far has to be confirmed, if this one is no better
    assert Clock(budget=100.0, folds=5, default="tfidf", before=90.0).left < 10.0


def test_other_settings_and_code_of_any_model_begin_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import tune
    from tasks.store.artifact import Fingerprints

    def name(asked: dict[str, Any], finetune: dict[str, Any]) -> str:
        given = FinetuneConfig.model_validate({"threads": 1, **finetune})
        config = TuneConfig.model_validate({"ingest": {"path": tmp_path}, **asked})
        made = candidates_of(given, given.with_model("tfidf"), ["bag", "cnn"], named=False)
        return tune.study_name("key", config, made, Fingerprints(tmp_path / "fingerprints"))

    first = name({}, {})
    assert name({"minutes": 3, "trials": 2}, {}) == first
    others = [
        name({}, {"model": "bag", "bag": {"batch_size": 8}}),
        name({"search_seed": 14}, {}),
        name({"pretrain": {"dim": 7}}, {}),
    ]
    monkeypatch.setattr(tune, "library_versions", lambda names: dict.fromkeys(names, "0"))
    others.append(name({}, {}))
    assert len({first, *others}) == 5
