"""A Chinese corpus all the way: from the committed example to a served model that needs nothing of this project."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.commands.settings import resolve
from tasks.store.artifact import Store
from tests.command_line import run_here

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "data" / "sample-zh"
LABELS = ["体育", "教育", "科技", "财经"]
PROBES = {"主場三球大勝，後衛加時絕殺": "体育", "大學公布高考錄取分數線": "教育"}  # traditional: the example holds none

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("my root 数据 #1")


@pytest.fixture(scope="module")
def result(data_root: Path) -> dict[str, Any]:
    from flows.train import train

    arguments = ["--ingest.path", str(SAMPLE), "--runtime.data-root", str(data_root), "--runtime.workers", "1"]
    arguments += ["--pretrain.threads", "1", "--finetune.threads", "1", "--evaluate.bootstrap", "100", "--name", "新闻"]
    arguments += ["--pretrain.dim", "24", "--finetune.cnn.filters", "16"]  # of a hundred: fewer tell so few titles apart
    return train(resolve(arguments, preset="chinese"))


def test_the_preset_learns_from_the_example(result: dict[str, Any], data_root: Path) -> None:
    assert result["accuracy"] > 0.5  # four classes of equal size
    assert result["decision"] == "first"
    assert result["model"]["name"] == "新闻"
    store = Store(data_root)
    prepared = store.root / "prepare" / result["stages"]["prepare"]["key"]
    rows = pq.read_table(prepared / "dataset" / "dataset.parquet").to_pylist()
    assert sorted({row["label"] for row in rows}) == LABELS
    assert all(len(row["tokens"]) > 8 for row in rows)


def test_the_report_names_the_labels_in_their_own_script(result: dict[str, Any]) -> None:
    report = Path(result["report"]).read_text(encoding="utf-8")
    assert all(label in report for label in LABELS)
    assert "char tokens" in report


@pytest.mark.usefixtures("result")
def test_texts_are_labelled(data_root: Path, tmp_path: Path) -> None:
    """`textmill predict` and `score`, as a user would."""
    (tmp_path / "new.csv").write_text("text\n" + "\n".join(f'"{text}"' for text in PROBES), encoding="utf-8")
    at = ("--runtime.data-root", str(data_root))
    done = run_here("predict", "--json", "--model", "新闻@champion", *PROBES, *at)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)["predictions"]
    assert [answer["label"] for answer in answers] == list(PROBES.values())
    scored = tmp_path / "scored.parquet"
    done = run_here("score", str(tmp_path / "new.csv"), str(scored), *at)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(scored)["label"].to_pylist() == list(PROBES.values())
