"""A recipe on folds, through the whole flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import textmill
from flows.against import other_recipe
from flows.commands.settings import resolve_folds
from tasks.config import FoldsConfig
from tasks.errors import RequestError

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root") / "data"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path := tmp_path_factory.mktemp("other") / "other.toml").write_text(
        '[finetune]\nmodel = "bag"\nepochs = 2\nthreads = 1\n[ingest]\npath = "elsewhere.csv"\n'
    )
    return path


def config(data_root: Path, corpus: Path, **asked: Any) -> FoldsConfig:
    values = {
        "name": "folded",
        "ingest": {"path": corpus},
        "finetune": {"threads": 1, "model": "tfidf"},
        "runtime": {"data_root": data_root, "workers": 1},
        "folds": 3,
        **asked,
    }
    return FoldsConfig.model_validate(values)


@pytest.fixture(scope="module")
def result(data_root: Path, corpus: Path, other: Path, prefect_server: str) -> dict[str, Any]:
    from flows.folds import folds

    return folds(config(data_root, corpus, against=str(other)))


def test_every_train_and_validation_row_is_scored_and_the_test_rows_are_not(result: dict[str, Any], data_root: Path) -> None:
    store = data_root / "store"
    dataset = pq.read_table(store / "prepare" / result["stages"]["prepare"]["key"] / "dataset/dataset.parquet")
    rows = [row["id"] for row in dataset.to_pylist() if row["split"] != "unlabelled"]
    assert sorted(pq.read_table(result["predictions"]).column("id").to_pylist()) == sorted(rows)
    assert result["rows"] == len(rows)
    assert result["accuracy"]["interval"][0] < result["accuracy"]["mean"] < result["accuracy"]["interval"][1]


def test_the_other_recipe_is_beside_it_and_nothing_is_registered(result: dict[str, Any]) -> None:
    assert result["against"]["title"] == "other.toml"
    assert len(result["against"]["by_fold"]) == 3
    assert "register" not in result["stages"]
    page = Path(result["report"]).read_text()
    assert "Against" in page
    assert "other.toml" in page


def test_the_same_again_builds_nothing_and_keeps_every_fold_from_gc(
    result: dict[str, Any], data_root: Path, corpus: Path, other: Path
) -> None:
    from flows.folds import folds

    again = folds(config(data_root, corpus, against=str(other)))
    assert all(stage["cached"] for stage in again["stages"].values())
    record = json.loads((data_root / "runs" / f"{again['flow_run_id']}.json").read_text())
    assert len(set(record["parts"]["fold_score"])) == 6
    assert again["accuracy"] == result["accuracy"]
    assert textmill.runs(data_root=data_root) == []  # no training run


def test_a_recipe_that_prepares_rows_otherwise_is_refused(data_root: Path, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[prepare]\nlowercase = false\n[finetune]\nmodel = "bag"\n')
    asked = config(data_root, corpus)
    with pytest.raises(RequestError, match=r"has prepare.lowercase False, and this run True: .* --prepare.lowercase"):
        other_recipe(str(tmp_path / "other.toml"), asked, None)  # type: ignore[arg-type]
    (tmp_path / "other.toml").write_text('[finetune]\nmodel = "bog"\n')
    with pytest.raises(RequestError, match=r"other.toml: finetune.model: unknown model 'bog'"):
        other_recipe(str(tmp_path / "other.toml"), asked, None)  # type: ignore[arg-type]


def test_folds_are_asked_for_beside_the_settings_of_a_training(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_REPEATS", "2")
    asked = resolve_folds(
        ["--folds", "5", "--ingest.path", str(corpus), "--finetune.model", "bag", "--finetune.bag.lr", "0.05"]
    )
    assert (asked.folds, asked.repeats, asked.name) == (5, 2, "news")
    with pytest.raises(RequestError, match=r"^--folds '1': .*greater than or equal to 2"):
        resolve_folds(["--folds", "1"])
    with pytest.raises(RequestError, match=r"textmill folds --help"):
        resolve_folds(["--fold", "3"])
    with pytest.raises(RequestError, match=r"no configuration file .*lost.toml"):
        resolve_folds(["--against", str(tmp_path / "lost.toml")])
