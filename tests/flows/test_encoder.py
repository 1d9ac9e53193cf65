"""A model that starts from pretrained weights, through the whole flow: cached by content, gated, served without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.adapt.settings import AdaptConfig
from tasks.config import PipelineConfig
from tests.command_line import run_here
from tests.encoders import WORDS, write_encoder
from tests.stranger import stranger

pytestmark = pytest.mark.usefixtures("prefect_server")

MADE = ["weights", "embed", "embed_holdout"]
OUT_OF_REACH = ("torch", "transformers", "scipy", "onnx")  # what trained the model


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root") / "data"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("pretrained"))


def train(
    corpus: Path, data_root: Path, name: str = "enc", *, register: Any = None, pretrain: Any = None, **finetune: Any
) -> dict[str, Any]:
    from flows.train import train as flow

    values = {
        "name": name,
        "ingest": {"path": corpus},
        "pretrain": pretrain or {},
        "finetune": {"model": "encoder", "threads": 1, **finetune},
        "evaluate": {"bootstrap": 200, "yardstick": False},
        "register": register or {"evidence": "test"},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


@pytest.fixture(scope="module")
def first(corpus: Path, data_root: Path, pretrained: Path) -> dict[str, Any]:
    return train(corpus, data_root, encoder={"model": pretrained, "max_len": 32})


def built(result: dict[str, Any]) -> list[str]:
    return [step for step, stage in result["stages"].items() if not stage["cached"]]


def inputs(data_root: Path, result: dict[str, Any], step: str) -> dict[str, Any]:
    manifest = data_root / "store" / step / result["stages"][step]["key"] / "manifest.json"
    return json.loads(manifest.read_text())["inputs"]


def digest(data_root: Path, result: dict[str, Any], step: str) -> str:
    return json.loads((data_root / "store" / step / result["stages"][step]["key"] / "manifest.json").read_text())["digest"]


def test_weights_and_vectors_are_artifacts_and_only_evaluate_is_handed_those_of_the_test_rows(
    first: dict[str, Any], data_root: Path, pretrained: Path
) -> None:
    assert list(first["stages"])[2:5] == MADE
    assert first["decision"] == "first"
    upstream = {step: inputs(data_root, first, step)["upstream"] for step in ("embed_holdout", "finetune", "evaluate")}
    assert upstream["finetune"].keys() == {"dataset", "texts", "weights", "embedded"}
    assert upstream["evaluate"]["embedded"] != upstream["finetune"]["embedded"]
    assert upstream["embed_holdout"]["texts"] == upstream["evaluate"]["texts"]
    assert str(pretrained) not in json.dumps(inputs(data_root, first, "finetune"))


@pytest.mark.long
@pytest.mark.usefixtures("first")
def test_another_head_or_sum_encodes_nothing_and_moved_weights_are_the_same(
    corpus: Path, data_root: Path, pretrained: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(pretrained, tmp_path / "moved")
    encoder = {"model": moved, "max_len": 32}
    assert built(train(corpus, data_root, encoder=encoder)) == []
    other = train(corpus, data_root, encoder=encoder | {"l2": 0.1})
    assert built(other) == ["finetune", "evaluate", "slices", "package", "register"]
    assert other["decision"] in {"promoted", "refused"}  # the gate has asked both
    assert not set(MADE) & set(built(train(corpus, data_root, name="sum", model="tfidf+encoder", encoder=encoder)))
    longer = train(corpus, data_root, name="longer", encoder=encoder | {"max_len": 40})
    assert set(built(longer)) & set(MADE) == {"embed", "embed_holdout"}


def test_the_package_answers_without_torch_as_it_was_measured(first: dict[str, Any], data_root: Path, tmp_path: Path) -> None:
    store, stages = data_root / "store", first["stages"]
    moved = shutil.copytree(store / "package" / stages["package"]["key"], tmp_path / "package")
    (moved / "manifest.json").unlink()
    texts = pq.read_table(store / "prepare" / stages["prepare"]["key"] / "holdout_texts").column("text").to_pylist()
    command = [sys.executable, "-P", "-W", "error", "-c", stranger(*OUT_OF_REACH), str(moved), json.dumps(texts)]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = pq.read_table(store / "evaluate" / stages["evaluate"]["key"] / "predictions.parquet").column("probabilities")
    said = [list(probabilities.values()) for probabilities in json.loads(done.stdout)]
    np.testing.assert_allclose(said, measured.to_pylist(), atol=1e-5)
    requirements = json.loads((moved / "package.json").read_text())["requirements"]
    names = {requirement.partition("==")[0] for requirement in requirements}
    assert {"onnxruntime", "tokenizers"} <= names
    assert not {"torch", "transformers"} & names


@pytest.mark.usefixtures("first")
def test_without_its_library_predict_says_what_to_install(data_root: Path) -> None:
    code = "import sys; sys.modules['onnxruntime'] = None; from flows.commands.main import main; main()"
    words = ["predict", "Profits rose.", "--model", "enc@champion", "--runtime.data-root", str(data_root)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    expected = "this model reads texts with onnxruntime, which is not installed; run pip install onnxruntime"
    assert done.stderr.splitlines()[-1].endswith(expected)
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("first")
def test_predict_and_score_answer(data_root: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Profits rose.\n<b>Losses</b> fell.\n")
    words = ["score", str(tmp_path / "texts.txt"), str(tmp_path / "out.parquet")]
    done = run_here(*words, "--model", "enc@champion", "--runtime.data-root", str(data_root))
    assert done.returncode == 0, done.stderr
    assert set(pq.read_table(tmp_path / "out.parquet").column("label").to_pylist()) <= {"positive", "negative", "neutral"}


@pytest.mark.usefixtures("first")
def test_what_is_registered_is_exported_for_transformers(data_root: Path, tmp_path: Path, capsys: Any) -> None:
    from flows.commands.models import export

    export("enc@champion", tmp_path / "out", as_json=True, data_root=data_root)
    report = json.loads(capsys.readouterr().out)
    assert report["class"] == "BertModel"
    settings = "finetune.encoder.pooling cls and finetune.encoder.frozen_layers 0"
    assert f"trained with {settings} BERT's and its like can" in report["note"]
    assert {"config.json", "model.safetensors", "tokenizer.json", "head.safetensors", "classify.py"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


@pytest.mark.long
@pytest.mark.usefixtures("first")
def test_weights_that_were_trained_on_take_the_place_of_those_that_were_given(
    corpus: Path, data_root: Path, tmp_path: Path
) -> None:
    masking = write_encoder(tmp_path / "masking", words=("[MASK]", *WORDS))
    pretrain = {"kind": "masked", "threads": 1, "adapt": {"epochs": 1, "max_len": 16}}
    encoder = {"model": masking, "max_len": 32, "serve": "int8"}
    result = train(corpus, data_root, "masked", pretrain=pretrain, encoder=encoder)
    assert [step for step in result["stages"] if step in (*MADE, "adapt")] == ["weights", "adapt", "embed"]
    adapted = inputs(data_root, result, "adapt")
    assert adapted["config"].keys() == AdaptConfig.model_fields.keys()
    assert inputs(data_root, result, "finetune")["upstream"]["weights"] == digest(data_root, result, "adapt")
    assert inputs(data_root, result, "embed")["upstream"]["weights"] == digest(data_root, result, "adapt")
    assert "brought no head that tells pieces" in result["warnings"][0]
    assert built(train(corpus, data_root, "masked", pretrain=pretrain, encoder=encoder)) == []


@pytest.mark.long
def test_recipes_are_trained_on_folds_from_the_vectors_of_this_run(corpus: Path, data_root: Path, pretrained: Path) -> None:
    encoder = {"model": pretrained, "max_len": 32}
    few = corpus.parent / "few"
    for label in ("positive", "negative"):
        (few / label).mkdir(parents=True)
        for path in sorted((corpus / label).glob("*.txt"))[:50]:
            shutil.copy(path, few / label / path.name)
    assert train(few, data_root, "few", register={"evidence": "auto"}, encoder=encoder)["decision"] == "first"
    second = train(few, data_root, "few", register={"evidence": "auto"}, encoder=encoder | {"l2": 1.0})
    assert "recipe evidence: " in second["reason"]
    assert "folds of" in second["reason"]
    others = train(few, data_root, "few", register={"evidence": "auto"}, encoder=encoder | {"max_len": 40})
    assert "starts from other pretrained weights than this run" in others["reason"]
