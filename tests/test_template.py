"""A database that is migrated once: made, copied, and made anew where the template is of no use."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.template import as_migrated, copied_or_made, template_of


@pytest.fixture
def fill(tmp_path: Path) -> Callable[[Path], bool]:
    """Fill a database as a library's migration would; returns whether it was needed."""
    template = tmp_path / "share" / "template.db"

    def filled(database: Path) -> bool:
        migrations = []

        def migrate() -> None:
            migrations.append(1)
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("create table first (x)")
                connection.commit()

        copied_or_made(database, template, migrate)
        return bool(migrations)

    return filled


def tables(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("select name from sqlite_master")]


def test_the_second_database_is_a_copy_that_only_its_owner_may_read(tmp_path: Path, fill: Callable[[Path], bool]) -> None:
    assert fill(tmp_path / "one.db")
    assert not fill(tmp_path / "two.db")
    assert tables(tmp_path / "two.db") == tables(tmp_path / "share" / "template.db") == ["first"]
    assert (tmp_path / "two.db").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "share").iterdir()) == ["template.db"]


@pytest.mark.parametrize("damage", ["no database", "a page"])
def test_a_damaged_template_is_made_anew(tmp_path: Path, fill: Callable[[Path], bool], damage: str) -> None:
    fill(tmp_path / "one.db")
    template = tmp_path / "share" / "template.db"
    whole = template.read_bytes()
    template.write_bytes(b"no database" * 100 if damage == "no database" else whole[:-4096] + b"\xff" * 4096)
    assert fill(tmp_path / "two.db")
    assert tables(tmp_path / "two.db") == tables(template) == ["first"]
    assert not list(tmp_path.glob(".two.db*"))
    assert not fill(tmp_path / "three.db")


def test_where_no_template_can_be_kept_the_database_is_made_each_time(tmp_path: Path, fill: Callable[[Path], bool]) -> None:
    (tmp_path / "share").write_text("a file where the folder would be")
    assert fill(tmp_path / "one.db")
    assert fill(tmp_path / "two.db")
    assert tables(tmp_path / "two.db") == ["first"]


def test_a_database_that_the_library_makes_elsewhere_leaves_no_template(tmp_path: Path) -> None:
    copied_or_made(tmp_path / "one.db", tmp_path / "template.db", lambda: None)
    assert not list(tmp_path.iterdir())


def test_another_version_of_a_library_has_another_template() -> None:
    from importlib.metadata import version

    assert template_of("mlflow").name == f"mlflow-{version('mlflow')}.db"
    assert template_of("mlflow") != template_of("prefect")


def test_a_database_is_as_migrated_if_its_revision_is_the_templates(tmp_path: Path) -> None:
    for name, revision in (("template", "b2"), ("same", "b2"), ("older", "a1")):
        with contextlib.closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection, connection:
            connection.execute("create table alembic_version (version_num)")
            connection.execute("insert into alembic_version values (?)", [revision])
    (tmp_path / "damaged.db").write_text("no database" * 100)
    sqlite3.connect(tmp_path / "empty.db").close()
    found = {
        name: as_migrated(tmp_path / f"{name}.db", tmp_path / "template.db")
        for name in ("same", "older", "damaged", "empty", "none")
    }
    assert found == {"same": True, "older": False, "damaged": False, "empty": False, "none": False}
    assert not as_migrated(tmp_path / "same.db", tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
