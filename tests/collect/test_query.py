import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tasks.errors import RequestError, UnavailableError
from tests.postgresql import PASSWORD

Collect = Callable
VARIABLE = "NEWS_DATABASE"


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "news.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE news (id INTEGER, published, title)")
        rows = [
            (1, "2020-07-18 10:30", "One"),
            (2, 1595068200, "Two"),
            (3, None, "Undated"),
            (4, "2020-07-18", None),
            (5, 9, 5),
        ]
        db.executemany("INSERT INTO news VALUES (?, ?, ?)", rows)
    db.close()
    monkeypatch.setenv(VARIABLE, f"sqlite:///{path}")
    return path


def test_rows_of_sqlite(collect: Collect, sqlite: Path) -> None:
    options = {"query": "SELECT title, published FROM news ORDER BY id", "text": "title", "time": "published"}
    found = collect(**options, database_variable=VARIABLE, timezone="Europe/London")
    assert [(row["text"], row["time"].isoformat(), row["source"]) for row in found.rows] == [
        ("One", "2020-07-18T09:30:00+00:00", "sqlite query"),
        ("Two", "2020-07-18T10:30:00+00:00", "sqlite query"),
    ]
    assert found.report["reasons"] == {"empty": 1, "malformed_row": 1, "missing_time": 1}
    assert collect(**options, database_variable=VARIABLE, timezone="Europe/London").figures["duplicates"] == 2


def test_since_reads_only_what_is_new(collect: Collect, sqlite: Path) -> None:
    def read(**more: object) -> tuple[list[str], int]:
        found = collect(query=query, text="title", time="published", database_variable=VARIABLE, **more)
        return found.texts, found.figures["duplicates"]

    query = "SELECT title, published FROM news WHERE published >= :since ORDER BY published"
    with sqlite3.connect(sqlite) as db:
        db.execute("DELETE FROM news")
        days = ["1969-07-20", "2020-07-01 09:00", "2020-07-10 09:00", "2020-07-11 09:00", "2020-09-30 09:00"]
        db.executemany("INSERT INTO news VALUES (1, ?, ?)", [(day, f"of {day}") for day in days])
    assert read() == ([f"of {day}" for day in days[:4]], 0)  # the last is of the future, and must not move the mark
    assert read() == ([], 2)  # the two of the overlap
    with sqlite3.connect(sqlite) as db:
        late = [(day, f"late {day}") for day in ("2020-07-05 09:00", "2020-07-09 12:00")]
        db.executemany("INSERT INTO news VALUES (1, ?, ?)", late)
    assert read() == (["late 2020-07-09 12:00"], 2)
    assert read(since=date(2020, 7, 5)) == (["late 2020-07-05 09:00"], 3)  # a backfill reads what it asks for
    query += ", title"
    assert read() == ([], 6)  # another query begins anew
    db.close()


def test_what_is_wrong_with_a_query_is_told_without_the_address(
    collect: Collect, sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnavailableError, match="no such table: absent"):
        collect(query="SELECT * FROM absent", database_variable=VARIABLE)
    with pytest.raises(RequestError, match="no column 'text' for the text; it gives 'id', 'published', 'title'"):
        collect(query="SELECT * FROM news", database_variable=VARIABLE)
    monkeypatch.setenv(VARIABLE, f"no address {PASSWORD}")
    with pytest.raises(RequestError, match="no SQLAlchemy URL") as told:
        collect(query="SELECT 1", database_variable=VARIABLE)
    assert PASSWORD not in str(told.value)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(RequestError, match="NEWS_DATABASE is empty"):
        collect(query="SELECT 1", database_variable=VARIABLE)


def test_the_address_may_stand_in_a_private_file_only(collect: Collect, sqlite: Path, tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text(f"sqlite:///{sqlite}\n")
    secret.chmod(0o640)
    options = {"query": "SELECT title, published FROM news WHERE id = 1", "text": "0", "time": "1", "database_file": secret}
    with pytest.raises(RequestError, match=r"mode 0640.*chmod 600"):
        collect(**options)
    secret.chmod(0o600)
    assert collect(**options).texts == ["One"]


def test_rows_of_postgresql(collect: Collect, postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, postgresql)
    engine = create_engine(postgresql)
    with engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE numbers"))
        connection.execute(text("CREATE TABLE news (id int, published timestamptz, day date, title text)"))
        rows = [
            {"id": n, "published": datetime(2020, 7, 18, 10, n % 60, tzinfo=UTC), "day": "2020-07-18", "title": f"title {n}"}
            for n in range(10_000)
        ]
        connection.execute(text("INSERT INTO news VALUES (:id, :published, :day, :title)"), rows)
    engine.dispose()
    options = {"text": "title", "database_variable": VARIABLE}
    found = collect(query="SELECT title, published FROM news ORDER BY id", time="published", **options)
    assert found.texts == [f"title {n}" for n in range(10_000)]
    assert found.rows[59]["time"].isoformat() == "2020-07-18T10:59:00+00:00"
    dated = collect(query="SELECT title, day FROM news WHERE id = 3", time="day", **options)
    assert dated.rows[0]["time"].isoformat() == "2020-07-18T00:00:00+00:00"
    newer = "SELECT title, published FROM news WHERE id < 70 AND published >= :since"
    assert collect(query=newer, time="published", **options).figures["duplicates"] == 70
    assert collect(query=newer, time="published", **options).figures["duplicates"] == 70
    cast = "SELECT title, day FROM news WHERE id = 4 AND day >= CAST(:since AS date)"
    assert collect(query=cast, time="day", **options).texts == ["title 4"]
    with pytest.raises(UnavailableError, match="read-only transaction"):
        collect(query="SELECT title, nextval('numbers') AS day FROM news", time="day", **options)


def test_a_refused_password_is_not_told(collect: Collect, postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, postgresql.replace("open%20sesame", "wrong-word"))
    with pytest.raises(UnavailableError, match="password authentication failed") as told:
        collect(query="SELECT 1", database_variable=VARIABLE)
    assert "wrong-word" not in str(told.value)
    monkeypatch.setenv(VARIABLE, "postgresql+psycopg://desk:word@127.0.0.1:9/db")
    with pytest.raises(UnavailableError, match="connection"):
        collect(query="SELECT 1", database_variable=VARIABLE)


def test_a_text_that_is_no_utf_8_goes_to_quarantine(collect: Collect, sqlite: Path) -> None:
    query = "SELECT CAST(x'636166e9' AS TEXT) AS text, '2020-07-18' AS time UNION ALL SELECT 'One', '2020-07-18'"
    found = collect(query=query, database_variable=VARIABLE)
    assert (found.texts, found.report["reasons"]) == (["One"], {"surrogate": 1})
