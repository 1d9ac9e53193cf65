"""The learning curve of a run: its own recipe on draws of its rows, each draw an artifact of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.evaluate.draws import sizes
from tasks.evaluate.settings import CurveConfig, DrawConfig
from tasks.evaluate.task import learning_curve, learning_draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.states import State

    from flows.record import Record
    from tasks.config import PipelineConfig


def measure_curve(
    record: Record, config: PipelineConfig, prepared: Mapping[str, Any], evaluation: State, **given: State | None
) -> None:
    """Train the recipe on every draw that the store does not have, and note the curve; `given` is what a draw is handed.

    `prepared` is the report of prepare. A killed run goes on after the last draw that was whole.
    """
    run, asked = record.run, config.evaluate
    labels = prepared["labels"]
    rows = {name: count + labels["valid"].get(name, 0) for name, count in labels["train"].items()}
    wanted = [(size, draw) for size in sizes(rows, asked.curve_most) for draw in range(asked.curve_draws)]
    progress = run.progress_for(learning_curve.name)
    quiet = replace(run, started=lambda step: run.started(learning_curve.name))  # all draws are one step's work in MLflow
    drawn = {}
    for number, (size, draw) in enumerate(wanted):
        progress.advance(number, len(wanted), "draws", f"{size:,} rows a class")
        how = DrawConfig(finetune=config.finetune.keyed(), per_class=size, draw=draw, seed=asked.seed)
        drawn[f"draw_{size}_{draw}"] = record.kept(learning_draw(quiet, how, **given))
    record.note(learning_curve(run, CurveConfig(rows=sum(rows.values())), evaluation=evaluation, **drawn))
