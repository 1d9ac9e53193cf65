"""The display of a run in progress: a bar per running step on a terminal, one line per finished step everywhere.

All of it goes to stderr; stdout is for results. When stderr is not a terminal, bars become log lines every `log_interval`
seconds, which Prefect shows beside the task and which the console does not.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from tasks.shown import in_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class _Console(Console):
    """A console whose reader, such as a worker that was killed, may go away without ending the run."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Display:
    """The steps of one run, as they go."""

    def __init__(self, *, interval_seconds: float = 10.0, console: Console | None = None, step_chars: int = 10) -> None:
        """`step_chars` are those of the longest step's name."""
        self.step_chars = step_chars
        self.console = console or _Console(stderr=True)
        self.interval_seconds = interval_seconds
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn(f"{{task.description:<{step_chars}}}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", table_column=Column(ratio=1, no_wrap=True)),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            expand=True,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        """Print one line above the bars."""
        self.console.print(escape(in_line(line)), highlight=False, soft_wrap=True)

    @property
    def indent(self) -> str:
        """Blanks that bring a further line of a step below its summary."""
        return " " * (self.step_chars + 18)

    def finished(self, step: str, *, cached: bool, seconds: float, summary: str) -> None:
        """Print a step's outcome and take its bar away."""
        self._remove(step)
        state = "[cyan]cached[/]" if cached else "[green]built [/]"
        line = f"{step:<{self.step_chars}} {state} {seconds:7.1f} s  {escape(in_line(summary))}"
        self.console.print(line.rstrip(), highlight=False, soft_wrap=True)

    def progress(self, step: str, log_metrics: Callable[[Mapping[str, float], int], None] | None = None) -> StepProgress:
        """What a step reports to."""
        return StepProgress(self, step, log_metrics)

    def _remove(self, step: str) -> None:
        for task in self._bars.tasks:
            if task.description == step:
                self._bars.remove_task(task.id)


class StepProgress:
    """Progress of one step: to the bar at once, to the log now and then, metrics to a callback."""

    def __init__(self, display: Display, step: str, log_metrics: Callable[[Mapping[str, float], int], None] | None) -> None:
        self.display, self.step, self.log_metrics = display, step, log_metrics
        self._bar = None if display._bars.disable else display._bars.add_task(step, total=None, note="")
        self._logged = time.monotonic()

    def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """Show `done` of `total` units."""
        of = f"{done:,.0f}/{total:,.0f}" if total else f"{done:,.0f}"
        text = f"{of} {unit} {note}".rstrip()
        if self._bar is not None:
            self.display._bars.update(self._bar, completed=done, total=total, note=escape(in_line(text)))
        if time.monotonic() - self._logged > self.display.interval_seconds:
            self._logged = time.monotonic()
            log.info("%s: %s", self.step, text)

    def log(self, metrics: Mapping[str, float], at: int) -> None:
        """Pass metrics on, and show them."""
        text = "  ".join(f"{name.rpartition('/')[2]} {value:.4g}" for name, value in metrics.items())
        log.info("%s: %d: %s", self.step, at, text)
        if self._bar is not None:
            self.display._bars.update(self._bar, note=escape(f"epoch {at}  {text}"))
        if self.log_metrics:
            self.log_metrics(metrics, at)
