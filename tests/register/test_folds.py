from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.register import folds
from tasks.register.evidence import Folds
from tasks.register.folds import FoldsConfig, num_splits, write_folds
from tasks.register.recipe import Recipe


def recipe(model: str = "tfidf", valid_share: float = 0.2, **finetune: Any) -> Recipe:
    return Recipe(
        prepare=PrepareConfig(near_duplicates=False, valid_share=valid_share),
        pretrain=PretrainConfig(),
        align=AlignConfig(),
        finetune=FinetuneConfig(model=model, threads=1, **finetune),
    )


def measured(trained: Any, folder: Path, champion: Recipe, challenger: Recipe, **options: Any) -> dict[str, Any]:
    for name in ("folds", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    asked = {"splits": 10, "seconds": 1e6, "champion_package": trained.package} | options
    config = FoldsConfig(challenger=challenger, champion=champion, **asked)
    return write_folds(config, trained.dataset, trained.prepared / "texts", folder / "folds", folder / "scratch")


def test_a_recipe_that_reads_nothing_loses_to_one_that_reads(trained: Any, tmp_path: Path) -> None:
    blind = recipe(ngram_min_documents=150)  # of 200 rows hardly a word is in so many
    report = measured(trained, tmp_path, recipe(), blind)
    found = Folds.of(report, "champion")
    assert len(found.accuracy) == report["splits"] == 10
    assert found.accuracy.mean() < -0.2
    assert found.macro_f1.mean() < -0.2
    assert report["rows"] == 200
    assert (found.train_rows, found.test_rows) == (180, 20)
    assert list((tmp_path / "folds").iterdir()) == [tmp_path / "folds" / "folds.json"]


def test_every_row_is_held_out_once_in_ten_splits_with_even_labels(trained: Any) -> None:
    asked = FoldsConfig(challenger=recipe(), champion=recipe(), champion_package=trained.package, splits=20, seconds=1.0)
    rows, _ = folds._read_rows(asked, trained.dataset, trained.prepared / "texts")
    splits = list(folds._splits(rows, 20))
    labels = np.array(rows.table["label"].to_pylist())
    for ten in (splits[:10], splits[10:]):
        assert (np.sum(ten, axis=0) == 1).all()
    assert (splits[0] != splits[10]).any()
    assert {(labels[split] == "positive").sum() for split in splits} == {10}


def test_the_same_recipe_on_the_same_rows_is_no_evidence(trained: Any, tmp_path: Path) -> None:
    report = measured(trained, tmp_path, recipe(), recipe())
    assert report["differences"] == {}
    assert report["reasons"] == {"champion": "its recipe and its rows are the challenger's"}


def test_the_rows_that_came_in_since_count(trained: Any, train_tiny: Callable[..., Any], tmp_path: Path) -> None:
    smaller = train_tiny(tmp_path / "smaller", num_documents=380)  # the first rows of the same corpus
    report = measured(trained, tmp_path, recipe(), recipe(), champion_package=smaller.package)
    assert report["reasons"] == {}
    assert len(report["differences"]["champion"]["accuracy"]) == 10


def test_a_challenger_that_went_on_goes_on_from_the_champions_model_of_the_split(
    trained: Any, train_tiny: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smaller = train_tiny(tmp_path / "smaller", num_documents=300)
    read, begin = [], folds.write_begin

    def told(*given: Any) -> dict[str, Any]:
        read.append(begin(*given))
        return read[-1]

    monkeypatch.setattr(folds, "write_begin", told)
    report = measured(trained, tmp_path, recipe(), recipe(), champion_package=smaller.package, goes_on=True)
    assert report["reasons"] == {}
    assert len(report["differences"]["champion"]["accuracy"]) == len(read) == 10
    assert all(each["reason"] == "" and 20 < each["new"] < 60 for each in read)
    assert report["accuracy"] > 0.9
    assert list((tmp_path / "folds").iterdir()) == [tmp_path / "folds" / "folds.json"]


def test_a_champion_whose_rows_are_gone_is_not_retrained(trained: Any, retrained: Any, tmp_path: Path) -> None:
    report = measured(trained, tmp_path, recipe(), recipe("bag"), champion_package=retrained.package)
    assert report["reasons"]["champion"].startswith("the corpus has ")
    assert "of the 200 rows that it was trained on" in report["reasons"]["champion"]


def test_a_recipe_that_does_not_run_any_more_is_a_reason_and_no_failure(trained: Any, tmp_path: Path) -> None:
    lost = recipe().model_copy(update={"prepare": PrepareConfig(stop_words=tmp_path / "gone.txt")})
    report = measured(trained, tmp_path, lost, recipe())
    assert "does not run any more" in report["reasons"]["champion"]
    (tmp_path / "turned").mkdir()
    turned = measured(trained, tmp_path / "turned", recipe(), lost)
    assert "challenger's recipe does not train on a fold" in turned["reasons"]["champion"]


def test_ten_folds_that_take_too_long_are_given_up_after_two(trained: Any, tmp_path: Path) -> None:
    report = measured(trained, tmp_path, recipe(), recipe("bag", epochs=1), seconds=1e-6)
    assert report["splits"] <= 2
    assert report["reasons"]["champion"].startswith("10 folds take longer than register.fold_minutes")


def test_splits_that_were_trained_before_a_kill_are_not_trained_again(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = folds.train_recipe
    calls: list[int] = []

    def killed_at_the_fourth(*arguments: Any, **given: Any) -> Any:
        if len(calls) == 6:  # two recipes beside each of three splits
            raise KeyboardInterrupt
        calls.append(1)
        return train(*arguments, **given)

    monkeypatch.setattr(folds, "train_recipe", killed_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        measured(trained, tmp_path, recipe(), recipe(ngrams=1))

    def counted(*arguments: Any, **given: Any) -> Any:
        calls.append(1)
        return train(*arguments, **given)

    monkeypatch.setattr(folds, "train_recipe", counted)
    assert measured(trained, tmp_path, recipe(), recipe(ngrams=1))["splits"] == 10
    assert len(calls) == 2 * 10


def test_the_number_of_splits_follows_from_the_rows() -> None:
    assert [num_splits(rows) for rows in (100, 3_333, 5_000, 10_000)] == [30, 30, 20, 10]
    with pytest.raises(RequestError, match="10,001 rows are too many"):
        num_splits(10_001)
