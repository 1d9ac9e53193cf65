"""The history of champions: one JSON line for every decision, appended and never rewritten."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.durable import append_line
from tasks.shown import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

Action = Literal["first", "promoted", "refused", "promote", "rollback", "noticed", "unmeasured"]
MOVES = frozenset({"first", "promoted", "promote", "rollback", "noticed"})


@dataclass(frozen=True)
class Entry:
    """One decision about `version` of model `name`.

    `first`, `promoted` and `refused` are the gate's; `promote` and `rollback` a person's; `noticed` records a champion that was
    set outside of textmill, or by a run that ended before it wrote its line; `unmeasured` a version that nobody has judged: no
    row had a label. `from_version` was champion before, `to_version`
    is champion after. `basis` is all that the decision depended on, `figures` the measurements. A change of champion is written
    twice: `begun` before its aliases are set, and as a decision when they are.
    """

    name: str
    version: int
    action: Action
    from_version: int | None
    to_version: int | None
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    basis: Mapping[str, Any] = field(default_factory=dict)
    time: str = ""
    begun: bool = False


class Ledger:
    """The file of decisions of one MLflow store."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: Entry) -> Entry:
        """Write one line and flush it to disk; returns it with its time (UTC). OSError if the disk does not take all of it."""
        entry = timed(entry)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, json_text(asdict(entry), sort_keys=True).encode())
        return entry

    def entries(self, name: str | None = None) -> list[Entry]:
        """All decisions in order, or one model's. A line that is not whole is logged and left out."""
        return [entry for entry in self._lines(name) if not entry.begun]

    def begun(self, name: str) -> Entry | None:
        """The change of a model's champion that was begun last, unless a decision follows it."""
        lines = self._lines(name)
        return lines[-1] if lines and lines[-1].begun else None

    def _lines(self, name: str | None) -> list[Entry]:
        found = []
        lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                log.warning("%s line %d is not whole and was left out", self.path, number)
                continue
            if name is None or entry.name == name:
                found.append(entry)
        return found


def last_moved(entries: Sequence[Entry], of: Callable[[str], bool] = lambda name: True) -> str | None:
    """Name of the model whose champion changed last, of those that `of` takes."""
    moved = (entry.name for entry in reversed(entries) if entry.action in MOVES)
    return next((name for name in moved if of(name)), None)


def timed(entry: Entry) -> Entry:
    """The entry with a time (UTC): its own, else now."""
    return replace(entry, time=entry.time or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def champions(entries: Iterable[Entry]) -> list[int]:
    """The champions that led to today's, oldest first, today's last; without those that were rolled back."""
    stack: list[int] = []
    for entry in entries:
        if entry.action not in MOVES or entry.to_version is None:
            continue
        if entry.action == "rollback":
            while stack and stack[-1] != entry.to_version:
                stack.pop()
            stack = stack or [entry.to_version]
        elif not stack or stack[-1] != entry.to_version:
            stack.append(entry.to_version)
    return stack
