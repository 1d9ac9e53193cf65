"""Train the kinds of a sum: those that allow it in a second thread, beside those that share torch's state."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.kind import Kind
    from tasks.progress import Progress

    Outcome = dict[str, tuple[list[Trained], float]]


class Stopped(Exception):  # noqa: N818
    """The other lane has failed or was interrupted, so that this one's work is of no use."""


class StoppableProgress:
    """The progress of a lane that ends at its next call once `stop` is set."""

    def __init__(self, progress: Progress, stop: threading.Event) -> None:
        self._progress, self._stop = progress, stop

    def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """Pass it on."""
        if self._stop.is_set():
            raise Stopped
        self._progress.advance(done, total, unit, note)

    def log(self, metrics: Mapping[str, float], at: int) -> None:
        """Pass it on."""
        self._progress.log(metrics, at)


def train_kinds(job: Job) -> tuple[dict[str, list[Trained]], dict[str, float]]:
    """The members of each kind, and the seconds that each took, in the order of the sum.

    Where some kinds may be trained beside the others and there are two threads, they are, with one thread. An error of one
    lane stops the other.
    """
    beside = [kind for kind in job.config.kinds if kind.beside]
    others = [kind for kind in job.config.kinds if not kind.beside]
    two = job.threads > 1 and beside and others
    outcome = _in_two_lanes(job, others, beside) if two else _lane(job, job.config.kinds)
    in_order = {kind.name: outcome[kind.name] for kind in job.config.kinds}
    return {name: members for name, (members, _) in in_order.items()}, {name: spent for name, (_, spent) in in_order.items()}


def _in_two_lanes(job: Job, others: Sequence[Kind], beside: Sequence[Kind]) -> Outcome:
    stop = threading.Event()
    second = replace(job, threads=1, spare=job.threads, progress=StoppableProgress(job.progress, stop))
    made: Future[Outcome] = Future()
    context = contextvars.copy_context()  # in which Prefect finds the run that log lines belong to

    def run() -> None:
        try:
            made.set_result(context.run(_lane, second, beside))
        except BaseException as error:  # noqa: BLE001 the first lane raises it
            made.set_exception(error)
            stop.set()

    thread = threading.Thread(target=run, name="beside", daemon=True)
    thread.start()
    try:
        outcome = _lane(replace(job, progress=StoppableProgress(job.progress, stop)), others)
        return outcome | made.result()
    except Stopped:
        made.result()  # raises what has stopped this lane
        raise
    finally:
        stop.set()
        thread.join()


def _lane(job: Job, kinds: Sequence[Kind]) -> Outcome:
    """Train kinds one after another."""
    outcome: Outcome = {}
    for kind in kinds:
        begun, epochs_before = time.monotonic(), sum(len(member.history) for made, _ in outcome.values() for member in made)
        outcome[kind.name] = kind.train(job, epochs_before), time.monotonic() - begun
    return outcome
