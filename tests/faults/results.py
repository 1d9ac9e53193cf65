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


def read(path: Path) -> dict[int, Outcome]:
    """The outcomes so far, by row; none if there is no file."""
    if not path.exists():
        return {}
    return {entry["number"]: Outcome(**entry) for entry in json.loads(path.read_text())}


def write(path: Path, outcomes: dict[int, Outcome]) -> None:
    """Write the outcomes, whole or not at all."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps([asdict(outcomes[number]) for number in sorted(outcomes)], indent=1) + "\n")
    os.replace(partial, path)


def table(rows: list[Any], outcomes: dict[int, Outcome]) -> str:
    """The table of promises, in Markdown; a row that was not tried to its end is left out."""
    lines = [
        "| row | promise | tried | went wrong | command | seconds | protection taken out |",
        "|---:|---|---:|---:|---|---:|---|",
    ]
    for row in rows:
        found = outcomes.get(row.number)
        if found is None or found.tried < found.count:
            continue
        command = f"`make faults ROW={row.number}`" if found.count == row.count else f"`… --count {found.count}`"
        cells = [row.number, row.promise, f"{found.tried:,}", len(found.wrong), command, f"{found.seconds:.0f}", row.taken_out]
        lines.append("| " + " | ".join(" ".join(str(cell).replace("|", "/").split()) for cell in cells) + " |")
    when = sorted({(found.date, found.commit) for found in outcomes.values() if found.tried == found.count})
    lines += ["", "Measured: " + ", ".join(f"{date} at {name or 'no commit'}" for date, name in when) + "."]
    notes = [f"- row {number}: {line}" for number in sorted(outcomes) for line in outcomes[number].figures]
    notes += [f"- went wrong: {line}" for number in sorted(outcomes) for line in outcomes[number].wrong[:5]]
    return "\n".join(lines + (["", *notes] if notes else []))


def render(page: str, text: str) -> str:
    """The page with its table replaced; ValueError if the marks of its place are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the table: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
