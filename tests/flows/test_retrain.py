"""When drift asks for a training run, and when it does not."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.retrain import request_retraining
from tasks.config import RefreshConfig
from tasks.monitor.state import MonitorState

NOW, DAY = 1_600_000_000.0, 86_400.0


def config(**sections: dict[str, Any]) -> RefreshConfig:
    return RefreshConfig.model_validate({"retrain": {"deployment": "train/news", "cooldown_days": 7}, **sections})


def test_drift_asks_once_in_the_cooldown_and_tells_the_channels(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state, state.refresh():

        def asked(now: float, *drifted: str) -> list[str]:
            why = "the world changed" if "label" in drifted else ""
            alert = request_retraining(state, config(), drifted, now=now, channels=["desk"], why=why)
            return [] if alert is None else [alert.evidence["message"]]

        assert asked(NOW) == []
        assert asked(NOW, "length", "unseen") == ["length, unseen drifted; train/news is started"]
        assert asked(NOW + 6 * DAY, "length") == []
        assert asked(NOW + 8 * DAY, "label") == ["label drifted; train/news is started. What has changed: the world changed"]
        assert sorted(row["channel"] for row in state.waiting()) == ["deployment:train/news"] * 2 + ["desk"] * 2


@pytest.mark.parametrize("sections", [{"retrain": {}}, {"collect": {"until": date(2020, 1, 1)}}])
def test_nothing_is_asked_without_a_deployment_or_by_a_backfill(tmp_path: Path, sections: dict[str, Any]) -> None:
    with MonitorState.open(tmp_path, "desk") as state, state.refresh():
        assert request_retraining(state, config(**sections), ["length"], now=NOW, channels=["desk"]) is None
        assert state.waiting() == []
