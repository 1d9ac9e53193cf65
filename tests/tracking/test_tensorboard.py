"""What is written for TensorBoard comes back as it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from tasks.errors import RequestError
from tasks.store.presentation import Point
from tasks.tracking import tensorboard
from tasks.tracking.tensorboard import write_events
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


def test_a_missing_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorboard.check_installed()
    monkeypatch.setattr(tensorboard, "PACKAGE", "no_such_package")
    with pytest.raises(
        RequestError, match=r"not installed; run pip install 'textmill\[tensorboard\]', or leave runtime.tensorboard"
    ):
        tensorboard.check_installed()
