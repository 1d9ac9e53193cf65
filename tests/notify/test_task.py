"""Alerts as events of a real Prefect server."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState
from tasks.notify.deliver import deliver
from tasks.notify.settings import NotifyConfig
from tasks.notify.task import EVENT, open_channels
from tests.patience import until

MakeAlert = Callable[..., Alert]


@pytest.fixture
def config(tmp_path: Path) -> NotifyConfig:
    path = tmp_path / "channels.toml"
    path.write_text('[prefect]\nkind = "event"\n')
    path.chmod(0o600)
    return NotifyConfig(channels=path)


def events(identity: str) -> list[dict[str, object]]:
    wanted = {"filter": {"resource": {"id": [f"{EVENT}.{identity}"]}}}
    with get_client(sync_client=True) as client:
        return list(client.request("POST", "/events/filter", json=wanted).json()["events"])


def test_an_alert_sent_twice_is_one_event(
    prefect_server: str, state: MonitorState, config: NotifyConfig, make_alert: MakeAlert, hostile: str
) -> None:
    alert = make_alert(headline=hostile)
    state.store_alerts([alert], cooldown_days=0, channels=["prefect"])
    channels = open_channels(config)
    assert deliver(state, channels, 0.0).sent == 1
    channels[0].send(alert)
    (event,) = until(lambda: events(alert.id), "the event")
    assert event["event"] == EVENT
    assert event["payload"]["id"] == alert.id  # type: ignore[index]


def test_a_server_that_is_gone_is_a_channel_that_is_down(
    state: MonitorState, config: NotifyConfig, make_alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.notify.task.get_client", _gone)
    state.store_alerts([make_alert()], cooldown_days=0, channels=["prefect"])
    assert deliver(state, open_channels(config), 0.0).down == ("prefect",)


def _gone(**_: object) -> None:
    raise ConnectionError("http://user:secret@server is gone")
