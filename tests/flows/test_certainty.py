"""Promises, doubted labels and costs, through the whole flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tasks.config import PipelineConfig
from tasks.model.abstention import ABSTENTION
from tasks.register.seal import package_digest
from tests.command_line import run_here

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = pytest.mark.usefixtures("prefect_server")

ASKED: dict[str, Any] = {"promise": "held", "wrong_labels": True, "folds": 2}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root") / "data"


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path := tmp_path_factory.mktemp("costs") / "costs.toml").write_text("abstain = 0.5\n[negative]\npositive = 5\n")
    return path


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    (path := tmp_path_factory.mktemp("answers") / "answers.csv").write_text("label,answer\nnegative,We are sorry.\n")
    return {"answers": path, "min_confidence": "auto"}


def train(
    data_root: Path, corpus: Path, register: dict[str, Any] | None = None, *, name: str = "sure", **evaluate: Any
) -> dict[str, Any]:
    from flows.train import train as flow

    values = {
        "name": name,
        "ingest": {"path": corpus},
        "prepare": {"valid_share": 0.3},
        "finetune": {"threads": 1, "model": "tfidf"},
        "evaluate": {"bootstrap": 200, "yardstick": False, **evaluate},
        "register": {"evidence": "test", **(register or {})},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


@pytest.fixture(scope="module")
def plain(data_root: Path, corpus: Path, prefect_server: str) -> dict[str, Any]:
    return train(data_root, corpus)


@pytest.fixture(scope="module")
def sure(plain: dict[str, Any], data_root: Path, corpus: Path, costs: Path, replies: dict[str, Any]) -> dict[str, Any]:
    return train(data_root, corpus, replies, **ASKED, costs=costs, by_cost=True)


def package(data_root: Path, result: dict[str, Any]) -> Path:
    return data_root / "store" / "package" / result["stages"]["package"]["key"]


def textmill(data_root: Path, *words: str) -> CompletedProcess[str]:
    return run_here(*words, "--runtime.data-root", str(data_root))


def test_a_run_that_asks_for_nothing_has_none_of_the_steps_and_no_table(plain: dict[str, Any], data_root: Path) -> None:
    assert not {"reserve", "promise", "wrong_labels", "certainty"} & plain["stages"].keys()
    assert not [*package(data_root, plain).rglob("abstention*"), *package(data_root, plain).rglob("costs*")]


def test_all_that_was_asked_is_in_the_result_and_on_the_page(sure: dict[str, Any], data_root: Path) -> None:
    assert {"reserve", "promise", "wrong_labels", "certainty"} <= sure["stages"].keys()
    assert sure["stages"]["evaluate"]["key"]
    assert sure["promise"]["rule"] == "held"
    ranked = pq.read_table(sure["wrong_labels"]["file"])
    assert ranked.num_rows == sure["wrong_labels"]["rows"]
    assert sure["certainty"]["costs"]["rows"] == sure["test_rows"]
    page = Path(sure["report"]).read_text()
    for heading in ("When to answer</h2>", "By costs</h3>", "Probably wrong labels</h2>"):
        assert heading in page
    assert (package(data_root, sure) / ABSTENTION).is_file()
    assert list(package(data_root, sure).glob("code/*/model/abstention.py"))
    assert (package(data_root, sure) / "costs.json").is_file()
    assert (package(data_root, sure) / "replies.json").is_file()
    assert sure["answers"]["rows"] == sure["answers"]["answered"] + sure["answers"]["handed_over"] == sure["test_rows"]
    assert "Answers</h2>" in page


def test_the_same_run_again_takes_all_from_the_store(
    sure: dict[str, Any], data_root: Path, corpus: Path, costs: Path, replies: dict[str, Any]
) -> None:
    again = train(data_root, corpus, replies, **ASKED, costs=costs, by_cost=True)
    assert all(stage["cached"] for stage in again["stages"].values())
    assert again["model"] == sure["model"]


@pytest.mark.long
def test_the_same_model_with_other_answers_takes_the_place_of_the_champion(
    plain: dict[str, Any], data_root: Path, corpus: Path, replies: dict[str, Any]
) -> None:
    first = train(data_root, corpus, {"answers": replies["answers"]}, name="answering")
    (other := data_root.parent / "other.csv").write_text("label,answer\npositive,Thank you.\n")
    second = train(data_root, corpus, {"answers": other}, name="answering")
    assert second["stages"]["finetune"]["cached"]
    assert (first["decision"], second["decision"]) == ("first", "promoted")
    assert second["reason"].startswith("the model of champion version 1 with other things beside it")


def test_costs_and_doubted_labels_leave_model_and_package_as_they_are(
    plain: dict[str, Any], data_root: Path, corpus: Path, costs: Path
) -> None:
    other = train(data_root, corpus, wrong_labels=True, folds=2, costs=costs)
    assert package_digest(package(data_root, other)) == package_digest(package(data_root, plain))
    assert other["stages"]["evaluate"]["cached"]
    assert other["stages"]["finetune"]["cached"]


def test_the_registered_model_answers_or_abstains(sure: dict[str, Any], data_root: Path) -> None:
    version = f"sure/{sure['model']['version']}"
    asked = textmill(data_root, "predict", "Profits rose sharply.", "The", "--model", version, "--max-error", "0.9", "--json")
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert answer["promise"]["max_error"] == 0.9
    cheap = textmill(data_root, "predict", "Profits rose sharply.", "--model", version, "--by-cost", "--explain", "--json")
    assert cheap.returncode == 0, cheap.stderr
    (said,) = json.loads(cheap.stdout)["predictions"]
    assert said["label"] in (None, said["explanation"]["label"])
    refused = textmill(data_root, "predict", "Profits rose.", "--model", version, "--max-error", "0.0001")
    assert refused.returncode == 2
    assert "cannot promise" in refused.stderr or "too few" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_model_without_a_promise_says_how_to_get_one(plain: dict[str, Any], data_root: Path) -> None:
    asked = textmill(
        data_root, "predict", "Profits rose.", "--model", f"sure/{plain['model']['version']}", "--max-error", "0.1"
    )
    assert asked.returncode == 2
    assert "train it again with --evaluate.promise held" in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1


def test_a_file_of_costs_with_an_unknown_label_ends_in_one_line(data_root: Path, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "costs.toml").write_text("[ugly]\npositive = 2\n")
    asked = ["train", "--ingest.path", str(corpus), "--name", "sure", "--finetune.model", "tfidf", "--finetune.threads", "1"]
    more = ["--prepare.valid-share", "0.3", "--evaluate.yardstick", "false", "--evaluate.bootstrap", "200"]
    ended = textmill(data_root, *asked, *more, "--evaluate.costs", str(tmp_path / "costs.toml"))
    assert ended.returncode == 2
    assert "ugly is not a label of the corpus; its labels are negative, neutral, positive" in ended.stderr
