"""A search of settings, through the whole flow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.commands.settings import resolve
from flows.run_file import training, write_run
from tasks.config import PipelineConfig, TuneConfig
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig
from tasks.progress import SILENT
from tasks.tune.clock import Clock

CHECKOUT = Path(__file__).parents[2]


def config(data_root: Path, corpus: Path, **asked: Any) -> TuneConfig:
    values = {
        "name": "tuned",
        "ingest": {"path": corpus},
        "finetune": {"threads": 1},
        "evaluate": {"bootstrap": 200, "yardstick": False},
        "register": {"evidence": "test"},
        "runtime": {"data_root": data_root, "workers": 1},
        "folds": 2,
        "minutes": 30,
        "trials": 4,
        "models": ("bag", "tfidf"),
        **asked,
    }
    return TuneConfig.model_validate(values)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root") / "data"


@pytest.fixture(scope="module")
def result(data_root: Path, corpus: Path, prefect_server: str) -> dict[str, Any]:
    from flows.tune import tune

    return tune(config(data_root, corpus))


def test_the_default_is_the_first_trial_and_the_answer_is_trained_and_registered(result: dict[str, Any]) -> None:
    assert result["answer"] in ("found", "default")
    first = result["trials"][0]
    assert (first["number"], first["settings"], len(first["folds"])) == (0, {}, 2)
    assert len(result["trials"]) == 4
    assert result["train"]["model"]["alias"] == "champion"
    assert result["train"]["decision"] == "first"
    assert result["overran_seconds"] == 0.0
    page = Path(result["report"]).read_text()
    assert "chosen on" in page
    assert json.loads((Path(result["report"]).parent / "tune.json").read_text())["trials"] == result["trials"]


def test_the_file_that_is_written_repeats_the_training(result: dict[str, Any], data_root: Path, corpus: Path) -> None:
    from flows.train import train

    again = resolve(["--runtime.data-root", str(data_root), "--runtime.workers", "1"], file=Path(result["run_file"]))
    trained = train(again)
    assert all(stage["cached"] for stage in trained["stages"].values())
    assert trained["model"]["version"] == result["train"]["model"]["version"]


def test_the_same_again_builds_nothing_and_has_the_same_answer(result: dict[str, Any], data_root: Path, corpus: Path) -> None:
    from flows.tune import tune

    before = sorted((data_root / "store").glob("*/*"))
    again = tune(config(data_root, corpus))  # though there is a champion now
    assert sorted((data_root / "store").glob("*/*")) == before
    assert (again["answer"], again["trials"], again["spent_seconds"]) == (
        result["answer"],
        result["trials"],
        result["spent_seconds"],
    )


@pytest.mark.long
def test_what_beats_a_poor_default_is_confirmed_trained_and_registered(data_root: Path, corpus: Path) -> None:
    from flows.tune import tune

    poor = {"threads": 1, "model": "tfidf", "tfidf": {"min_documents": 10_000}}  # knows no word
    asked = {"name": "poor", "finetune": poor, "models": ("bag",), "trials": 2, "folds": 3}
    found = tune(config(data_root, corpus, **asked))
    assert found["answer"] == "found"
    assert (found["best"]["model"], found["best"]["default"]) == ("bag", False)
    difference = found["confirmation"]["difference"]["accuracy"]
    assert difference["mean"] > 0.2
    assert difference["p"] <= 0.1
    assert [each["default"] for each in found["trials"]] == [True, False]
    assert found["train"]["kind"] == found["kind"] == "bag"
    assert found["train"]["decision"] == "first"
    assert "confirmed" not in found["answer_line"]
    page = Path(found["report"]).read_text()
    assert "Confirmation" in page
    again = resolve(["--runtime.data-root", str(data_root)], file=Path(found["run_file"]))
    assert again.finetune.model == "bag"
    assert tune(config(data_root, corpus, **asked))["confirmation"] == found["confirmation"]


def test_a_best_that_cannot_be_trained_again_leaves_the_default() -> None:
    from flows.searching import Search, confirm

    warnings: list[str] = []
    default, best = (FinetuneConfig(model=name, threads=1) for name in ("tfidf", "bag"))
    search = Search.__new__(Search)
    search.asked = TuneConfig(folds=2)
    search.candidates = SimpleNamespace(default=default)  # type: ignore[assignment]
    search.progress, search.clock = SILENT, Clock(60.0, 2, "tfidf")
    search.work = SimpleNamespace(record=SimpleNamespace(warn=warnings.append))  # type: ignore[assignment]
    search.score = lambda section, dealt, fold: (  # type: ignore[method-assign]
        {"reason": "its loss is no number"} if section is best else {"accuracy": 0.5, "macro_f1": 0.5}
    )
    assert confirm(search, best, None) is None  # type: ignore[arg-type]
    told = "bag cannot be trained without fold 1 of the confirmation: its loss is no number"
    assert warnings == [f"the best of the search, {told}; the default stays"]
    search.candidates = SimpleNamespace(default=best)  # type: ignore[assignment]
    with pytest.raises(RequestError, match=r"^bag cannot be trained"):
        confirm(search, default, None)  # type: ignore[arg-type]


def test_a_run_file_holds_what_differs_from_the_defaults(tmp_path: Path) -> None:
    values = {
        "name": "a-b",
        "ingest": {"path": tmp_path, "keep": ['co"m\x7fpany', "日期"]},
        "finetune": {"model": "bag+cnn", "bag": {"lr": 0.00001}, "cnn": {"widths": [1, 2]}, "network": {"dropout": 0.1}},
        "evaluate": {"yardstick": False},
    }
    config = training(TuneConfig.model_validate({**values, "minutes": 3}))
    write_run(config, tmp_path / "run.toml")
    assert resolve([], file=tmp_path / "run.toml") == config
    assert type(config) is PipelineConfig
    assert "minutes" not in (tmp_path / "run.toml").read_text()


@pytest.mark.long
def test_a_killed_search_goes_on_with_its_folds_and_its_time(data_root: Path, corpus: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.commands", "tune", "--ingest.path", str(corpus), "--name", "killed", "--folds", "2"]
    command += ["--models", "tfidf,bag", "--trials", "5", "--minutes", "30", "--finetune.threads", "1", "--json"]
    command += ["--runtime.data-root", str(tmp_path / "data"), "--evaluate.yardstick", "false"]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    store = tmp_path / "data/store/fold_score"
    while process.poll() is None and len(list(store.glob("*"))) < 5:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = set(store.glob("*"))
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert before <= set(store.glob("*"))
    assert found["train"]["decision"] == "first"
    assert next(each["number"] for each in found["trials"]) == 0
