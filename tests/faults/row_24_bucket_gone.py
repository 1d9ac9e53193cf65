"""A bucket that goes away, hangs or answers nothing, at any moment of the work: one line, and the same call goes on there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults.buckets import FILES, STEP, attempts, one
from tests.faults.command import held_locks
from tests.faults.forks import Child
from tests.faults.row_22_bucket import SERVER, prepare
from tests.faults.row_23_bucket_faults import KEY, place_of
from tests.s3 import CUT, DROP, HANG, PASS, before

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

__all__ = ["prepare"]

NUMBER = 24
PROMISE = (
    "A shared bucket that is gone, hangs, or does what it is asked and answers nothing (before the first request, from one "
    "drawn by chance on, at the upload, at the commit) ends the work within 60 s with one line; no lock is held, what was "
    "built is not built again, and the repetition hands out one artifact, on another host too"
)
TAKEN_OUT = "the manifest is written before the files: 2 of 2 trials that lose the bucket at the upload fail"
WITHIN_SECONDS = 60.0
LIMIT_SECONDS = 600
FIGURES: list[str] = []


def gone(fate: str, begins: Callable[[Random], Callable[[str, str, int], bool]], random: Random, folder: Path) -> str | None:
    """Let the bucket go away from a request on; wrong is anything but one line, a lock, a second build or a second attempt."""
    server, prefix, seen, away = SERVER[0], place_of(folder), [0], [False]
    starts = begins(random)

    def judge(method: str, path: str) -> str:
        seen[0] += 1
        away[0] = away[0] or starts(method, path, seen[0])
        return fate if away[0] else PASS

    root = folder / "root-0"
    with before(server, judge) as port, Child(one, root, server.environment(port), prefix, KEY) as child:
        start = time.monotonic()
        code, took = child.wait(), time.monotonic() - start
    if code != 1 or not child.said.startswith("UnavailableError: --runtime.store s3://") or "\n" in child.said:
        return f"exit code {code}: {child.said}"
    if took > WITHIN_SECONDS:
        return f"it took {took:.0f} s"
    FIGURES.append(f"{fate}, seen at request {seen[0]}: one line after {took:.0f} s")
    if locks := held_locks(root):
        return f"{locks} are held"
    whole = (root / "store" / STEP / KEY / "manifest.json").exists()
    with Child(one, root, server.environment(), prefix, KEY) as again:
        if again.wait():
            return again.said
    if again.result["built"] == whole:
        return f"what was built was whole: {whole}, and it was built again: {again.result['built']}"
    with Child(one, folder / "root-1", server.environment(), prefix, KEY) as other:
        if other.wait() or other.result["digest"] != again.result["digest"]:
            return f"another host has another artifact, {other.said}"
    files = [place for place in server.places(f"{prefix}/data/") if place.endswith(FILES)]
    return None if files and attempts(server, prefix, KEY) else "no file is in the bucket"


def at_once(random: Random) -> Callable[[str, str, int], bool]:
    return lambda method, path, number: True


def at_any(random: Random) -> Callable[[str, str, int], bool]:
    chosen = random.randint(2, 6)
    return lambda method, path, number: number >= chosen


def at_upload(random: Random) -> Callable[[str, str, int], bool]:
    return lambda method, path, number: method == "PUT" and "/data/" in path


def at_commit(random: Random) -> Callable[[str, str, int], bool]:
    return lambda method, path, number: method == "PUT" and "/manifests/" in path


WHEN = {"before": at_once, "within": at_any, "at the upload": at_upload, "at the commit": at_commit}
CASES = {
    f"{fate} {when}": (lambda random, folder, fate=fate, begins=begins: gone(fate, begins, random, folder))
    for fate in (DROP, HANG, CUT)
    for when, begins in WHEN.items()
}
COUNT = 2 * len(CASES)
