"""What is written for TensorBoard comes back as it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from tasks.errors import RequestError
from tasks.tracking import tensorboard
from tasks.tracking.tensorboard import Point, finetune_points, pretrain_points, write_events
from tests.event_files import events, scalars

if TYPE_CHECKING:
    from pathlib import Path


def test_curves_metrics_and_parameters_come_back(tmp_path: Path) -> None:
    points = [Point("finetune/cnn/train_loss", 1, 0.5), Point("finetune/cnn/train_loss", 2, 0.25), Point("x", 1, math.nan)]
    metrics = {"test/accuracy": 0.75, "test/macro_f1": 0.5}
    parameters = {"finetune.lr": 0.125, "finetune.refit": True, "finetune.model": "cnn", "align.vectors": None, "l": [3, 4]}
    folder = write_events(tmp_path / "news" / "run", points, metrics, parameters, "textmill train --name news")
    assert scalars(folder) == {
        "finetune/cnn/train_loss": [(1, 0.5), (2, 0.25)],
        "test/accuracy": [(0, 0.75)],
        "test/macro_f1": [(0, 0.5)],
    }
    values = {value.tag: value for event in events(folder) for value in event.summary.value}
    start = HParamsPluginData.FromString(values["_hparams_/session_start_info"].metadata.plugin_data.content)
    told = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.session_start_info.hparams.items()}
    assert told == {
        "finetune.lr": 0.125,
        "finetune.refit": True,
        "finetune.model": "cnn",
        "align.vectors": "",
        "l": "[3, 4]",
    }
    experiment = HParamsPluginData.FromString(values["_hparams_/experiment"].metadata.plugin_data.content).experiment
    assert [info.name.tag for info in experiment.metric_infos] == list(metrics)
    assert values["command/text_summary"].tensor.string_val[0] == b"`textmill train --name news`"


def test_each_member_has_the_figures_that_its_epochs_have() -> None:
    epoch = {"number": 1, "train_loss": 0.5, "learning_rate": 0.01, "valid_loss": None, "adversarial_loss": None}
    found = list(finetune_points({"cnn": [epoch, epoch | {"number": 2, "valid_loss": 0.4}], "cnn#2": [epoch], "tfidf": []}))
    assert {(point.curve, point.at) for point in found} == {
        *((f"finetune/cnn/{figure}", number) for figure in ("train_loss", "learning_rate") for number in (1, 2)),
        ("finetune/cnn/valid_loss", 2),
        ("finetune/cnn#2/train_loss", 1),
        ("finetune/cnn#2/learning_rate", 1),
    }


def test_pretraining_has_its_curves_by_words() -> None:
    found = list(pretrain_points({"words": [10, 20], "loss": [3.0, 2.0], "learning_rate": [0.05, 0.02]}))
    assert found[:2] == [Point("pretrain/loss", 10, 3.0), Point("pretrain/loss", 20, 2.0)]
    assert [point.value for point in found[2:]] == [0.05, 0.02]


def test_a_missing_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorboard.check_installed()
    monkeypatch.setattr(tensorboard, "PACKAGE", "no_such_package")
    with pytest.raises(
        RequestError, match=r"not installed; run pip install 'textmill\[tensorboard\]', or leave runtime.tensorboard"
    ):
        tensorboard.check_installed()
