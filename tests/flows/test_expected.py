"""A night whose corpus is not as expected ends before it trains; the champion stays, and the reason is one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.tracking.tracker import open_to_read

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("prefect_server")


def train(data_root: Path, corpus: Path, **expect: Any) -> dict[str, Any]:
    from flows.train import train as flow

    values = {
        "name": "nightly",
        "ingest": {"path": corpus},
        "finetune": {"threads": 1, "model": "tfidf"},
        "evaluate": {"bootstrap": 200, "yardstick": False},
        "register": {"evidence": "test"},
        "expect": expect,
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


def test_a_broken_contract_stops_the_night_and_the_champion_stays(tmp_path: Path, corpus: Path) -> None:
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
    reader = open_to_read(None, root, CHECKOUT)
    assert [version.aliases for version in reader.registry.versions("nightly")] == [("champion",)]
