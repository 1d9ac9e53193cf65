"""What a monitor keeps of stories: which documents are copies of an earlier one, and what the copies add up to.

A document that says again what an earlier one of the days before has said has a row in `copies`, which names that one; so a
story is a tree whose root was seen first. `copy_counts` are sums over copies, as `counts` are over all documents; one less the
other is what the stories add up to, each counted once, on the day it came. Both follow from the documents alone.

Of documents that were forgotten `counts` keep what they added. `forgotten_copies` are the sums of those among them that are
copies, and of those whose copies stay, since the story counts where its first document is now: they are among `copy_counts` for
good.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.crash import crash_point

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Sequence

TABLES = """
CREATE TABLE IF NOT EXISTS copies (
    id BLOB PRIMARY KEY, day TEXT NOT NULL, time INTEGER NOT NULL, source TEXT NOT NULL,
    earlier BLOB NOT NULL, earlier_time INTEGER NOT NULL, earlier_source TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS copies_by_day ON copies (day);
CREATE INDEX IF NOT EXISTS copies_by_earlier ON copies (earlier);
CREATE TABLE IF NOT EXISTS copy_counts (
    series TEXT, day TEXT, documents INTEGER NOT NULL, negative INTEGER NOT NULL, negative_millionths INTEGER NOT NULL,
    PRIMARY KEY (series, day)
) WITHOUT ROWID;
"""
FORGOTTEN_TABLE = """
CREATE TABLE IF NOT EXISTS forgotten_copies (
    series TEXT, day TEXT, documents INTEGER NOT NULL, negative INTEGER NOT NULL, negative_millionths INTEGER NOT NULL,
    PRIMARY KEY (series, day)
) WITHOUT ROWID;
"""
LOOK_AGAIN = "stories.unread"  # the setting that names days whose copies are to be looked for anew
COUNTS_OF_STORIES = """
SELECT a.series, a.day, a.documents - ifnull(b.documents, 0) AS documents, a.negative - ifnull(b.negative, 0) AS negative,
    a.negative_millionths - ifnull(b.negative_millionths, 0)
FROM counts AS a LEFT JOIN copy_counts AS b ON b.series = a.series AND b.day = a.day
WHERE a.documents > ifnull(b.documents, 0)
"""
_ADD = """ON CONFLICT (series, day) DO UPDATE SET documents = documents + excluded.documents,
    negative = negative + excluded.negative, negative_millionths = negative_millionths + excluded.negative_millionths"""
_VARIABLES = 4096  # of one statement; SQLite takes at most 32,766


Sum = tuple[str, str, int, int, int]  # series, day, documents, negative, negative_millionths


class Copy(NamedTuple):
    """A document that says again what `earlier` has said; times are microseconds since 1970."""

    id: bytes
    day: str
    time: int
    source: str
    earlier: bytes
    earlier_time: int
    earlier_source: str


class Story(NamedTuple):
    """A story of several documents: the first one's id and time (microseconds since 1970), how many, from how many sources."""

    first: bytes
    seen: int
    documents: int
    sources: int


def make_tables(db: sqlite3.Connection) -> None:
    """Make what a monitor of an earlier version lacks; nothing where it is there."""
    if not has_tables(db) or "forgotten_copies" not in _tables(db):
        db.executescript(f"BEGIN IMMEDIATE; {TABLES} {FORGOTTEN_TABLE} COMMIT;")


def has_tables(db: sqlite3.Connection) -> bool:
    """Whether this monitor keeps stories."""
    return {"copies", "copies_by_day", "copies_by_earlier", "copy_counts"} <= _tables(db)


def _tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")}


def replace_copies(db: sqlite3.Connection, day: str, copies: Sequence[Copy], counts: Iterable[Sum]) -> None:
    """Keep the copies among the documents of a day, and what they add up to, in place of those kept before."""
    for table in ("copies", "copy_counts"):
        db.execute(f"DELETE FROM {table} WHERE day = ?", (day,))  # noqa: S608 names of ours
    db.executemany("INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?, ?)", copies)
    db.executemany("INSERT INTO copy_counts VALUES (?, ?, ?, ?, ?)", counts)
    db.execute(f"INSERT INTO copy_counts SELECT * FROM forgotten_copies WHERE day = ? {_ADD}", (day,))  # noqa: S608
    crash_point("monitor.copies_kept")


def forget_copies(db: sqlite3.Connection, ids: Collection[bytes]) -> tuple[set[bytes], set[bytes], set[str]]:
    """Keep nothing of these documents, neither as copies nor as what was copied.

    Returns those of them that are copies, those that are not and have copies that stay, and the days of all copies that stay
    and are a copy of none of the documents that are kept now.
    """
    copies = {identity for identity, *_ in _select(db, "SELECT id FROM copies WHERE id IN", ids)}
    told = list(_select(db, "SELECT id, earlier, day FROM copies WHERE earlier IN", ids))
    staying = [(earlier, day) for identity, earlier, day in told if identity not in ids]
    for some in _chunks(ids):
        places = ",".join("?" * len(some))
        for column in ("id", "earlier"):
            db.execute(f"DELETE FROM copies WHERE {column} IN ({places})", some)  # noqa: S608
    return copies, {earlier for earlier, _ in staying} - copies, {day for _, day in staying}


def keep_forgotten(db: sqlite3.Connection, copies: Iterable[Sum], firsts: Iterable[Sum]) -> None:
    """Keep the sums of forgotten documents that count as copies: those that did before, and those whose copies stay."""
    former, new = list(copies), list(firsts)
    db.executemany(f"INSERT INTO forgotten_copies VALUES (?, ?, ?, ?, ?) {_ADD}", [*former, *new])  # noqa: S608
    db.executemany(f"INSERT INTO copy_counts VALUES (?, ?, ?, ?, ?) {_ADD}", new)  # noqa: S608


def copies_of_days(db: sqlite3.Connection, days: Collection[str]) -> set[bytes]:
    """The ids of the documents of these days that are copies."""
    rows = (db.execute("SELECT id FROM copies WHERE day = ?", (day,)) for day in days)
    return {identity for each in rows for (identity,) in each}


def first_of(db: sqlite3.Connection, ids: Iterable[bytes]) -> dict[bytes, bytes]:
    """For those of some documents that are copies, the id of their story's first document."""
    above: dict[bytes, bytes] = {}
    wanted = set(ids)
    while wanted:
        found = dict(_select(db, "SELECT id, earlier FROM copies WHERE id IN", wanted))
        above |= found
        wanted = set(found.values()) - above.keys()
    firsts: dict[bytes, bytes] = {}
    for identity in above:
        first = identity
        while first in above:
            first = above[first]
        firsts[identity] = first
    return firsts


def most_copied(db: sqlite3.Connection, days: Collection[str], limit: int) -> list[bytes]:
    """The first documents of the stories of which most copies are of these days, the most copied first."""
    number: defaultdict[bytes, int] = defaultdict(int)
    for day in sorted(days):
        for earlier, copies in db.execute("SELECT earlier, count(*) FROM copies WHERE day = ? GROUP BY earlier", (day,)):
            number[earlier] += copies
    firsts = first_of(db, number)
    of_story: defaultdict[bytes, int] = defaultdict(int)
    for earlier, copies in number.items():
        of_story[firsts.get(earlier, earlier)] += copies
    return sorted(of_story, key=lambda first: (-of_story[first], first))[:limit]


def stories_of(db: sqlite3.Connection, ids: Sequence[bytes], until: str | None = None) -> dict[bytes, Story]:
    """The stories of those of some documents that have copies, or are copies; copies after the day `until` do not count."""
    firsts = first_of(db, ids)
    roots = {firsts.get(identity, identity) for identity in ids}
    root_of = {root: root for root in roots}
    number: defaultdict[bytes, int] = defaultdict(lambda: 1)
    sources: defaultdict[bytes, set[str]] = defaultdict(set)
    seen: dict[bytes, int] = {}
    level: Collection[bytes] = roots
    query = "SELECT id, day, source, earlier, earlier_time, earlier_source FROM copies WHERE earlier IN"
    while level:
        below: list[bytes] = []
        for identity, day, source, earlier, earlier_time, earlier_source in _select(db, query, level):
            if until is not None and day > until:
                continue
            root = root_of[identity] = root_of[earlier]
            number[root] += 1
            sources[root] |= {source, earlier_source}
            if earlier == root:
                seen[root] = earlier_time
            below.append(identity)
        level = below
    stories = {root: Story(root, seen[root], number[root], len(sources[root])) for root in roots if root in seen}
    return {identity: stories[root] for identity in ids if (root := firsts.get(identity, identity)) in stories}


def _select(db: sqlite3.Connection, query: str, values: Collection[bytes]) -> Iterator[Any]:
    for some in _chunks(values):
        yield from db.execute(f"{query} ({','.join('?' * len(some))})", some).fetchall()


def _chunks(values: Collection[bytes]) -> Iterator[list[bytes]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _VARIABLES):
        yield ordered[start : start + _VARIABLES]


def story_figures(story: Story | None) -> dict[str, Any]:
    """How often a text came, from how many sources, and when first (ISO); nothing of one that came once."""
    if story is None or story.documents < 2:
        return {}
    seen = datetime.fromtimestamp(story.seen / 1e6, UTC)
    return {"copies": story.documents, "sources": story.sources, "first_seen": seen.isoformat()}
