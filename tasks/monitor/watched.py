"""Since when each entry of a watch-list is looked for, so that one that is never found can be told from one that is new."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tasks.monitor.tables import NAME
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.monitor.state import MonitorState

KEY = "watched"
NUM_NAMED = 8  # entries in one line


class NotFound(NamedTuple):
    """An entry that none of `documents` documents, scored since the day `since` (YYYY-MM-DD), speaks of."""

    entry: str
    since: str
    documents: int


def begin_watching(state: MonitorState, entries: Iterable[str], day: str) -> None:
    """Take down that these entries, and no others, are looked for; the new ones from `day` (YYYY-MM-DD, UTC) on."""
    known = _watched(state)
    before = state.num_scored()
    watched = {entry: known.get(entry, (day, before)) for entry in entries}
    if watched != known:
        state.keep_setting(KEY, json.dumps(watched, ensure_ascii=False))


def num_watched(state: MonitorState) -> int:
    """How many entries are looked for."""
    return len(_watched(state))


def not_found(state: MonitorState) -> list[NotFound]:
    """The entries that no document of the monitor's whole past speaks of, by name; none before a document was scored."""
    scored, counted = state.num_scored(), state.series()
    return [
        NotFound(entry, since, scored - before)
        for entry, (since, before) in sorted(_watched(state).items())
        if f"{NAME}{entry}" not in counted and scored > before
    ]


def not_found_in_words(missing: list[NotFound], of: int) -> list[str]:
    """A line for each day since which entries are missed: which, in how many documents; the names at most eight a line."""
    days: dict[tuple[str, int], list[str]] = {}
    for each in missing:
        days.setdefault((each.since, each.documents), []).append(each.entry)
    return [
        said(
            "{count:,} of {of:,} entries found in none of the {documents:,} documents since {since:day}: {names}",
            count=len(names),
            of=of,
            documents=documents,
            since=since,
            names=_few(names),
        )
        for (since, documents), names in sorted(days.items())
    ]


def _few(names: list[str]) -> str:
    more = len(names) - NUM_NAMED
    few = joined(", ", names[:NUM_NAMED])
    return said("{names} and {count:,} more", names=few, count=more) if more > 0 else few


def _watched(state: MonitorState) -> dict[str, tuple[str, int]]:
    held = json.loads(state.setting(KEY) or "{}")
    return {entry: (since, before) for entry, (since, before) in held.items()}
