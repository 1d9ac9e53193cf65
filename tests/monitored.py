"""A made stream of news that a monitor watches, the points where its refresh may be killed, and what a refresh leaves."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tasks.monitor.state import MonitorState
from tasks.today.kept import CHANGE, STANDING, TOLD

if TYPE_CHECKING:
    from pathlib import Path

FIRST, DAYS, SURGE_DAYS, A_DAY = date(2020, 1, 1), 90, 7, 8
COPY = 5  # of each day's texts the one that says what the one before it says
POINTS = [
    "monitor.made",
    "monitor.swept",
    "monitor.claimed",
    "refresh.collected",
    "monitor.counted",
    "refresh.scored",
    "monitor.part_written",
    f"monitor.part_written:{DAYS}",
    "monitor.part_named",
    f"monitor.part_named:{DAYS}",
    "monitor.flushed",
    "monitor.copies_kept",
    f"monitor.copies_kept:{DAYS}",
    "monitor.alerts_stored",
    "monitor.alerts_stored:2",
    "refresh.detected",
    "monitor.uncommitted",
    "monitor.committed",
    "notify.sending",
    "notify.sent",
    "notify.sent:2",
    "notify.marked",
    "notify.marked:2",
    "refresh.told",
    "dashboard.written",
    "dashboard.named",
    "refresh.shown",
]


def write_stream(path: Path, texts: dict[str, list[str]]) -> None:
    """Ninety days of eight texts, almost all of them negative in the last week, and one row without a full date.

    One text a day is a copy of another.
    """
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["when", "headline"])
        rows.writerow(["Jul-18", "Undated"])
        for number in range(DAYS * A_DAY):
            day = number // A_DAY
            bad = number % A_DAY < (A_DAY - 1 if day >= DAYS - SURGE_DAYS else 2)
            chosen = texts["negative" if bad else "positive"]
            is_copy = number % A_DAY == COPY
            told = number - is_copy
            text = f"{chosen[told * 7 % len(chosen)]} ({told})"
            rows.writerow([FIRST + timedelta(day), text.upper() if is_copy else text])


def left_by(root: Path) -> dict[str, Any]:
    """All that the monitor `desk` is, and what its channel was told, but for the times at which things happened."""
    documents = root / "monitor" / "desk" / "documents"
    with MonitorState.read(root, "desk") as state:
        return {
            "files": {str(path.relative_to(documents)): path.read_bytes() for path in documents.rglob("*.parquet")},
            "aggregates": [state.counts(), state.histograms(), state.models(), state.labels()],
            "stories": [state.counts(stories=True), state.db.execute("SELECT * FROM copies ORDER BY id").fetchall()],
            "scored": sum(row["scored"] for row in state.refreshes()),
            "quarantine": state.quarantined(),
            "alerts": [(alert.id, alert.summary(), alert.evidence) for alert in state.alerts()],
            "today": [state.setting(key) for key in (STANDING, CHANGE, TOLD)],
            "waiting": state.waiting(),
            "told": set(told(root)),
            "names": {path.name for path in documents.parent.rglob("*") if not path.name.startswith("state.db-")},
        }


def told(root: Path) -> Counter[str]:
    """How often the channel `desk` was sent each alert."""
    path = root / "alerts.jsonl"
    return Counter(json.loads(line)["id"] for line in path.read_text().splitlines()) if path.exists() else Counter()
