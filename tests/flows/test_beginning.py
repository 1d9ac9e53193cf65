"""Whether a run may go on from its name's champion, and what it says if not."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from flows.warm import _forgot_since, why_not
from tasks.align.settings import AlignConfig
from tasks.config import PipelineConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.forget.forgotten import forgotten_list, remember
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.register.champion import Champion
from tasks.register.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path


def champion(folder: Path, *, lineage: bool = True, **finetune: Any) -> Champion:
    settings = FinetuneConfig(**{"model": "bag", **finetune})
    if lineage:
        (folder / "lineage.json").write_text('{"start": null, "generation": 0, "batches": []}')
    recipe = Recipe(prepare=PrepareConfig(), pretrain=PretrainConfig(), align=AlignConfig(), finetune=settings)
    return Champion(4, settings.model, folder, recipe.tags(), 10.0)


def told(folder: Path, before: Champion | None, tested: int = 0, **values: Any) -> str:
    record: Any = SimpleNamespace(store=SimpleNamespace(data_root=folder))
    finetune = {"model": "bag", "start": "champion", **values.pop("finetune", {})}
    return why_not(record, PipelineConfig.model_validate({"finetune": finetune, **values}), before, tested)


def test_a_champion_with_the_same_settings_is_a_start_on_whatever_threads(tmp_path: Path) -> None:
    assert told(tmp_path, champion(tmp_path, threads=3), finetune={"threads": 2, "fresh_every": 7}) == ""


@pytest.mark.parametrize(
    ("before", "values", "words"),
    [
        ({"model": "tfidf"}, {}, "the champion, version 4, is tfidf, and this run trains bag"),
        ({"lineage": False}, {}, "the champion, version 4, does not tell its rows"),
        ({"ngrams": 2}, {}, "the champion, version 4, was made with another finetune.ngrams"),
        ({"bag": {"lr": 0.5}}, {}, "was made with another finetune.bag.lr"),
        ({"model": "cnn"}, {"finetune": {"model": "cnn"}, "pretrain": {"dim": 50}}, "was made with another pretrain.dim"),
        ({}, {"evaluate": {"promise": "folds"}}, "evaluate.promise folds counts on rows that no model before has seen"),
        ({"model": "fasttext"}, {"finetune": {"model": "fasttext"}}, "fasttext is always trained anew"),
    ],
)
def test_what_keeps_a_run_from_it_is_said_in_a_line(
    before: dict[str, Any], values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    said = told(tmp_path, champion(tmp_path, **before), **values)
    assert words in said
    assert "\n" not in said


def test_a_model_that_has_seen_test_rows_is_no_start(tmp_path: Path) -> None:
    assert told(tmp_path, champion(tmp_path), tested=2).endswith("was trained on 2 of today's test rows")
    assert told(tmp_path, None) == "there is no champion yet, or none that can be read"


def test_what_was_forgotten_before_a_model_was_made_is_not_in_it(tmp_path: Path) -> None:
    assert not _forgot_since(10.0, tmp_path)
    remember(tmp_path, ["a text that somebody wants to be forgotten"])
    listed = forgotten_list(tmp_path)
    assert listed is not None
    os.utime(listed, (20.0, 20.0))
    assert _forgot_since(10.0, tmp_path)
    assert not _forgot_since(30.0, tmp_path)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"finetune": {"fresh_every": 3}}, "fresh_every is for start champion"),
        ({"evaluate": {"beside_fresh": True}}, "evaluate.beside_fresh compares training on from the champion"),
    ],
)
def test_settings_of_a_start_without_one_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PipelineConfig.model_validate(values)


def test_a_start_is_in_no_key_and_in_no_recipe() -> None:
    plain, starting = FinetuneConfig(model="bag"), FinetuneConfig(model="bag", start="champion", fresh_every=7)
    assert "start" not in plain.model_dump()
    assert starting.keyed().model_dump() == plain.keyed().model_dump()
    assert starting.model_dump()["start"] == "champion"
