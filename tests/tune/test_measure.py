"""A recipe on a fold of rows, and the gathering of all folds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.certainty.rows import labelled
from tasks.evaluate.predictions import PREDICTIONS
from tasks.finetune.settings import FinetuneConfig
from tasks.tune.deal import FOLDS, SCHEMA, SCORES, read_deal, write_deal
from tasks.tune.gather import OTHER, OWN, RESULT, fold_name, write_gathered
from tasks.tune.interval import difference_of_folds, mean_of_folds, one_sided_p
from tasks.tune.measure import OnRows, score_fold
from tasks.tune.page import render_folds
from tasks.tune.settings import DealConfig, GatherConfig, HeldFold
from tests.certainty.conftest import made_rows
from tests.writers import write_dataset, write_texts

if TYPE_CHECKING:
    from pathlib import Path

GOOD, POOR = (
    FinetuneConfig(model="tfidf", threads=1),
    FinetuneConfig.model_validate({"model": "tfidf", "threads": 1, "tfidf": {"min_documents": 400}}),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three folds of a good recipe and of one that knows no word, and the folder `dataset`."""
    folder = tmp_path_factory.mktemp("measured")
    rows, _ = made_rows(300, 0.05)
    dataset = write_dataset(folder / "dataset", rows)
    texts = write_texts(folder / "texts", [(name, split, " ".join(tokens)) for name, split, _, tokens in rows])
    (folder / "deal").mkdir()
    write_deal(DealConfig(folds=3, seed=13), dataset, folder / "deal")
    found = {"dataset": dataset, "deal": folder / "deal"}
    for whose, recipe in ((OWN, GOOD), (OTHER, POOR)):
        for fold in range(3):
            place = folder / fold_name(whose, 0, fold)
            (place / "scratch").mkdir(parents=True)
            score_fold(HeldFold(finetune=recipe, fold=fold), OnRows(dataset, folder / "deal", texts), place, place / "scratch")
            found[place.name] = place
    return found


def folds_of(measured: dict[str, Path]) -> dict[str, Path]:
    return {name: place for name, place in measured.items() if name.startswith((OWN, OTHER))}


def test_each_labelled_row_is_scored_once_and_never_trained_on(measured: dict[str, Path]) -> None:
    scored = [pq.read_table(measured[fold_name(OWN, 0, fold)] / PREDICTIONS).column("id").to_pylist() for fold in range(3)]
    every = sorted(labelled(measured["dataset"], "train")[0] + labelled(measured["dataset"], "valid")[0])
    assert sorted(name for part in scored for name in part) == every
    for fold, part in enumerate(scored):
        assert sorted(part) == sorted(read_deal(measured["deal"], fold))
        trained = (
            pq.read_table(measured[fold_name(OWN, 0, fold)] / "scratch/rows/dataset/dataset.parquet").column("id").to_pylist()
        )
        assert not set(trained) & set(part)
        assert len(trained) + len(part) == len(every)  # rows without a label are read by no n-gram


def test_folds_are_gathered_beside_those_of_another_recipe(measured: dict[str, Path], tmp_path: Path) -> None:
    how = GatherConfig(folds=3, title="tfidf", against="poor<b>")
    report = write_gathered(how, tmp_path, folds_of(measured))
    assert json.loads((tmp_path / RESULT).read_text()) == report
    scores = [json.loads((measured[fold_name(OWN, 0, fold)] / SCORES).read_text())["accuracy"] for fold in range(3)]
    assert report["accuracy"]["mean"] == pytest.approx(np.mean(scores))
    assert report["accuracy"]["folds"] == scores
    pooled = pq.read_table(tmp_path / PREDICTIONS)
    assert pooled.num_rows == report["rows"] == sum(each["rows"] for each in report["labels"])
    assert report["pooled"]["accuracy"] == pytest.approx(np.mean(pooled.column("correct").to_pylist()))
    other = report["against"]
    assert other["difference"]["accuracy"]["mean"] == pytest.approx(report["accuracy"]["mean"] - other["accuracy"]["mean"])
    assert other["difference"]["accuracy"]["interval"][0] > 0
    assert other["mid_p"] < 0.001
    page = render_folds(tmp_path, {"name": "<i>news"}, tmp_path / "page.html").read_text()
    assert "poor&lt;b&gt;" in page
    assert "<i>" not in page
    own = {name: at for name, at in folds_of(measured).items() if OWN in name}
    assert write_gathered(GatherConfig(folds=3), tmp_path, own)["against"] is None


def test_a_recipe_that_cannot_be_trained_gives_its_reason(measured: dict[str, Path], tmp_path: Path) -> None:
    valid, _ = labelled(measured["dataset"], "valid")
    for name in ("deal", "fold", "scratch"):
        (tmp_path / name).mkdir()
    pq.write_table(pa.table([valid, [0] * len(valid)], schema=SCHEMA), tmp_path / "deal" / FOLDS, write_page_checksum=True)
    given = OnRows(measured["dataset"], tmp_path / "deal")
    report = score_fold(HeldFold(finetune=GOOD, fold=0), given, tmp_path / "fold", tmp_path / "scratch")
    assert "validation rows" in report["reason"]
    assert json.loads((tmp_path / "fold" / SCORES).read_text()) == report


def test_the_interval_allows_for_shared_training_rows() -> None:
    """By hand: five folds, so that test rows are a quarter of train rows; t of 0.975 with 4 degrees is 2.776."""
    values = [0.80, 0.82, 0.84, 0.86, 0.88]
    found = mean_of_folds(values, 5)
    error = np.std(values, ddof=1) * (1 / 5 + 1 / 4) ** 0.5
    assert found["error"] == pytest.approx(error)
    assert found["interval"] == pytest.approx([0.84 - 2.776445 * error, 0.84 + 2.776445 * error], rel=1e-5)
    assert mean_of_folds([1.0, 1.0], 2)["interval"] == [1.0, 1.0]


def test_a_difference_is_taken_in_pairs() -> None:
    found = difference_of_folds([0.9, 0.8, 0.7], [0.8, 0.7, 0.6], 3)
    assert found["mean"] == pytest.approx(0.1)
    assert found["error"] == pytest.approx(0.0, abs=1e-12)
    assert difference_of_folds([0.5, 0.6], [0.5, 0.6], 2)["p"] == 1.0
    assert found["p"] == 0.125  # without a spread the signs decide: three folds of three are better
    assert one_sided_p(0.01, 0.01, 5) == pytest.approx(0.186950, abs=1e-5)  # t of 1 with 4 degrees
