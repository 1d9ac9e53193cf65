"""A run that is killed in the middle: nothing is lost, the next run ends the same, and nothing pretends to be running."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.commands.settings import resolve
from tasks.store.artifact import Store
from tests.command_line import train_command

CHECKOUT = Path(__file__).parents[2]
KNOBS = [
    *("--finetune.model", "bag+mean", "--finetune.epochs", "3", "--finetune.threads", "1", "--finetune.network.max-len", "32"),
    *("--pretrain.enabled", "false", "--align.dim", "16", "--align.min-count", "1"),
    *("--evaluate.yardstick", "false", "--evaluate.bootstrap", "100"),
]


def train(corpus: Path, data_root: Path, **environment: str) -> tuple[int, str]:
    command = train_command(corpus, data_root)
    said = subprocess.run(
        [*command, *KNOBS, "--json"],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.returncode, said.stdout or said.stderr


def weights(data_root: Path, result: dict[str, Any]) -> str:
    return Store(data_root).verify("finetune", result["stages"]["finetune"]["key"]).digest


@pytest.mark.long
@pytest.mark.usefixtures("prefect_server")
def test_a_killed_run_is_taken_up_again_and_ends_the_same(corpus: Path, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    code, _ = train(corpus, tmp_path / "killed", TEXTMILL_CRASH_AT="finetune.epoch.5")
    assert code == -9
    (record,) = (tmp_path / "killed" / "runs").glob("*.json")
    assert json.loads(record.read_text())["status"] == "running"
    assert list((tmp_path / "killed" / "store" / ".scratch").glob("finetune-*/*"))

    code, out = train(corpus, tmp_path / "killed")
    assert code == 0, out
    resumed = json.loads(out)
    report = Store(tmp_path / "killed").verify("finetune", resumed["stages"]["finetune"]["key"]).report
    assert report["resumed_from_epoch"] > 0
    assert [step for step, stage in resumed["stages"].items() if stage["cached"]] == ["ingest", "prepare", "align"]
    assert not list((tmp_path / "killed" / "store" / ".scratch").iterdir())

    assert json.loads(record.read_text())["status"] == "killed"
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(UUID(record.stem)).state_name == "Crashed"

    from flows.train import train as flow

    asked = ["--ingest.path", str(corpus), "--runtime.data-root", str(tmp_path / "whole"), *KNOBS]
    assert weights(tmp_path / "whole", flow(resolve(asked))) == weights(tmp_path / "killed", resumed)
