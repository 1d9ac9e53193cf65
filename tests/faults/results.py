"""What the campaign found, in docs/reliability.json, and the table that docs/RELIABILITY.md shows of it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.results import commit

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = CHECKOUT / "docs" / "reliability.json"
PAGE = CHECKOUT / "docs" / "RELIABILITY.md"
OWN_OUTPUT = (":(exclude)docs",)  # the campaign writes there itself
BEGIN, END = "<!-- table: written by make faults -->", "<!-- end of table -->"


Key = tuple[int, str]  # of an outcome: the row's number, and the server


@dataclass
class Outcome:
    """How often a row was tried and what went wrong; `tried` below `count` while it runs or after it was interrupted."""

    number: int
    count: int
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    commit: str = field(default_factory=lambda: commit(CHECKOUT, OWN_OUTPUT))
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d", time.gmtime()))
    figures: list[str] = field(default_factory=list)  # what the trials measured beside that, a sentence each
    server: str = ""  # of S3, if it is another one than the row's own

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.number, self.server


def read(path: Path) -> dict[Key, Outcome]:
    """The outcomes so far, by row and server; none if there is no file."""
    if not path.exists():
        return {}
    return {outcome.key: outcome for entry in json.loads(path.read_text()) for outcome in [Outcome(**entry)]}


def write(path: Path, outcomes: dict[Key, Outcome]) -> None:
    """Write the outcomes, whole or not at all."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps([_plain(outcomes[key]) for key in sorted(outcomes)], indent=1) + "\n")
    os.replace(partial, path)


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in asdict(outcome).items() if name != "server" or value}


def table(rows: list[Any], outcomes: dict[Key, Outcome]) -> str:
    """The table of promises, in Markdown; a row that was not tried to its end is left out."""
    lines = [
        "| row | promise | tried | went wrong | command | seconds | protection taken out |",
        "|---:|---|---:|---:|---|---:|---|",
    ]
    for row, found in [(row, outcomes[key]) for row in rows for key in sorted(outcomes) if key[0] == row.number]:
        if found.tried < found.count:
            continue
        other = f" --server {found.server}" if found.server else ""
        arguments = f' ARGS="{other.strip()}"' if other else ""
        whole = f"`make faults ROW={row.number}{arguments}`"
        command = whole if found.count == row.count else f"`… --count {found.count}{other}`"
        promise, taken_out = (f"The same with {found.server}", "") if other else (row.promise, row.taken_out)
        cells = [row.number, promise, f"{found.tried:,}", len(found.wrong), command, f"{found.seconds:.0f}", taken_out]
        lines.append("| " + " | ".join(" ".join(str(cell).replace("|", "/").split()) for cell in cells) + " |")
    when = sorted({(found.date, found.commit) for found in outcomes.values() if found.tried == found.count})
    lines += ["", "Measured: " + ", ".join(f"{date} at {name or 'no commit'}" for date, name in when) + "."]
    ordered = [outcomes[key] for key in sorted(outcomes)]
    notes = [f"- row {each.number}{_with(each)}: {line}" for each in ordered for line in each.figures]
    notes += [f"- went wrong{_with(each)}: {line}" for each in ordered for line in each.wrong[:5]]
    return "\n".join(lines + (["", *notes] if notes else []))


def _with(outcome: Outcome) -> str:
    return f" with {outcome.server}" if outcome.server else ""


def render(page: str, text: str) -> str:
    """The page with its table replaced; ValueError if the marks of its place are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the table: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
