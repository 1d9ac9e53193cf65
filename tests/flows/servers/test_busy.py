"""Requests to a Prefect server while another connection writes to its SQLite database."""

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.servers.server import Server

WRITING_SECONDS = 1.5


@pytest.mark.long
def test_a_run_and_a_deployment_are_made_while_another_connection_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    with Server(tmp_path / "data") as endpoint:
        assert endpoint.auth
        user, _, password = endpoint.auth.partition(":")
        with httpx.Client(base_url=endpoint.url, auth=(user, password), timeout=None) as client:
            flow = client.post("/flows/", json={"name": "train"}).json()["id"]
            nightly = {"flow_id": flow, "name": "nightly"}
            deployment = client.post("/deployments/", json=nightly).json()["id"]
            database = tmp_path / "prefect" / "prefect.db"
            for path, body in (
                ("/flow_runs/", {"flow_id": flow, "state": {"type": "PENDING"}}),
                (f"/deployments/{deployment}/create_flow_run", {}),
                ("/deployments/", nightly),
            ):
                answer = asked_while_written(client, database, path, body)
                assert answer.is_success, f"{path}: {answer.text}"


def asked_while_written(client: httpx.Client, database: Path, path: str, body: dict[str, Any]) -> httpx.Response:
    """What a request gets that arrives while another connection holds the database to write."""
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(client.post(path, json=body)))
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asking.start()
        time.sleep(WRITING_SECONDS)
        other.execute("COMMIT")
    asking.join()
    (answer,) = answers
    return answer
