"""Databases that are migrated once per environment and copied for each data root: a migration takes seconds, a copy none."""

from __future__ import annotations

import contextlib
import importlib.metadata
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.durable import PRIVATE, replaced

if TYPE_CHECKING:
    from collections.abc import Callable


def template_of(library: str) -> Path:
    """Where this environment keeps the empty database of the installed version of a library."""
    return Path(sys.prefix) / "share" / "textmill" / f"{library}-{importlib.metadata.version(library)}.db"


def copied_or_made(database: Path, template: Path, make: Callable[[], object]) -> None:
    """Write `database` as a copy of `template`; where that is missing or no use, `make` writes it and it becomes the template.

    A template that cannot be read or written (it may be another user's, or damaged) is passed over.
    """
    with contextlib.suppress(OSError, sqlite3.Error):
        if template.exists():
            _copy(template, database)
            return
    make()
    if database.exists():  # not so where the library's own settings name another
        with contextlib.suppress(OSError, sqlite3.Error):
            template.parent.mkdir(parents=True, exist_ok=True)
            _copy(database, template)


def as_migrated(database: Path, template: Path) -> bool:
    """Whether a database has the schema of the template already, so that its library need not look for migrations."""
    try:
        found, wanted = revisions(database), revisions(template)
    except sqlite3.Error:
        return False
    return bool(found) and found == wanted


def revisions(database: Path) -> set[str]:
    """What Alembic has written down of a database's schema; sqlite3.Error where it has not."""
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as opened:
        return {revision for (revision,) in opened.execute("SELECT version_num FROM alembic_version")}


def _copy(source: Path, target: Path) -> None:
    """Copy what a SQLite file and its write-ahead log hold, whole or not at all; sqlite3.Error if that is damaged."""
    with (
        replaced(target, mode=PRIVATE) as partial,
        contextlib.closing(sqlite3.connect(source)) as old,
        contextlib.closing(sqlite3.connect(partial)) as new,
    ):
        old.backup(new)
        # A copy with a write-ahead log could not be read in a folder that is not ours to write to.
        new.execute("PRAGMA journal_mode = DELETE")
        if new.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError(f"{source} is damaged")
