"""What a benchmark consists of: groups of rows, each row one command and the figures that it yields.

A command is written as a shell would take it, with four variables at the beginning of a word:

    $DATA    the folder of the real data (`make bench DATA=FOLDER`)
    $WEIGHTS a folder of a pretrained encoder (`make bench WEIGHTS=FOLDER`)
    $OWN     an empty folder of the row alone, removed after it
    $GROUP   a folder that the rows of a group share while the group is measured; what is in it was made by their `setup`

The command prints a JSON object as its last line on stdout; `{"not_measured": "why"}` reports that it could not be measured.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).resolve().parents[1]
PRESETS = CHECKOUT / "flows" / "presets"
VARIABLE = re.compile(r"^\$(DATA|WEIGHTS|OWN|GROUP)(?=/|$)")


@dataclass(frozen=True)
class Row:
    """One measurement: `figures` are names in the command's JSON, dotted for what is nested (`stages.prepare.seconds`).

    `setup` commands run first and are not measured; a command that several rows of a group name runs once. A row of which
    small differences matter has several `runs`, in turn with those of its group's other rows.
    """

    name: str
    command: str
    figures: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    limit_seconds: float = 1800.0
    runs: int = 1


@dataclass(frozen=True)
class Group:
    """Rows that belong in one table; `base` names those that wall seconds are shown as multiples of."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    base: tuple[str, ...] = ()


def command_words(command: str, places: Mapping[str, Path]) -> list[str]:
    """The words of a command with its variables filled in; `places` maps DATA, WEIGHTS, OWN and GROUP to folders."""
    return [VARIABLE.sub(lambda found: str(places[found[1]]), word) for word in shlex.split(command)]


def missing(row: Row, data: Path, weights: Path | None = None) -> str | None:
    """Why a row cannot be measured here (a data file, weights, a program or a preset that is not there), or None."""
    for command in (*row.setup, row.command):
        words = shlex.split(command)
        for word, following in zip(words, [*words[1:], ""], strict=True):
            if word.startswith("$DATA/") and not (data / word.removeprefix("$DATA/")).exists():
                return f"{word} is not there; give the folder of the data with DATA=FOLDER"
            if word == "$WEIGHTS" and (weights is None or not weights.is_dir()):
                return "there are no pretrained weights; give their folder with WEIGHTS=FOLDER"
            if word == "--preset" and not any(PRESETS.rglob(f"{following}.toml")):
                return f"there is no preset {following}"
    return None


def figure(answer: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name in a JSON object; None if it is not there."""
    value: Any = answer
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value
