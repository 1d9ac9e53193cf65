"""Delete the rows of SQLite databases that hold a text, so that nothing of them is left in the file."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.crash import crash_point
from tasks.errors import UnavailableError
from tasks.forget.contents import pieces_of_values
from tasks.in_use import is_forbidden, is_held, remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.forget.forms import Wanted

WAIT_SECONDS = 10.0  # for a program that is about to let go of a database
BATCH_ROWS = 1024
# What has a row here is more than what it is called: without it models, experiments or schedules would be gone.
KEPT = frozenset(
    {
        *("alembic_version", "experiments", "runs", "registered_models", "model_versions", "logged_models"),
        *("deployment", "flow", "work_pool", "work_queue", "block_type", "block_schema"),
    }
)

Row = tuple[str, int]  # table and rowid


def rows_holding(path: Path, wanted: Wanted) -> list[Row]:
    """The rows of a database that hold a text; UnavailableError if it cannot be read."""
    with _opened(path, "ro") as db:
        return list(_rows(db, wanted))


def refuse_held(path: Path) -> None:
    """UnavailableError if another program holds a database."""
    with _opened(path, "rw") as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("ROLLBACK")


def delete_rows(path: Path, wanted: Wanted) -> tuple[int, list[str]]:
    """Delete the rows that hold a text, and those that refer to them; how many, and the tables of those that stay (see KEPT).

    All of it is one transaction. Then the file is written anew without free pages, and its log is emptied: repeated after a
    kill, that is made good. UnavailableError if another program holds the database.
    """
    with _opened(path, "rw") as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("BEGIN EXCLUSIVE")
        try:
            db.execute("PRAGMA defer_foreign_keys = ON")
            rows = list(_rows(db, wanted))
            deleted = _delete(db, [row for row in rows if row[0] not in KEPT])
            crash_point("forget.rows_deleted")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        crash_point("forget.rows_committed")
        scrub(db)
        return deleted, sorted({table for table, _ in rows if table in KEPT})


def scrub(db: sqlite3.Connection) -> None:
    """Leave nothing of deleted rows in a database's file, nor in its log."""
    db.execute("PRAGMA secure_delete = ON")
    db.execute("VACUUM")
    crash_point("forget.vacuumed")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _rows(db: sqlite3.Connection, wanted: Wanted) -> Iterator[Row]:
    tables = db.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in tables:
        cursor = db.execute(f"SELECT {_rowid(db, table)}, * FROM {_quoted(table)}")  # noqa: S608
        while some := cursor.fetchmany(BATCH_ROWS):
            if _held(wanted, (value for _, *values in some for value in values)):
                yield from ((table, number) for number, *values in some if _held(wanted, values))


def _held(wanted: Wanted, values: Iterator[object] | list[object]) -> bool:
    return any(
        wanted.held_by(piece) if isinstance(piece, str) else wanted.held_by_bytes(piece) for piece in pieces_of_values(values)
    )


def _rowid(db: sqlite3.Connection, table: str) -> str:
    """What names a row: its rowid, or NULL in a table without, whose rows are looked at and not deleted."""
    (without,) = db.execute("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,)).fetchone()
    return "NULL" if without else "rowid"


def _delete(db: sqlite3.Connection, rows: list[Row]) -> int:
    """Delete rows, then those whose reference leads nowhere since, until there is no such row."""
    before = _dangling(db)
    deleted = 0
    while rows:
        for table, number in rows:
            deleted += db.execute(f"DELETE FROM {_quoted(table)} WHERE rowid = ?", (number,)).rowcount  # noqa: S608
        rows = sorted(_dangling(db) - before)
    return deleted


def _dangling(db: sqlite3.Connection) -> set[Row]:
    return {(table, number) for table, number, *_ in db.execute("PRAGMA foreign_key_check") if number is not None}


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        address = f"file:{quote(str(path.absolute()))}?mode={mode}"
        with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=WAIT_SECONDS)) as db:
            yield db
    except sqlite3.DatabaseError as error:
        if is_held(error) or is_forbidden(error):
            raise UnavailableError(f"{path}: {error}; {remedy(path, error)}") from error
        raise UnavailableError(f"{path}: {error}; if it is damaged, restore it from a backup or move it away") from error
