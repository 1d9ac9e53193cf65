"""With few labels and none, through the whole flow: learning curve, a model of descriptions, predictions without a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.store.sweep import sweep
from tests.command_line import run_here
from tests.encoders import watched_encoder, write_encoder

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = pytest.mark.usefixtures("prefect_server")

LABELS = """
[labels.positive]
description = "profit rose"
[labels.negative]
description = "loss, sales fell"
[labels.neutral]
examples = ["the market was steady", "average growth"]
"""


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root") / "data"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("pretrained"))


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path := tmp_path_factory.mktemp("labels") / "labels.toml").write_text(LABELS)
    return path


def train(
    data_root: Path, name: str, ingest: dict[str, Any], encoder: dict[str, Any] | None, **evaluate: Any
) -> dict[str, Any]:
    from flows.train import train as flow

    kind = {"model": "tfidf"} if encoder is None else {"model": "encoder", "encoder": encoder}
    values = {
        "name": name,
        "ingest": ingest,
        "finetune": {"threads": 1, **kind},
        "evaluate": {"bootstrap": 200, "yardstick": False, **evaluate},
        "register": {"evidence": "test"},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


def textmill(data_root: Path, *words: str) -> CompletedProcess[str]:
    return run_here(*words, "--runtime.data-root", str(data_root))


@pytest.mark.long
def test_a_learning_curve_keeps_each_draw_and_encodes_nothing(
    corpus: Path, data_root: Path, pretrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = {"model": pretrained, "max_len": 32}
    plain = train(data_root, "curve", {"path": corpus}, encoder)
    encoded = watched_encoder(monkeypatch)
    asked: dict[str, Any] = {"learning_curve": True, "curve_draws": 2, "curve_most": 16}
    first = train(data_root, "curve", {"path": corpus}, encoder, **asked)
    assert encoded == []
    assert [step for step, stage in first["stages"].items() if not stage["cached"]] == ["learning_curve"]
    assert first["stages"]["evaluate"]["key"] == plain["stages"]["evaluate"]["key"]
    assert [(point["per_class"], point["rows"]) for point in first["learning_curve"]["points"]] == [(8, 24), (16, 48)]
    assert first["learning_curve"]["whole"]["accuracy"] == first["accuracy"]
    assert ">Learning curve</h2>" in Path(first["report"]).read_text()

    store = data_root / "store"
    parts = json.loads((data_root / "runs" / f"{first['flow_run_id']}.json").read_text())["parts"]
    assert len(parts["learning_draw"]) == 4
    assert sweep(data_root, keep_runs=1, dry_run=True)["removed"] == 0
    draws = {key: (store / "learning_draw" / key).stat().st_ino for key in parts["learning_draw"]}
    shutil.rmtree(store / "learning_draw" / parts["learning_draw"][-1])  # as if the run had been killed before
    shutil.rmtree(store / "learning_curve")
    again = train(data_root, "curve", {"path": corpus}, encoder, **asked)
    assert again["learning_curve"] == first["learning_curve"]
    kept = {key: (store / "learning_draw" / key).stat().st_ino for key in draws}
    assert [key for key in draws if draws[key] != kept[key]] == parts["learning_draw"][-1:]


@pytest.mark.long
def test_a_model_of_descriptions_alone_is_registered_without_an_alias(
    data_root: Path, pretrained: Path, labels: Path, tmp_path: Path
) -> None:
    (texts := tmp_path / "texts.txt").write_text("Profit rose.\nThe loss was great.\nSales fell in the market.\n")
    encoder = {"model": pretrained, "max_len": 32, "train": "zero-shot", "labels": labels}
    result = train(data_root, "blind", {"unlabelled": texts}, encoder)
    assert (result["decision"], result["model"]["alias"], result["accuracy"], result["test_rows"]) == (
        "unmeasured",
        None,
        None,
        0,
    )
    assert "nothing was measured; to make it the champion: textmill models promote 1" in result["reason"]
    page = Path(result["report"]).read_text()
    assert "Nothing was measured." in page
    assert "accuracy</title>" not in page
    assert train(data_root, "blind", {"unlabelled": texts}, encoder)["decision"] == "unchanged"

    profile = json.loads((data_root / "store" / "package" / result["stages"]["package"]["key"] / "profile.json").read_text())
    assert sum(profile["histograms"]["label"]) == 3  # of the texts without labels
    done = textmill(data_root, "models", "list")
    assert "unmeasured" in done.stdout, done
    shown = textmill(data_root, "predict", "--json", "--model", "blind/1", "Profit rose")
    direct = textmill(
        *(data_root, "predict", "--json", "--zero-shot", "--labels", str(labels), "Profit rose"),
        *("--finetune.encoder.model", str(pretrained), "--finetune.encoder.max-len", "32"),
    )
    (by_model,), (by_meaning,) = (json.loads(each.stdout)["predictions"] for each in (shown, direct))
    assert by_model["label"] == by_meaning["label"]
    assert by_model["probabilities"] == pytest.approx(by_meaning["probabilities"], abs=1e-5)

    assert textmill(data_root, "models", "promote", "1", "--name", "blind").returncode == 0
    assert json.loads(textmill(data_root, "predict", "--json", "--model", "blind@champion", "Profit rose").stdout)


def test_zero_shot_is_measured_where_rows_have_labels(corpus: Path, data_root: Path, pretrained: Path, labels: Path) -> None:
    encoder = {"model": pretrained, "max_len": 32, "train": "zero-shot", "labels": labels}
    result = train(data_root, "measured", {"path": corpus}, encoder)
    assert result["decision"] == "first"
    assert 0 < result["accuracy"] <= 1


def test_texts_without_labels_want_a_model_that_needs_none(data_root: Path, tmp_path: Path) -> None:
    (texts := tmp_path / "texts.txt").write_text("Profit rose.\nThe loss was great.\n")
    with pytest.raises(RequestError, match=r"these texts have no labels, and model tfidf learns them from rows; give --ingest"):
        train(data_root, "none", {"unlabelled": texts}, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--zero-shot", "x"], "--zero-shot needs --labels FILE that describes each label"),
        (["--labels", "labels.toml", "x"], "--labels labels.toml is for --zero-shot; give that too, or leave it out"),
        (
            ["--zero-shot", "--labels", "nowhere.toml", "--finetune.encoder.model", ".", "x"],
            "nowhere.toml: no such file; give a TOML",
        ),
        (
            ["--zero-shot", "--labels", "l.toml", "--model", "a@champion", "x"],
            "--model a@champion and --zero-shot were both given",
        ),
    ],
)
def test_options_that_do_not_go_together_are_one_line(words: list[str], message: str, data_root: Path) -> None:
    done = textmill(data_root, "predict", *words)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
