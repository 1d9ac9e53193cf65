"""Take the documents that hold a text out of a monitor, by the rules of its transactions.

Counts stay as they were: they are sums, and say nothing of a text. So do those of stories: a document that was a copy is none
the less one, and where the first of a story goes and copies of it stay, the story counts where its first document is now.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.crash import crash_point
from tasks.errors import UnavailableError
from tasks.forget.contents import of_array, pieces_of_values
from tasks.forget.databases import scrub
from tasks.in_use import is_held, remedy
from tasks.monitor.aggregate import count_series
from tasks.monitor.parts import Part, read_part, sweep_parts, write_parts
from tasks.monitor.stories import LOOK_AGAIN, forget_copies, keep_forgotten
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.store.digests import canonical
from tasks.today.kept import CHANGE

if TYPE_CHECKING:
    from tasks.forget.forms import Wanted
    from tasks.monitor.state import MonitorState
    from tasks.monitor.stories import Sum

_OTHERS = ("quarantine", "settings", "watermarks", "copies")


def forget_documents(state: MonitorState, wanted: Wanted) -> int:
    """Delete the documents, refused records and headlines of alerts that hold a text; how many.

    Files are written first, one transaction makes them count, and the files of before are removed after it; so a kill leaves
    either state whole, and the same call goes on. The caller has the state open. UnavailableError: a file is damaged.
    """
    db, folder = state.db, state.folder / "documents"
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN IMMEDIATE")
    try:
        gone = _from_parts(state, wanted)
        gone += _from_alerts(db, wanted)
        gone += sum(_from_table(db, table, wanted) for table in _OTHERS)
        if gone:  # it quotes the beginnings of texts; the next refresh makes it anew
            db.execute("DELETE FROM settings WHERE key = ?", (CHANGE,))
            db.execute("DELETE FROM watermarks WHERE good + quarantined > 0")  # files are read again, and the text refused
        crash_point("forget.monitor_uncommitted")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    crash_point("forget.monitor_committed")
    sweep_parts(folder, (path for (path,) in db.execute("SELECT path FROM files")))
    crash_point("forget.monitor_swept")
    try:
        scrub(db)
    except sqlite3.OperationalError as error:
        if not is_held(error):
            raise
        path = state.folder / "state.db"
        raise UnavailableError(f"{path}: {error}; {remedy(path, error)}") from error
    return gone


def _from_parts(state: MonitorState, wanted: Wanted) -> int:
    """Write the files of documents anew that have a row to be deleted."""
    db, folder, gone = state.db, state.folder / "documents", [SCORED_SCHEMA.empty_table()]
    parts = db.execute("SELECT path, day, rows, sha256, refresh FROM files ORDER BY day, path").fetchall()
    for *fields, refresh in parts:
        part = Part(*fields)
        table = read_part(folder, part, None)
        rows = _rows(table, wanted)
        if not rows:
            continue
        gone.append(table.take(pa.array(sorted(rows))).cast(SCORED_SCHEMA))
        ids = gone[-1].column("id").to_pylist()
        db.executemany("DELETE FROM documents WHERE id = ?", [(identity,) for identity in ids])
        db.execute("DELETE FROM files WHERE path = ?", (part.path,))
        kept = table.filter(pa.array([row not in rows for row in range(table.num_rows)], pa.bool_()))
        if kept.num_rows:
            written = write_parts(folder, kept.cast(SCORED_SCHEMA).to_batches())
            db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", [(*each, refresh) for each in written])
        crash_point("forget.part_written")
    _from_stories(state, pa.concat_tables(gone).combine_chunks())
    return sum(len(table) for table in gone)


def _from_stories(state: MonitorState, gone: pa.Table) -> None:
    """Keep nothing of documents that are gone (SCORED_SCHEMA) but what they add to the counts of copies."""
    copies, firsts, days = forget_copies(state.db, set(gone.column("id").to_pylist()))

    def sums(ids: set[bytes]) -> list[Sum]:
        rows = gone.filter(pc.is_in(gone.column("id"), pa.array(sorted(ids), gone.schema.field("id").type)))
        return [each for batch in rows.to_batches() for each in count_series(batch, state.negative() or "")]

    keep_forgotten(state.db, sums(copies), sums(firsts))
    if days:
        before = json.loads(state.setting(LOOK_AGAIN) or "[]")
        state.keep_setting(LOOK_AGAIN, json.dumps(sorted({*before, *days})))


def _rows(table: pa.Table, wanted: Wanted) -> set[int]:
    """The rows of a table of documents that hold a text in any of their columns."""
    rows: set[int] = set(wanted.rows([text or "" for text in table.column("text").to_pylist()]))
    others = table.drop_columns(["text"])
    if any(_held(wanted, column) for column in others.columns):
        rows |= {row for row in range(others.num_rows) if any(_held(wanted, each) for each in others.slice(row, 1).columns)}
    return rows


def _held(wanted: Wanted, column: pa.ChunkedArray) -> bool:
    return any(wanted.held_by(piece) for piece in of_array(column) if isinstance(piece, str))


def _from_alerts(db: sqlite3.Connection, wanted: Wanted) -> int:
    """Take headlines out of the evidence of alerts; an alert that holds a text elsewhere goes with its deliveries."""
    gone = 0
    for number, written in db.execute("SELECT id, payload FROM alerts").fetchall():
        if not wanted.held_by(written):
            continue
        payload: dict[str, Any] = json.loads(written)
        evidence = payload.get("evidence", {})
        headlines = evidence.get("headlines", [])
        kept = [each for each in headlines if not wanted.held_by(json.dumps(each, ensure_ascii=False))]
        gone += len(headlines) - len(kept)
        if headlines:
            evidence["headlines"] = kept
        left = canonical(payload)
        if wanted.held_by(left):
            db.execute("DELETE FROM deliveries WHERE alert = ?", (number,))
            gone += db.execute("DELETE FROM alerts WHERE id = ?", (number,)).rowcount
        else:
            db.execute("UPDATE alerts SET payload = ? WHERE id = ?", (left, number))
    return gone


def _from_table(db: sqlite3.Connection, table: str, wanted: Wanted) -> int:
    cursor = db.execute(f"SELECT * FROM {table}")  # noqa: S608 a name of ours
    key = cursor.description[0][0]
    held = [row[0] for row in cursor.fetchall() if any(_held_by_value(wanted, piece) for piece in pieces_of_values(row))]
    db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(each,) for each in held])  # noqa: S608
    return len(held)


def _held_by_value(wanted: Wanted, piece: str | bytes) -> bool:
    return bool(wanted.held_by(piece) if isinstance(piece, str) else wanted.held_by_bytes(piece))
