"""Rows and queries of a database: for any value a document or a reason, for any query an error of one line."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.collect.query import query_sources
from tasks.collect.settings import CollectConfig
from tasks.documents.times import TimeReader
from tasks.errors import RequestError, UnavailableError
from tests.fuzz.bounded import refused, texts

VARIABLE = "FUZZED_DATABASE"
VALUES = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary(max_size=20) | texts("2020-07-18 10:30 \0 1e9 x")
)
SQL = texts(
    "SELECT * FROM news , text time 'a' \" ( ) ; -- /* :since :x ? %s ATTACH DROP TABLE PRAGMA WITH RECURSIVE UNION "
    "NULL x'ff' \0 é"
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a table of news."""
    path = tmp_path_factory.mktemp("rows") / "news.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE news (text, time)")
        connection.commit()
    return path


def collected(path: Path, query: str) -> list | None:
    """What a query finds; None if it is refused, in one line."""
    config = CollectConfig(query=query, database_variable=VARIABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"sqlite:///file:{path}?mode=ro&uri=true")
        try:
            return [found for source in query_sources(config, lambda name: None) for found in source.records]
        except (RequestError, UnavailableError) as error:
            refused(error)
            return None


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5))
def test_any_values(database: Path, rows: Any) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM news")
        for text, when in rows:
            with contextlib.suppress(UnicodeEncodeError):  # SQLite takes no half of a surrogate pair
                connection.execute("INSERT INTO news VALUES (?, ?)", (text, when))
        connection.commit()
        kept = connection.execute("SELECT count(*) FROM news").fetchone()[0]
    found = collected(database, "SELECT text, time FROM news")
    assert [each.offset for each in found] == list(range(kept))
    for each in found:
        assert (each.text is None) == (each.reason is not None)
        TimeReader("UTC", "DMY").read(each.time or "")


@given(SQL)
def test_any_query(database: Path, query: Any) -> None:
    try:
        CollectConfig(query=query, database_variable=VARIABLE)
    except ValueError:  # empty, or no text
        return
    collected(database, query)
