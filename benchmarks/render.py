"""Write the page of results from the measured rows: tables with ratios, the command of every figure, targets at the end."""

from __future__ import annotations

import math
import string
from typing import TYPE_CHECKING, Any

from benchmarks.results import MEASURED
from benchmarks.targets import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.results import Result, Results
    from benchmarks.rows import Group

COSTS = {
    "wall s": "seconds",
    "CPU s": "cpu_seconds",
    "peak MB": "peak_mb",
    "all processes MB": "tree_peak_mb",
    "other work": "others",
}
PROTOCOL = """\
How it was measured: one row after the other on one machine, every row a process of its own that starts from the raw files with
an empty data root, unless its table says that something is prepared or cached (what an environment keeps for every later run,
such as Prefect's migrated database, is there after the first one). `wall s` and `CPU s` are those of the whole command,
imports and start-up included; CPU seconds also count what a command leaves behind (textmill's Prefect server). `peak MB` is
the largest anonymous memory (RssAnon, 2^20 bytes) of any one process, `all processes MB` the largest sum over the process
tree; memory maps do not count, and with a look at it 20 to 200 times a second a shorter peak may be missed. `other work` is how
many cores programs that are no part of the row kept busy meanwhile. A row with several runs, in turn with the others of its
table, shows the median and in brackets the range; of a row that was run once a difference of a few per cent in time is noise.
At 90% accuracy the 95% interval on 25,000 rows is +-0.4 points. The rows of a table were measured on one machine with the same
code, unless it says otherwise. In the commands, `$DATA` is the folder of the data, `$WEIGHTS` that of a pretrained encoder,
`$OWN` an empty folder, `$GROUP` a folder that the rows of a table share. The lines marked `setup` ran before and are not
counted.
"""


def render(
    results: Results, groups: Sequence[Group], notes: str = "", pictures: Mapping[str, tuple[str, str]] | None = None
) -> str:
    """The whole page, in Markdown; groups without a result are left out. `notes` stand at its end.

    `pictures` has the file of a group's picture, as the page names it, and what it shows.
    """
    lines = ["# Benchmark" + (" (quick: tiny subsets, the figures mean nothing)" if results.quick else ""), ""]
    lines += ["This page is written by `make bench` from `" + results.path.name + "`; do not edit it.", ""]
    lines += [*_machines(results), "", PROTOCOL]
    if not results.finished:
        lines += ["**The campaign was interrupted; `make bench ARGS=--resume` goes on with it.**", ""]
    shown = [group for group in groups if any(row.group == group.name for row in results.rows)]
    for group in shown:
        lines += _group(results, group)
        if pictures and group.name in pictures:
            path, about = pictures[group.name]
            lines += [f"![{about}]({path})", ""]
    if not results.quick and any(group.name != "corpus" for group in shown):
        lines += ["## Targets", "", "Computed from the figures above.", "", "| target | figure | met |", "|---|---|---|"]
        lines += [f"| {target} | {figure} | {met} |" for target, figure, met in judge(results)]
    lines += ["", notes] if notes else []
    return "\n".join(lines).rstrip() + "\n"


def _machines(results: Results) -> list[str]:
    """A line for each machine, by the letter that the tables name it with."""
    return [f"{letter}: {_machine(results.machines[name])}  " for name, letter in _letters(results).items()] or [
        "Nothing measured yet."
    ]


def _letters(results: Results) -> dict[str, str]:
    named = dict.fromkeys(row.machine for row in sorted(results.rows, key=lambda row: row.date) if row.machine)
    return {name: f"Machine {string.ascii_uppercase[number % 26]}" for number, name in enumerate(named)}


def _machine(machine: Mapping[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, {libraries}"
    )


def _when(results: Results, rows: Sequence[Result]) -> str:
    """By what code, when and where the rows of a table were measured."""
    measured = [row for row in rows if row.status == MEASURED]
    dates = sorted(run.date for row in measured for run in row.runs)
    if not dates:
        return "Nothing measured yet."
    letters = _letters(results)
    commits, machines = (
        list(dict.fromkeys(filter(None, found)))
        for found in ((row.commit for row in measured), (letters[row.machine] for row in measured))
    )
    mixed = len({(row.code, row.machine) for row in measured}) > 1
    said = f"{dates[0]} to {dates[-1]}, {', '.join(machines)}, commit {', '.join(commits)}."
    return said + " **Not all of it by the same code on one machine: seconds of different rows cannot be compared.**" * mixed


def _group(results: Results, group: Group) -> list[str]:
    rows = [found for row in group.rows if (found := results.find(group.name, row.name))]
    figures = list(dict.fromkeys(name for row in group.rows for name in row.figures))
    figures = [name for name in figures if any(name in row.figures for row in rows)]
    bases = [base for name in group.base if (base := results.find(group.name, name)) and base.status == MEASURED]
    head = ["", *map(_title, figures), *COSTS, *(f"wall / {base.name.partition(':')[0]}" for base in bases)]
    lines = [
        f"## {group.title}",
        "",
        group.about,
        "",
        _when(results, rows),
        "",
        _line(head),
        "|---|" + "---:|" * (len(head) - 1),
    ]
    for row in rows:
        if row.status == MEASURED:
            costs = [_spread(row, name) for name in COSTS.values()]
            ratios = [f"{(row.seconds or 0) / (base.seconds or math.nan):.3f}" for base in bases]
            lines.append(_line([row.name, *(_number(row.figures.get(name)) for name in figures), *costs, *ratios]))
        else:
            lines.append(_line([row.name, f"{row.status}: {_plain(row.why)}", *[""] * (len(head) - 2)]))
    setups = dict.fromkeys(command for row in group.rows for command in row.setup)
    lines += ["", "```", *(f"{command}    # setup" for command in setups), *(row.command for row in rows), "```", ""]
    return lines


def _spread(row: Result, name: str) -> str:
    """The median of a cost, with its range where the row was run more than once."""
    values = sorted(value for run in row.runs if (value := getattr(run, name)) is not None)
    spread = f" ({_number(values[0])} to {_number(values[-1])})" if len(values) > 1 else ""
    return _number(row.cost(name)) + spread


def _title(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _plain(str(value))
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
