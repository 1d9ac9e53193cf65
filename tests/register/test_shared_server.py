"""Two hosts with commands of their own, a real MLflow server and a real server of S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tasks.checkout import CHECKOUT
from tasks.register.ledger import MOVES
from tests.faults.trained import make_corpus, textmill, train
from tests.mlflow_server import mlflow_server
from tests.registries import decided
from tests.s3 import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3 import S3

pytestmark = pytest.mark.long
PREFIX = "promotion"


def models(root: Path, variables: dict[str, str], *words: str) -> dict[str, Any]:
    """What `textmill models` prints on a host, and its messages."""
    command = [sys.executable, "-m", "flows.commands", "models", *words, "--json", "--runtime.data-root", str(root)]
    done = textmill(root, command, variables)
    return json.loads(done.stdout) | {"said": done.stderr}


def test_what_one_host_decides_another_completes_and_takes_back(s3: S3, tmp_path: Path) -> None:
    one, two, corpus = tmp_path / "1" / "root", tmp_path / "2" / "root", make_corpus(tmp_path / "news", 20)
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server") as port:
        server = s3.environment() | {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        first = train(one, corpus, "--name", "news", variables=server)
        assert first["decision"] == "first"  # without a bucket: its own ledger
        shared = server | {"TEXTMILL_RUNTIME__STORE": f"s3://{BUCKET}/{PREFIX}"}
        again = train(one, corpus, "--name", "news", variables=shared)  # which is taken over
        assert again["decision"] == "unchanged"

        knobs = ("--name", "news", "--finetune.seed", "7", "--register.evidence", "test")
        made = train(two, corpus, *knobs, variables=shared)
        assert (made["model"]["version"], made["decision"]) == (2, "refused")  # the test rows are few
        killed = shared | {"TEXTMILL_CRASH_AT": "register.entered"}
        with pytest.raises(RuntimeError, match="exit code -9"):
            models(two, killed, "promote", "2", "--name", "news")
        listed = models(one, server, "list")
        assert [row["aliases"] for row in listed["models"]] == [["champion"], ["challenger"]]
        assert "news: version 2 is champion by the ledger" in listed["said"]
        made = models(one, server, "promote", "2", "--name", "news")
        assert (made["version"], made["decision"]) == (2, "promoted")
        assert [row["aliases"] for row in models(two, server, "list")["models"]] == [["previous"], ["champion"]]

        command = [sys.executable, "-m", "flows.commands", "models", "rollback", "--runtime.data-root"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TEXTMILL_"))}
        running = [
            subprocess.Popen([*command, str(root)], cwd=CHECKOUT, env=environment | server, stderr=subprocess.PIPE)
            for root in (one, two)
        ]
        ended = sorted((process.communicate()[1].decode(), process.returncode) for process in running)
        assert sorted(code for _, code in ended) == [0, 2]  # the second finds no champion before the first
        assert any("has no earlier champion to go back to" in said for said, _ in ended)
        text = textmill(
            two,
            [sys.executable, "-m", "flows.commands", "predict", "good news", "--json"],
            server | {"TEXTMILL_RUNTIME__DATA_ROOT": str(two)},
        )
        assert "news" in text.stdout
    entries = [entry for each in decided(s3, PREFIX) for entry in each]
    moves = [(entry["action"], entry["from_version"], entry["to_version"]) for entry in entries if entry["action"] in MOVES]
    assert moves == [("first", None, 1), ("promote", 1, 2), ("rollback", 2, 1)]
    assert not (two / "mlflow" / "ledger.jsonl").exists()
