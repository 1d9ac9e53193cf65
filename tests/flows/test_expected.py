"""A night whose corpus is not as expected ends before it trains; the champion stays, and a channel gets the reason.

That each of twenty faults is named with its setting is in tests/expect.
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.objects import StateType

from flows.watch import ended_badly, tell
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState, watch_name
from tasks.tracking.tracker import open_to_read
from tests.expect.test_contract import EXPECTED, FAULTS, as_table, rows

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("prefect_server")


def train(data_root: Path, corpus: Path, keep: tuple[str, ...] = (), **expect: Any) -> dict[str, Any]:
    from flows.train import train as flow

    values = {
        "name": "nightly",
        "ingest": {"path": corpus, "keep": keep},
        "finetune": {"threads": 1, "model": "tfidf"},
        "evaluate": {"bootstrap": 200, "yardstick": False},
        "register": {"evidence": "test"},
        "expect": expect,
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


def alert_of(run_id: str, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a channel of the monitor whose trainings are this deployment's gets, once the server lists that run as failed."""
    ended = SimpleNamespace(id=run_id, state_type=StateType.FAILED, state_name="Failed", state=None, end_time=datetime.now(UTC))
    monkeypatch.setattr("flows.watch.latest_runs", lambda *_: [ended])
    deployment: Any = SimpleNamespace(id=None, parameters={"config": {"runtime": {"data_root": str(root)}}})
    (folder / "channels.toml").write_text('[desk]\nkind = "file"\npath = "alerts.jsonl"\n')
    (folder / "channels.toml").chmod(0o600)
    values = {"collect": {"name": "desk"}, "notify": {"channels": folder / "channels.toml"}, "runtime": {"data_root": root}}
    config = RefreshConfig.model_validate(values)
    client: Any = None
    alerts = ended_badly(client, config, "train/nightly", deployment, since=None)
    with MonitorState.open(root, watch_name("desk")) as state:
        tell(state, config, alerts, time.time())
    (line,) = (folder / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_broken_contract_stops_the_night_and_the_champion_stays(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    first = train(root, corpus, min_rows=10, labels=["negative", "neutral", "positive"])
    assert first["decision"] == "first"
    again = train(root, corpus, min_rows=11)  # what is expected is in no key
    assert all(stage["cached"] for stage in again["stages"].values())

    with pytest.raises(RequestError, match=r"\(min_rows 10,000\). Nothing was trained"):
        train(root, corpus, min_rows=10_000)
    (record,) = [
        found for path in (root / "runs").glob("*.json") if (found := json.loads(path.read_bytes()))["status"] == "failed"
    ]
    assert "min_rows 10,000" in record["result"]["error"]
    assert "\n" not in record["result"]["error"]
    assert set(record["keys"]) == {"ingest"}
    told = alert_of(record["id"], root, tmp_path, monkeypatch)
    assert told["series"] == "train/nightly"
    assert "min_rows 10,000" in told["evidence"]["message"]
    assert told["evidence"]["message"].endswith("or change the section expect); the champion stays")
    reader = open_to_read(None, root, CHECKOUT)
    assert [version.aliases for version in reader.registry.versions("nightly")] == [("champion",)]


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose name has a champion, trained on a corpus that is as expected."""
    folder = tmp_path_factory.mktemp("nightly")
    expected = EXPECTED | {"max_age_days": None}
    assert train(folder / "data", as_table(folder, rows()), ("day",), **expected)["decision"] == "first"
    return folder / "data"


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_each_of_twenty_faults_ends_the_night_before_it_trains(
    fault: str, nightly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    shutil.copytree(nightly, root)
    before = {path.name for path in (root / "runs").glob("*.json")}
    expected = EXPECTED | {"max_age_days": 200 if fault == "it is old" else None}
    with pytest.raises(RequestError) as raised:
        train(root, as_table(tmp_path, FAULTS[fault][0]), ("day",), **expected)
    (record,) = [json.loads(path.read_bytes()) for path in (root / "runs").glob("*.json") if path.name not in before]
    assert record["status"] == "failed"
    assert set(record["keys"]) <= {"ingest", "prepare"}
    told = alert_of(record["id"], root, tmp_path, monkeypatch)["evidence"]["message"]
    assert told.endswith(f"({raised.value}); the champion stays")
    reader = open_to_read(None, root, CHECKOUT)
    assert [version.aliases for version in reader.registry.versions("nightly")] == [("champion",)]
