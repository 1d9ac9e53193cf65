"""A PostgreSQL database for the servers of `textmill up`: what is taken, and what is refused before anything starts."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from flows.servers.database import LOCK, checked_database, connected, mlflow_uri, prefect_settings, prepare_database
from flows.servers.server import Server, free_port
from flows.servers.services import start_all
from tasks.errors import RequestError, UnavailableError
from tasks.processes import start_time
from tasks.runtime import Runtime
from tasks.tracking.home import tracking_home
from tasks.tracking.kept import FILE, Kept, read_kept, write_kept
from tests.postgresql import PASSWORD, USER


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgresql://desk@db.example/team", "postgresql://desk@db.example/team"),
        ("postgres://db.example:5433/team", "postgresql://db.example:5433/team"),
        ("postgresql+psycopg://desk@db.example/team", "postgresql://desk@db.example/team"),
        ("postgresql://d%40k@[::1]:5432/team", "postgresql://d%40k@[::1]:5432/team"),
    ],
)
def test_the_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert checked_database(given) == kept
    assert mlflow_uri(kept).startswith("postgresql+psycopg://")
    assert prefect_settings(kept)["PREFECT_SERVER_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("postgresql://desk:word@db/team", "holds a password"),
        ("postgresql://desk:${WORD}@db/team", "holds a password"),
        ("postgresql://db/team?password=word", "holds a password"),
        ("postgresql://db/team?sslmode=require", "PGSSLMODE"),
        ("postgresql://db/", "the database is missing"),
        ("postgresql:///team", "the host is missing"),
        ("postgresql://db:x/team", "write postgresql://USER@HOST:PORT/DATABASE"),
        ("mysql://db/team", "write postgresql://USER@HOST:PORT/DATABASE"),
    ],
)
def test_what_is_no_address_or_holds_a_secret_is_refused_in_one_line(given: str, said: str) -> None:
    with pytest.raises(RequestError, match=re.escape(said)) as error:
        checked_database(given)
    assert "word" not in str(error.value).lower().replace("password", "")


@pytest.fixture
def database(postgresql: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database, whose password is in the environment."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    name = f"test_{os.getpid()}_{abs(hash(request.node.name))}"
    server = f"postgresql://{USER}@{postgresql.rpartition('@')[2].partition('/')[0]}"
    with psycopg.connect(f"{server}/postgres", password=PASSWORD, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"{server}/{name}"
    with psycopg.connect(f"{server}/postgres", password=PASSWORD, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_two_schemas_are_made_once(database: str) -> None:
    prepare_database(database)
    prepare_database(database)
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname IN ('prefect', 'mlflow')").fetchall()
    assert len(found) == 2


def test_a_database_that_cannot_be_used_is_told_in_one_line(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = database.rpartition("/")[0]
    with pytest.raises(RequestError, match=r'database "nosuch" does not exist\); make it \(createdb\)'):
        prepare_database(f"{server}/nosuch")
    with pytest.raises(UnavailableError, match=r"does not answer .*refused"):
        prepare_database(f"postgresql://{USER}@127.0.0.1:{free_port()}/postgres")
    monkeypatch.setenv("PGPASSWORD", "another")
    with pytest.raises(RequestError, match=r"password authentication failed.*set PGPASSWORD, or"):
        prepare_database(database)


def test_tables_of_others_and_of_other_versions_are_left_alone(database: str) -> None:
    with connected(database) as connection:
        connection.execute("CREATE SCHEMA prefect")
        connection.execute("CREATE TABLE prefect.invoices ()")
        with pytest.raises(RequestError, match=r"holds tables that are not Prefect's \(invoices\); give another database"):
            prepare_database(database)
        connection.execute("ALTER TABLE prefect.invoices RENAME TO alembic_version")
        connection.execute("ALTER TABLE prefect.alembic_version ADD version_num text")
        connection.execute("INSERT INTO prefect.alembic_version VALUES ('f00000000001')")
        with pytest.raises(RequestError, match=r"of a newer Prefect than this one .revision f00000000001"):
            prepare_database(database)
        connection.execute("DROP SCHEMA prefect CASCADE")
        connection.execute("CREATE SCHEMA mlflow")
        connection.execute("CREATE TABLE mlflow.alembic_version AS SELECT '451aebb31d03' AS version_num")
        with pytest.raises(RequestError, match=r"of an older MLflow .*: mlflow db upgrade 'postgresql"):
            prepare_database(database)


def test_a_database_serves_one_set_of_servers(database: str) -> None:
    with connected(database) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        with pytest.raises(RequestError, match=r"in use by the servers of another data root \(textmill on .*, 127\.0\.0\.1\)"):
            prepare_database(database)
    prepare_database(database)


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(RequestError, match=r"pip install 'textmill\[postgresql\]'"), connected("postgresql://db/x"):
        pass


def test_the_registry_of_a_data_root_is_its_server_where_that_keeps_things_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert read_kept(tmp_path) == Kept()
    write_kept(tmp_path, Kept("postgresql://db/x", None, "http://127.0.0.1:5001"))
    home = tracking_home(None, tmp_path, tmp_path / "checkout")
    assert (home.uri, home.folder, home.ours) == ("http://127.0.0.1:5001", tmp_path / "mlflow" / "server", True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5001/")
    assert tracking_home(None, tmp_path, tmp_path / "checkout") == home
    assert tracking_home("http://mlflow.example", tmp_path, tmp_path / "checkout").uri == "http://mlflow.example"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(RequestError, match=r"servers\.json is damaged; write it again with textmill up"):
        tracking_home(None, tmp_path, tmp_path / "checkout")
    write_kept(tmp_path, Kept())
    assert tracking_home(None, tmp_path, tmp_path / "checkout").database == tmp_path / "mlflow" / "mlflow.db"


def test_a_run_starts_no_server_of_its_own_beside_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_HOME", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    write_kept(tmp_path, Kept("postgresql://db/x", None, "http://127.0.0.1:5001"))
    with (
        pytest.raises(UnavailableError, match=r"on postgresql://db/x, do not run; textmill up .* starts them"),
        Server(tmp_path),
    ):
        pass
    assert not (tmp_path / "prefect" / "server.json").exists()


def test_servers_that_run_do_not_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.servers.pidfile import PidFile

    for name in ("PREFECT_HOME", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "prefect").mkdir()
    written = {"url": "http://127.0.0.1:9/api", "process": [os.getpid(), start_time(os.getpid())], "stays": True}
    (tmp_path / "prefect" / "server.json").write_text(json.dumps(written))
    PidFile(tmp_path).add("prefect", os.getpid(), url="http://127.0.0.1:9/api")
    for given in ({"database": "postgresql://db/x"}, {"artifacts": "s3://team/x"}):
        with pytest.raises(RequestError, match="the servers run already, with another --database or --artifacts"):
            start_all(Runtime(data_root=tmp_path), **given)  # type: ignore[arg-type]


def test_a_start_that_fails_leaves_the_places_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise UnavailableError("no")

    for name in ("PREFECT_HOME", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("flows.servers.services.prepare_database", lambda address: None)
    monkeypatch.setattr("flows.servers.services.launch", fails)
    ports = {"prefect_port": free_port(), "mlflow_port": free_port()}
    with pytest.raises(UnavailableError):
        start_all(Runtime(data_root=tmp_path), database="postgresql://db/x", **ports)  # type: ignore[arg-type]
    assert read_kept(tmp_path) == Kept()
