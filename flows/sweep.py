"""The same recipe with several values of some settings: which runs that makes, and what they came to, side by side.

In goes `finetune.seed=1..8` for each setting, out come configurations by name; then, of the runs that the workers made of them,
a row each, and the mean over seeds. Nothing is chosen: the figures of `train` are those of the test rows.
"""

from __future__ import annotations

import itertools
import re
import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.tracking.tags import RUN_TAG
from tasks.tracking.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.servers.deploy import Plan
    from flows.servers.fan_out import Ended
    from tasks.config import FoldsConfig, PipelineConfig

MOST_RUNS = 500
RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
SETTING = re.compile(r"[a-z][\w-]*(\.[\w-]+)*")
FIGURES = {"train": "test", "folds": "folds"}  # where a verb's figures are in MLflow
FIXED = ("runtime", "ingest", "fetch", "name", "folds")  # where runs work, what they read and are called is the same for all
MEND_SECONDS = 30.0
SEED = "seed"


@dataclass(frozen=True)
class Axis:
    """A setting, and the values that it takes in turn, as a command line has them."""

    setting: str
    values: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Axis:
        """Read SETTING=VALUES, where VALUES are FROM..TO or a list with commas; RequestError if it is neither."""
        setting, equals, given = text.removeprefix("--").partition("=")
        setting = setting.strip().replace("_", "-")
        if not equals or not SETTING.fullmatch(setting):
            raise RequestError(f"--over {text}: write SECTION.SETTING=VALUES, as in finetune.seed=1..8 or finetune.epochs=2,4")
        if setting.partition(".")[0] in FIXED:
            raise RequestError(f"--over {text}: this is the same for all runs of a sweep; give --{setting} once")
        if found := RANGE.fullmatch(given.strip()):
            first, last = int(found[1]), int(found[2])
            if last < first:
                raise RequestError(f"--over {text}: {last} is less than {first}; turn them round")
            if last - first >= MOST_RUNS:
                raise RequestError(f"--over {text} has {last - first + 1:,} values; a sweep has at most {MOST_RUNS} runs")
            return cls(setting, tuple(map(str, range(first, last + 1))))
        values = tuple(value.strip() for value in given.split(","))
        if "" in values:
            raise RequestError(f"--over {text} has an empty value; write FROM..TO, or values with a comma between two")
        if twice := [value for value, next_ in itertools.pairwise(sorted(values)) if value == next_]:
            raise RequestError(f"--over {text} has {twice[0]} twice")
        return cls(setting, values)


