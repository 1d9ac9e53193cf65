"""The texts of concurrent requests, labelled together: whatever waits while one batch is labelled is the next one.

Nothing waits for a batch to fill. A batch is of one version, and takes at most SLICE texts of a request, so that one with
thousands of texts does not keep others waiting until all of its own are done.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.serve.predictions import Labelled, explained, label, towards
from tasks.serve.request import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.register.models import LoadedModel
    from tasks.score.watch import WatchList

BATCH, SLICE = 1024, 128  # texts of a batch, and of one request in it, at most
EXPLAINED = 8  # of a request whose texts are explained: for that a network reads each text many times
SLICE_CHARS = 200_000  # and characters of one request, unless one text alone has more
MOST_WAITING = 100_000  # texts that wait at most; a request beyond them is refused
TIMED = 8  # one batch of so many is timed: to ask for a thread's time is a call of the kernel
BRIEF_SECONDS = 0.003  # a batch expected to take no longer is labelled between two events; handing it to a thread costs more


@dataclass(eq=False)
class Job:
    """One request's texts, the version that labels them, and what came of those that are done."""

    loaded: LoadedModel
    texts: list[str]
    explain: bool
    watch: WatchList | None
    done: asyncio.Future[list[dict[str, Any]]]
    predictions: list[dict[str, Any]] = field(default_factory=list)


Part = tuple[Job, list[str]]


class Batcher:
    """Labels texts, one batch after the other. All methods are for the thread of the event loop.

    `measure` is told of each batch: the texts' predictions, the numbers of their tokens and of those without a place.
    """

    def __init__(self, measure: Callable[[Labelled], None]) -> None:
        self._measure = measure
        self._jobs: list[Job] = []
        self._waiting = 0
        self._busy = False
        self._char_seconds = 1.0  # what a character takes of a processor in a large batch; at first nothing is known
        self._batches = 0
        self._thread = ThreadPoolExecutor(1, "label")

    async def label(
        self, loaded: LoadedModel, texts: list[str], *, explain: bool = False, watch: WatchList | None = None
    ) -> list[dict[str, Any]]:
        """What the version says of each text, in order, and towards its names in `watch`. Refusal if too many texts wait."""
        if not texts:
            return []
        if self._waiting + len(texts) > MOST_WAITING:
            raise Refusal(f"{self._waiting} texts are waiting already; send these again later", 503)
        loop = asyncio.get_running_loop()
        job = Job(loaded, texts, explain, watch, loop.create_future())
        self._jobs.append(job)
        self._waiting += len(texts)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin)  # after the requests that this turn of the loop has read
        return await job.done

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        """Label a batch of what waits, and see to the rest afterwards."""
        parts = self._next()
        if not parts:
            self._busy = False
            return
        loop = asyncio.get_running_loop()
        chars = sum(len(text) for _, texts in parts for text in texts)
        timed = self._batches % TIMED == 0
        self._batches += 1
        if chars * self._char_seconds <= BRIEF_SECONDS and not any(job.explain or job.watch for job, _ in parts):
            self._end(parts, _results(parts, timed=timed), chars)
            loop.call_soon(self._begin)
            return
        future = loop.run_in_executor(self._thread, partial(_results, parts, timed=timed))

        def ended(results: asyncio.Future[tuple[list[Labelled | Exception], float | None]]) -> None:
            self._end(parts, results.result(), chars)
            self._begin()

        future.add_done_callback(ended)

    def _next(self) -> list[Part]:
        """A part of each job that waits, as far as a batch goes: of the jobs of the first one's version, the oldest first."""
        self._jobs = [job for job in self._jobs if not job.done.done()]  # a client may have left
        parts: list[Part] = []
        room = BATCH
        for job in self._jobs:
            if room <= 0:
                break
            if job.loaded is self._jobs[0].loaded:
                texts = _slice(job.texts, len(job.predictions), min(EXPLAINED if job.explain else SLICE, room))
                room -= len(texts)
                parts.append((job, texts))
        self._waiting = sum(len(job.texts) - len(job.predictions) for job in self._jobs)
        return parts

    def _end(self, parts: list[Part], ended: tuple[list[Labelled | Exception], float | None], chars: int) -> None:
        results, seconds = ended
        if seconds is not None:  # of a small batch most is not for its characters, so that it counts little
            self._char_seconds = min(seconds / max(chars, 1), 1.2 * self._char_seconds)
        for (job, texts), result in zip(parts, results, strict=True):
            if isinstance(result, Exception):
                if not job.done.done():
                    job.done.set_exception(result)
                continue
            job.predictions += result.predictions
            self._waiting -= len(texts)
            if len(job.predictions) == len(job.texts) and not job.done.done():
                job.done.set_result(job.predictions)
        labelled = [result for result in results if isinstance(result, Labelled)]
        if labelled:
            every = [prediction for result in labelled for prediction in result.predictions]
            self._measure(Labelled(every, sum(each.tokens for each in labelled), sum(each.unseen for each in labelled)))
        unfinished = [job for job, _ in parts if not job.done.done()]
        if unfinished:  # behind those that have waited longer
            self._jobs = [job for job in self._jobs if job not in unfinished and not job.done.done()] + unfinished
        else:
            self._jobs = [job for job in self._jobs if not job.done.done()]


def _slice(texts: list[str], start: int, most: int) -> list[str]:
    """The next texts of a job: at most so many, and of SLICE_CHARS together unless one alone has more."""
    if len(texts) - start == 1:
        return texts[start:]
    chosen, chars = 0, 0
    for text in texts[start : start + most]:
        chars += len(text)
        if chosen and chars > SLICE_CHARS:
            break
        chosen += 1
    return texts[start : start + chosen]


def _results(parts: list[Part], *, timed: bool) -> tuple[list[Labelled | Exception], float | None]:
    """What came of each part, and the seconds of a processor it took. A part that fails does not fail the others."""
    began = time.thread_time() if timed else None  # of this thread, whatever others do to the processors meanwhile
    results: list[Labelled | Exception]
    try:
        results = list(_together(parts))
    except Exception:  # noqa: BLE001 one of the texts is to blame
        results = [_alone(part) for part in parts]
    return results, None if began is None else time.thread_time() - began


def _together(parts: list[Part]) -> list[Labelled]:
    loaded = parts[0][0].loaded
    whole = label(loaded, [text for _, texts in parts for text in texts])
    results, start = [], 0
    for number, (job, texts) in enumerate(parts):
        predictions = whole.predictions[start : start + len(texts)]
        start += len(texts)
        if job.explain:
            predictions = explained(loaded, texts, predictions)
        if job.watch:
            predictions = towards(loaded, job.watch, texts, predictions)
        first = number == 0  # the numbers are of the batch
        results.append(Labelled(predictions, whole.tokens if first else 0, whole.unseen if first else 0))
    return results


def _alone(part: Part) -> Labelled | Exception:
    try:
        return _together([part])[0]
    except Exception as error:  # noqa: BLE001 it is told to the one client that asked
        return error
