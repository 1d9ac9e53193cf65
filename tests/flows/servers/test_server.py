from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flows.servers.server import Endpoint, Server, free_port
from tasks.errors import UnavailableError

CHECKOUT = Path(__file__).resolve().parents[3]
MAKE = """
import os, sys
from pathlib import Path
from flows.servers.server import make_database
make_database(Path(sys.argv[1]), Path(sys.argv[2]))
print("prefect.server.database" in sys.modules, os.environ.get("PREFECT_SERVER_DATABASE_MIGRATE_ON_START", "true"))
"""


def make(home: Path, template: Path) -> str:
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    made = subprocess.run(
        [sys.executable, "-c", MAKE, str(home), str(template)],
        env=environment | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def content(database: Path) -> tuple[list, list]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("select type, name, sql from sqlite_master order by type, name").fetchall()
        return tables, connection.execute("select version_num from alembic_version").fetchall()


@pytest.mark.long
def test_a_second_home_gets_a_copy_of_the_migrated_database_and_no_home_loses_its_own(tmp_path: Path) -> None:
    template = tmp_path / "share" / "prefect.db"
    assert make(tmp_path / "first", template) == "True false"
    assert make(tmp_path / "second", template) == "False false"
    first, second = (content(tmp_path / name / "prefect.db") for name in ("first", "second"))
    assert first == second == content(template)
    assert len(first[0]) > 100
    assert len(first[1]) == 1
    with contextlib.closing(sqlite3.connect(tmp_path / "second" / "prefect.db")) as connection, connection:
        connection.execute("create table mine (x)")
        connection.execute("update alembic_version set version_num = 'older'")
    assert make(tmp_path / "second", template) == "False true"  # Prefect is to migrate it
    assert content(tmp_path / "second" / "prefect.db") != first
    assert not list(template.parent.glob(".*"))


def test_prefect_that_was_imported_before_learns_of_the_server_and_forgets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would start a temporary server beside the one that runs, as `textmill deploy` did."""
    import prefect.context

    def known() -> str | None:
        return prefect.context.GLOBAL_SETTINGS_CONTEXT.settings.api.url

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    prefect.context.refresh_global_settings_context()
    monkeypatch.setattr("flows.servers.server.living", lambda home, timeout: Endpoint("http://127.0.0.1:9/api"))
    with Server(tmp_path, own=True):
        assert known() == "http://127.0.0.1:9/api"
    assert known() is None


def test_a_server_that_wants_another_password_is_not_said_to_be_silent(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    with pytest.raises(UnavailableError, match="wants another password; set PREFECT_API_AUTH_STRING"):
        Server(tmp_path / "root").__enter__()


def test_a_configured_server_that_does_not_answer_is_an_outage_and_no_wrong_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
    with pytest.raises(UnavailableError, match="does not answer; start it, or unset PREFECT_API_URL"):
        Server(tmp_path / "root").__enter__()