def combinations(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Every combination of the values: setting -> value; RequestError if there are none, too many, or a setting comes twice."""
    settings = [axis.setting for axis in axes]
    if not axes:
        raise RequestError("a sweep needs --over SECTION.SETTING=VALUES, as in --over finetune.seed=1..8")
    if twice := {setting for setting in settings if settings.count(setting) > 1}:
        raise RequestError(f"--over {min(twice)} was given twice; put all its values into one")
    number = 1
    for axis in axes:
        number *= len(axis.values)
    if number > MOST_RUNS:
        raise RequestError(f"these are {number:,} runs, and a sweep has at most {MOST_RUNS}; leave some values out")
    return [dict(zip(settings, values, strict=True)) for values in itertools.product(*(axis.values for axis in axes))]


def called(settings: Mapping[str, str]) -> str:
    """What a run is called."""
    return ", ".join(f"{setting}={value}" for setting, value in settings.items())


@dataclass(frozen=True)
class Wanted:
    """A run that is wanted: the values of the settings that differ, and the whole configuration."""

    settings: Mapping[str, str]
    config: PipelineConfig | FoldsConfig


def parameters_of(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """The configurations as Prefect keeps them, by what each run is called."""
    return {called(each.settings): each.config.model_dump(mode="json") for each in wanted}


def plan_for(wanted: Sequence[Wanted], at_once: int, *, anywhere: bool = False) -> Plan:
    """The deployment that the runs of a sweep belong to; it has no schedule, and goes when they have ended.

    With `anywhere` the workers of all hosts take them.
    """
    from flows.servers.deploy import read_plans
    from flows.servers.deployed import TRAIN
    from flows.servers.fan_out import digest_of

    config = wanted[0].config
    verb = config.verb[0]
    return replace(
        read_plans()[TRAIN],
        flow=verb,
        name=f"{config.name}-sweep-{digest_of(parameters_of(wanted))}",
        entrypoint=f"flows.{verb}.{verb}",
        description=f"Runs of textmill sweep: {verb} with several values of some settings.",
        limit=at_once,
        schedules=(),
        anywhere=anywhere,
        parameters={"config": config.model_dump(mode="json")},
    )


def sweep(wanted: Sequence[Wanted], plan: Plan, watch: Callable[[Mapping[str, str]], None]) -> dict[str, Any]:
    """Run each configuration on the workers of a lasting Prefect server; what `textmill sweep --json` prints.

    RequestError if no such server runs, UnavailableError if no worker takes the runs.
    """
    from flows.killed import mark_killed
    from flows.servers.deployed import scheduling_endpoint
    from flows.servers.fan_out import DONE, fan_out

    config, started = wanted[0].config, time.time()
    runtime, verb = config.runtime, config.verb[0]
    scheduling_endpoint(runtime.data_root)
    tracker = Tracker.open(runtime.tracking_uri, runtime.data_root, CHECKOUT, config.name)
    looked = time.monotonic()

    def mend() -> None:
        nonlocal looked
        if time.monotonic() - looked > MEND_SECONDS:
            mark_killed(runtime.data_root / "runs", tracker)
            looked = time.monotonic()

    try:
        ended = fan_out(plan, parameters_of(wanted), watch=watch, mend=mend)
        rows = [_row(each.settings, ended[called(each.settings)], tracker, config.name, verb) for each in wanted]
    finally:
        tracker.close()
    return {
        "name": config.name,
        "verb": verb,
        "runs": rows,
        "failed": sum(row["state"] != DONE for row in rows),
        "by_seed": over_seeds(rows),
        "seconds": round(time.time() - started, 2),
    }


def _row(settings: Mapping[str, str], ended: Ended, tracker: Tracker, name: str, verb: str) -> dict[str, Any]:
    metrics, tags = tracker.ended(name, {RUN_TAG: ended.flow_run_id, "textmill.kind": "run"})
    return {
        "settings": dict(settings),
        "state": ended.state,
        "error": tags.get("textmill.error") or ended.message if ended.state != "Completed" else None,
        **{figure: metrics.get(f"{FIGURES[verb]}/{figure}") for figure in ("accuracy", "macro_f1")},
        "decision": tags.get("textmill.decision"),
        "version": tags.get("textmill.version"),
        "seconds": round(ended.seconds, 2),
        "lost": ended.lost,
        "flow_run_id": ended.flow_run_id,
    }


def over_seeds(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation of runs that differ in seeds alone, for each of the other settings; [] where none do."""
    groups: dict[tuple[tuple[str, str], ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        rest = tuple((setting, value) for setting, value in row["settings"].items() if not is_seed(setting))
        if row["accuracy"] is not None:
            groups.setdefault(rest, []).append(row)
    if not any(is_seed(setting) for row in rows for setting in row["settings"]):
        return []
    return [
        {
            "settings": dict(rest),
            "runs": len(group),
            **{figure: _mean([float(row[figure]) for row in group]) for figure in ("accuracy", "macro_f1")},
        }
        for rest, group in groups.items()
    ]


def is_seed(setting: str) -> bool:
    """Whether a setting is a seed: finetune.seed, prepare.seed, fold-seed."""
    return setting.rpartition(".")[2].rpartition("-")[2] == SEED


def _mean(values: Sequence[float]) -> dict[str, float]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "deviation": deviation, "least": min(values), "most": max(values)}
