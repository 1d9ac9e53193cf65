"""How the outcome of a step is shown: on the console, to MLflow, in `train --json`, on the page of the run, to TensorBoard.

A step brings its own presentation (`@step(shown=...)`), and whoever shows it knows no step. It takes the step's report and the
folder of its artifact, so the same is shown whether the step ran or its artifact was in the store. None of it enters the step's
key: another sentence never retrains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Report = Mapping[str, Any]


class Point(NamedTuple):
    """One value of a curve: `at` is an epoch, or a number of words."""

    curve: str
    at: int
    value: float


def plain_numbers(report: Report) -> dict[str, float]:
    """The numbers at the top of a report."""
    numbers = {name: value for name, value in report.items() if isinstance(value, int | float)}
    return {name: float(value) for name, value in numbers.items() if not isinstance(value, bool)}


def numbers_of(report: Report, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The numbers at the top of a report, and as PART/NAME those of some parts of it."""
    within = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    return plain_numbers({**report, **within})


def reported_warnings(report: Report, folder: Path) -> list[str]:
    """The warnings that a step put into its report."""
    return list(report.get("warnings", ()))


@dataclass(frozen=True)
class Presentation:
    """What is shown of one step; a step without any is named and timed, and the numbers of its report go to MLflow.

    says      its line on the console and on the page
    metrics   name -> number for MLflow, which is told them as STEP/NAME
    details   further lines on the console
    warnings  what a person ought to know, a line each
    result    its part of `train --json`, and `skipped` the same of a step that did not run
    page      its part of the run's page; see tasks.evaluate.report.Context: what has no place there is a table of its own
    figures   numbers that the run ends with, under their whole names
    tags      for the step's own run in MLflow, and `run_tags` for that of the whole run
    files     names below its folder (`.` for all of it) that MLflow keeps with the run
    curves    points for TensorBoard
    render    writes the run's page, from the step's folder and every step's part of it; one step has it
    """

    says: Callable[[Report], str] = lambda report: ""
    metrics: Callable[[Report], Mapping[str, float]] = plain_numbers
    details: Callable[[Report], Iterable[str]] = lambda report: ()
    warnings: Callable[[Report, Path], Iterable[str]] = reported_warnings
    result: Callable[[Report, Path], Mapping[str, Any]] = lambda report, folder: {}
    skipped: Mapping[str, Any] = field(default_factory=dict)
    page: Callable[[Report, Path], Mapping[str, Any]] = lambda report, folder: {}
    figures: Callable[[Report], Mapping[str, float]] = lambda report: {}
    tags: Callable[[Report], Mapping[str, str]] = lambda report: {}
    run_tags: Callable[[Report], Mapping[str, str]] = lambda report: {}
    files: Sequence[str] = ()
    curves: Callable[[Path], Iterable[Point]] = lambda folder: ()
    render: Callable[[Path, Mapping[str, Any], Path], object] | None = None


PLAIN = Presentation()
