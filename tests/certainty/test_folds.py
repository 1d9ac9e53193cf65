from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.certainty.folds import Given, fold_rows, measure_fold
from tasks.certainty.promise import read_abstention, write_promise
from tasks.certainty.reserve import write_reserved
from tasks.certainty.rows import PROBABILITIES, labelled, read_judged
from tasks.certainty.settings import CertaintySettings, FoldConfig, PromiseConfig, ReserveConfig
from tasks.certainty.wrong_labels import ISSUES, read_page, write_wrong_labels
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tests.certainty.conftest import News, made_rows
from tests.writers import write_dataset

RECIPE = FinetuneConfig(model="tfidf", threads=1)


class Folds(NamedTuple):
    """The folders of three folds."""

    places: list[Path]


@pytest.fixture(scope="module")
def folds(news: News, tmp_path_factory: pytest.TempPathFactory) -> Folds:
    places = []
    for fold in range(3):
        folder = tmp_path_factory.mktemp(f"fold{fold}")
        (folder / "scratch").mkdir()
        config = FoldConfig(finetune=RECIPE, folds=3, fold=fold, seed=13)
        report = measure_fold(config, Given(news.dataset, news.texts), folder, folder / "scratch")
        assert report["right"] > 0.8 * report["rows"]
        places.append(folder)
    return Folds(places)


def reserved(news: News, folder: Path, share: float = 0.5) -> Path:
    folder.mkdir(exist_ok=True)
    write_reserved(ReserveConfig(share=share, seed=13), news.dataset, news.texts, folder)
    return folder


def test_each_train_row_is_judged_once_by_a_model_that_had_not_seen_it(news: News, folds: Folds) -> None:
    rows = read_judged([each / PROBABILITIES for each in folds.places], 2)
    assert sorted(rows.ids) == sorted(labelled(news.dataset, "train")[0])
    flipped = np.array([name in news.wrong for name in rows.ids])
    own = rows.probabilities[np.arange(len(rows.ids)), rows.numbers(["negative", "positive"])]
    assert (own[flipped] < 0.5).mean() > 0.9  # a model that had seen them would have learned some


def test_folds_are_even_and_each_has_all_labels() -> None:
    ids, labels = [str(number) for number in range(100)], ["a", "b"] * 50
    parts = [fold_rows(ids, labels, 3, fold, 13) for fold in range(3)]
    assert sorted(name for part in parts for name in part) == sorted(ids)
    assert {len(part) for part in parts} <= {33, 34}
    assert all(15 <= sum(int(name) % 2 for name in part) <= 18 for part in parts)


def test_a_row_keeps_its_fold_in_another_order() -> None:
    ids, labels = [str(number) for number in range(100)], ["a", "b"] * 50
    assert set(fold_rows(ids, labels, 3, 0, 13)) == set(fold_rows(ids[::-1], labels[::-1], 3, 0, 13))


def test_wrong_labels_are_ranked_in_a_file_and_shown_with_their_texts(news: News, folds: Folds, tmp_path: Path) -> None:
    report = write_wrong_labels(news.dataset, news.texts, folds.places, tmp_path)
    table = pq.read_table(tmp_path / ISSUES)
    assert table.num_rows == report["rows"] == len(labelled(news.dataset, "train")[0])
    assert table.column("rank").to_pylist() == list(range(1, report["rows"] + 1))
    assert set(table.column("id").to_pylist()[: len(news.wrong)]) == news.wrong
    assert report["issues"] == pytest.approx(len(news.wrong), abs=4)
    shown = read_page(tmp_path)
    assert shown[0]["id"] in news.wrong
    assert set(shown[0]["text"].split()) & {"loss", "fell", "weak", "slump", "profit", "rose", "strong", "growth"}


def test_rows_held_back_choose_nothing_and_no_row_is_lost(news: News, tmp_path: Path) -> None:
    folder = reserved(news, tmp_path / "reserved")
    held, _ = labelled(folder / "held_dataset", "valid")
    kept, _ = labelled(folder / "dataset", "valid")
    assert not set(held) & set(kept)
    assert sorted(held + kept) == sorted(labelled(news.dataset, "valid")[0])
    assert len(held) == pytest.approx(160, abs=40)
    assert labelled(folder / "dataset", "train") == labelled(news.dataset, "train")
    assert labelled(folder / "held_dataset", "train") == ([], [])


def test_a_row_is_held_back_whatever_the_other_rows_are(news: News, tmp_path: Path) -> None:
    held = set(labelled(reserved(news, tmp_path / "one") / "held_dataset", "valid")[0])
    more = News(write_dataset(tmp_path / "more", made_rows(900, 0.05)[0]), news.texts, set())
    (tmp_path / "two").mkdir()
    write_reserved(ReserveConfig(share=0.5, seed=13), more.dataset, None, tmp_path / "two")
    assert held <= set(labelled(tmp_path / "two" / "held_dataset", "valid")[0])


def test_a_side_without_rows_is_refused(tmp_path: Path) -> None:
    rows = [("1", "train", "a", ["x"]), ("2", "train", "b", ["y"]), ("3", "valid", "a", ["x"])]
    with pytest.raises(RequestError, match=r"^1 validation rows are too few .* raise prepare.valid_share"):
        write_reserved(ReserveConfig(share=0.5, seed=13), write_dataset(tmp_path / "few", rows), None, tmp_path)


@pytest.mark.parametrize("rule", ["held", "folds"])
def test_a_promise_is_counted_on_the_rows_of_its_rule(rule: str, news: News, folds: Folds, tmp_path: Path) -> None:
    parts = reserved(news, tmp_path / "reserved")
    for name in ("model", "scratch", "promise"):
        (tmp_path / name).mkdir()
    write_model(RECIPE, parts / "dataset", None, tmp_path / "model", tmp_path / "scratch")
    given = {"held": parts / "held_dataset"} if rule == "held" else {"folds": folds.places}
    config = PromiseConfig.model_validate({"rule": rule})
    report = write_promise(config, tmp_path / "model", parts / "dataset", tmp_path / "promise", **given)
    made = read_abstention(tmp_path / "promise")
    rows = parts / "held_dataset" if rule == "held" else news.dataset
    assert made.together.rows == report["rows"] == len(labelled(rows, "valid" if rule == "held" else "train")[0])
    assert made.together.chosen_rows == len(labelled(parts / "dataset", "valid")[0])
    assert made.promise(0.2).answered > 0.5
    assert report["promises"][-1]["answered"] == made.promise(0.2).answered


def test_settings_of_what_is_not_asked_for_are_refused() -> None:
    with pytest.raises(ValueError, match="held_share is for promise held"):
        CertaintySettings(held_share=0.3)
    with pytest.raises(ValueError, match="folds is for wrong_labels true and promise folds"):
        CertaintySettings(folds=3)
