"""When a run's own record is written, before anybody else hears of the run; and that it knows no step by name."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from flows import record, train
from flows.record import Record
from tasks.config import PipelineConfig
from tasks.processes import runs
from tasks.runtime import Runtime
from tasks.store.artifact import Store


class Tracking:
    """Stands for MLflow, and looks at the record of the run that is told to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: list[dict[str, Any]] = []

    def start_run(self, name: str, tags: dict[str, str]) -> str:
        (path,) = self.folder.iterdir()
        self.found.append(json.loads(path.read_text()))
        assert tags["prefect.flow_run_id"] == path.stem == self.found[0]["id"]
        raise KeyboardInterrupt

    def server_run_id(self, run_id: str) -> str | None:
        raise AssertionError(f"asked for {run_id!r} before the run was started")


def test_the_record_is_there_before_mlflow_is_told_of_the_run(tmp_path: Path) -> None:
    tracker: Any = Tracking(tmp_path / "runs")
    config = PipelineConfig(name="news", runtime=Runtime(data_root=tmp_path))
    with pytest.raises(KeyboardInterrupt):
        Record(config, Store(tmp_path), tracker, display=None)  # type: ignore[arg-type] # nothing is shown before
    (written,) = tracker.found
    assert (written["status"], written["name"], written["mlflow_run_id"]) == ("running", "news", None)
    assert written["process"][0] == os.getpid()
    assert runs(*written["process"])


def test_the_record_knows_no_step_by_name() -> None:
    flow = Path(train.__file__).read_text(encoding="utf-8")
    steps = {*re.findall(r"note\((\w+)\(run", flow), "register"}
    assert len(steps) >= 15  # the pattern finds them
    assert not steps & set(re.findall(r"[a-z]+", Path(record.__file__).read_text(encoding="utf-8")))
