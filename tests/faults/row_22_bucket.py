"""Hosts that share a bucket, killed at moments drawn by chance: one artifact a key on all of them, none damaged.

A host is a process with a data root of its own or one of two on it; six of them on three data roots make the same keys, each in
an order of its own. Builds write bytes drawn by chance, so that two builds of a key are never the same.
"""

from __future__ import annotations

import contextlib
import random as chance
import time
from typing import TYPE_CHECKING

from tests.faults.buckets import work
from tests.faults.forks import KILLED, Child
from tests.s3 import S3, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

NUMBER = 22
PROMISE = (
    "Hosts that share a bucket have one artifact a key: of 6 processes on 3 data roots that want the same 10 artifacts, each "
    "build another one, some are killed (SIGKILL) at moments drawn by chance and started again; all hand out the same digests, "
    "each verified on its disk, and no more is built than keys and kills together"
)
TAKEN_OUT = (
    "neither lease nor condition: 4 of 4 trials hand out a second artifact; the manifest without its condition alone: 0 of 2, "
    "since leases keep builds apart (row 23 has late commits)"
)
COUNT = 20
LIMIT_SECONDS = 600
KEYS, PROCESSES, ROOTS, KILLS = 10, 6, 3, 6
SERVER: list[S3] = []
KIND: list[str] = []  # of server, if it is not moto's
ROWS = (22, 23, 24)  # that use it
FIGURES: list[str] = []


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """A server for all trials; each has a prefix of its own."""
    with s3_server(*KIND) as server:
        server.make()
        SERVER[:] = [server]
        yield


def trial(random: Random, folder: Path) -> str | None:
    """Let the processes go and kill some; wrong is a second artifact, a damaged one, or more builds than keys and kills."""
    server, prefix = SERVER[0], f"trial-{folder.parent.name}-{folder.name}"
    keys = [f"{number:064x}" for number in range(KEYS)]
    kills = 0
    with contextlib.ExitStack() as stack:

        def start(number: int) -> Child:
            order = keys[:]
            chance.Random(f"{folder.name}/{number}").shuffle(order)
            root = folder / f"root-{number % ROOTS}"
            return stack.enter_context(
                Child(work, root, server.environment(), prefix, order, folder / f"handed-{number}", random.uniform(0.0, 0.1))
            )

        children = [start(number) for number in range(PROCESSES)]
        while kills < KILLS:
            time.sleep(random.uniform(0.05, 0.8))
            number = random.randrange(PROCESSES)
            if children[number].kill() == KILLED:
                kills += 1
            elif children[number].said:
                return children[number].said
            if all(
                (folder / f"handed-{each}").is_file() and _lines(folder / f"handed-{each}") >= KEYS for each in range(PROCESSES)
            ):
                break
            children[number] = start(number)
        for child in children:
            if child.wait() not in (0, KILLED):
                return child.said
        last = [start(number) for number in range(PROCESSES)]
        for child in last:
            if child.wait():
                return child.said
    return _judge(folder, keys, kills)


def _lines(path: Path) -> int:
    return path.read_text().count("\n")


def _judge(folder: Path, keys: list[str], kills: int) -> str | None:
    handed = [
        line.split()
        for path in sorted(folder.glob("handed-*"))
        for line in path.read_text().splitlines()
        if line.count(" ") == 2
    ]
    for key in keys:
        digests = {digest for each, digest, _ in handed if each == key}
        if len(digests) != 1:
            return f"{len(digests)} artifacts of one key were handed out"
    built = sum(int(each) for _, _, each in handed)
    if built > len(keys) + kills:
        return f"{built} builds of {len(keys)} keys with {kills} kills"
    FIGURES.append(f"{len(handed)} artifacts handed out, {built} built, {kills} kills")
    return None
