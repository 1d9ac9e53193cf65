"""What goes wrong in a bucket and with those who use it: damage, lost answers, owners that are dead or hang, gc beside runs.

The server is moto's; each trial has a prefix of its own. Answers are lost by a proxy that lets the server act and then breaks
the connection off. Ages are ignored in the trials of gc, so that it takes what it would take after a day.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.faults.buckets import FILES, LEASE_SECONDS, STEP, attempts, make, one, opened, work
from tests.faults.forks import KILLED, Child
from tests.faults.row_22_bucket import SERVER, prepare
from tests.patience import HANGS_SECONDS, until
from tests.s3 import BUCKET, CUT, PASS, before

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

__all__ = ["prepare"]

NUMBER = 23
PROMISE = (
    "What goes wrong in a shared bucket hands out nothing wrong: a flipped, cut, emptied, removed or swapped file or manifest "
    "is found by the next host, replaced once and read by the others; a commit whose answer is lost is recognised as our own; "
    "hosts that want the same at once build it once; behind an owner that is killed or stopped the next goes on within its "
    "lease and two seconds, and one that wakes up, or whose commit comes late, hands on what counts by then; gc beside runs "
    "removes nothing that one of them uses, and no run fails"
)
TAKEN_OUT = (
    "a manifest is written without a condition: 2 of 2 late commits make a second artifact; a commit is not read back: 4 of 4 "
    "lost answers; no lease is taken: 2 of 2 times four hosts build the same; the bytes that arrive are not compared: 3 of 10 "
    "damages (most show in sizes, names or the manifest already); gc puts nothing back: 2 of 2 runs that begin beside it"
)
GOES_ON_SECONDS = 2.0
KEY = "k" * 64
OTHER = "o" * 64
FIGURES: list[str] = []


def place_of(folder: Path) -> str:
    """The prefix of a trial."""
    return f"trial-{folder.parent.name}-{folder.name}"


def on_host(folder: Path, number: int, function: Callable[..., Any], *arguments: Any) -> Child:
    """Let a host with a data root of its own work in a process of its own."""
    return Child(function, folder / f"root-{number}", SERVER[0].environment(), place_of(folder), *arguments)


def made_by(folder: Path, number: int, key: str = KEY) -> dict[str, Any]:
    """What a host is handed or makes; RuntimeError if it fails."""
    with on_host(folder, number, one, key) as child:
        if child.wait():
            raise RuntimeError(child.said)
        return dict(child.result)


def damage(random: Random, folder: Path) -> str | None:
    """Damage a file or the manifest; wrong is a damaged artifact, a second replacement, or hosts that differ afterwards."""
    server, prefix = SERVER[0], place_of(folder)
    first = made_by(folder, 0)
    made_by(folder, 0, OTHER)
    own = [f"{prefix}/manifests/{STEP}/{KEY}", *server.places(f"{prefix}/data/{STEP}/{KEY}/")]
    others = [f"{prefix}/manifests/{STEP}/{OTHER}", *server.places(f"{prefix}/data/{STEP}/{OTHER}/")]
    number, how = random.randrange(len(own)), random.choice(["flip", "cut", "empty", "remove", "swap"])
    data = server.get(own[number])
    if how == "remove":
        server.delete(own[number])
    else:
        at = random.randrange(len(data))
        changed = {
            "flip": data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :],
            "cut": data[:at],
            "empty": b"",
            "swap": server.get(others[number]),
        }[how]
        server.put(own[number], changed)
    with on_host(folder, 1, one, KEY) as second, on_host(folder, 2, one, KEY) as third:
        for child in (second, third):
            if child.wait():
                return f"{how} {own[number]}: {child.said}"
        results = [second.result, third.result, made_by(folder, 3), made_by(folder, 0)]
    if sum(result["built"] for result in results) != 1:
        return f"{how} {own[number]}: it was built {sum(result['built'] for result in results)} times"
    digests = {result["digest"] for result in results}
    if len(digests) != 1 or (digests == {first["digest"]} and "data" in own[number]):
        return f"{how} {own[number]}: hosts have {len(digests)} artifacts"
    return None


def lost_answer(random: Random, folder: Path) -> str | None:
    """Lose the answers to some writes of the manifest; wrong is a second attempt, or one that was not recognised."""
    server, prefix, left = SERVER[0], place_of(folder), [random.randint(1, 3)]

    def judge(method: str, path: str) -> str:
        if method == "PUT" and "/manifests/" in path and left[0]:
            left[0] -= 1
            return CUT
        return PASS

    with before(server, judge) as port, Child(one, folder / "root-0", server.environment(port), prefix, KEY) as child:
        if child.wait():
            return child.said
        result = child.result
    if not result["built"] or left[0] > 2:
        return f"the commit was not ours: {result}, {left[0]} answers were not lost"
    if len(attempts(server, prefix, KEY)) != 1:
        return f"{attempts(server, prefix, KEY)} are in the bucket"
    other = made_by(folder, 1)
    return None if other["digest"] == result["digest"] and not other["built"] else f"{result} and {other}"


def build_until(root: Path, environment: dict[str, str], prefix: str, begun: Path, go: Path) -> dict[str, Any]:
    """Begin to build, say so, and go on when told."""
    store = opened(root, environment, prefix)
    with store.locked(STEP, KEY):
        if store.find(STEP, KEY) is not None:
            raise AssertionError("it was there already")
        with store.building(STEP, KEY) as build:
            begun.touch()
            while not go.exists():
                time.sleep(0.01)
            for name in FILES:
                (build.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (build.folder / name).write_bytes(os.urandom(1000))
            found = store.commit(build, STEP, KEY, report={}, seconds=0.0, inputs={})
        return {"digest": store.verify(STEP, KEY).digest, "same": store.verify(STEP, KEY).digest == found.digest}


def dead_owner(random: Random, folder: Path) -> str | None:
    """Kill a host that builds while another waits or before one comes; wrong is a wait beyond the lease and two seconds."""
    begun, go = folder / "begun", folder / "go"
    with on_host(folder, 0, build_until, begun, go) as owner:
        until(begun.exists, "the build to begin", every=0.01)
        waits = random.random() < 0.5
        with contextlib.ExitStack() as stack:
            if waits:
                second = stack.enter_context(on_host(folder, 1, one, KEY))
                time.sleep(random.uniform(0.2, 1.5))
            if owner.kill() != KILLED:
                return owner.said
            if not waits:
                second = stack.enter_context(on_host(folder, 1, one, KEY))
            start = time.monotonic()
            if second.wait():
                return second.said
            took = time.monotonic() - start
    if not second.result["built"]:
        return "the next did not build"
    FIGURES.append(f"behind a killed owner the next was done after {took:.1f} s (lease {LEASE_SECONDS:g} s)")
    return f"it went on after {took:.1f} s" if took > LEASE_SECONDS + GOES_ON_SECONDS else None


def stopped_owner(random: Random, folder: Path) -> str | None:
    """Stop a host that builds, and wake it when another has built; wrong is a host that hands on what does not count."""
    begun, go = folder / "begun", folder / "go"
    with on_host(folder, 0, build_until, begun, go) as owner:
        until(begun.exists, "the build to begin", every=0.01)
        os.kill(owner.pid, signal.SIGSTOP)
        second = made_by(folder, 1)
        go.touch()
        os.kill(owner.pid, signal.SIGCONT)
        if owner.wait():
            return owner.said
    if not second["built"] or not owner.result["same"] or owner.result["digest"] != second["digest"]:
        return f"{owner.result} and {second}"
    return None if len(attempts(SERVER[0], place_of(folder), KEY)) == 1 else "an attempt that lost was left"


def late_commit(random: Random, folder: Path) -> str | None:
    """Stop a host whose commit is on its way, and let it arrive after another's; wrong is a second artifact."""
    server, reached, let_go = SERVER[0], threading.Event(), threading.Event()

    def judge(method: str, path: str) -> str:
        if method == "PUT" and "/manifests/" in path and not reached.is_set():
            reached.set()
            let_go.wait(HANGS_SECONDS)
        return PASS

    with (
        before(server, judge) as port,
        Child(one, folder / "root-0", server.environment(port), place_of(folder), KEY) as owner,
    ):
        reached.wait(HANGS_SECONDS)
        os.kill(owner.pid, signal.SIGSTOP)
        second = made_by(folder, 1)
        let_go.set()
        os.kill(owner.pid, signal.SIGCONT)
        if owner.wait():
            return owner.said
        digests = {owner.result["digest"], second["digest"], made_by(folder, 2)["digest"]}
    return f"{len(digests)} artifacts were handed out" if len(digests) != 1 or not second["built"] else None


def at_once(random: Random, folder: Path) -> str | None:
    """Let four hosts make the same artifact; wrong is a second build, though all live."""
    with contextlib.ExitStack() as stack:
        hosts = [
            stack.enter_context(on_host(folder, number, work, [KEY], folder / f"handed-{number}", 1.0)) for number in range(4)
        ]
        for child in hosts:
            if child.wait():
                return child.said
    built = sum(child.result for child in hosts)
    digests = {(folder / f"handed-{number}").read_text().split()[1] for number in range(4)}
    return None if built == len(digests) == 1 else f"{built} builds, {len(digests)} artifacts"


def run_of(root: Path, environment: dict[str, str], prefix: str, run: str, keys: list[str]) -> dict[str, str]:
    """A run that uses some artifacts and ends well; the digest of each."""
    store = opened(root, environment, prefix)
    store.begin_run(run, "news", "train")
    digests = {key: make(store, key)["digest"] for key in keys}
    store.end_run("finished")
    return digests


def collect_until(environment: dict[str, str], prefix: str, go: Path) -> int:
    """Collect garbage again and again until told; how many manifests went."""
    os.environ.update(environment)
    from tasks.store.shared.bucket import Bucket
    from tasks.store.shared.collect import collect

    bucket, removed = Bucket(f"s3://{BUCKET}/{prefix}"), 0
    while not go.exists():
        removed += collect(bucket, keep_runs=1, grace=timedelta(0))["removed"]
    return removed


def collect_once(environment: dict[str, str], prefix: str) -> int:
    """Collect garbage; how many manifests went."""
    os.environ.update(environment)
    from tasks.store.shared.bucket import Bucket
    from tasks.store.shared.collect import collect

    return int(collect(Bucket(f"s3://{BUCKET}/{prefix}"), keep_runs=1, grace=timedelta(0))["removed"])


def gc_meanwhile(random: Random, folder: Path) -> str | None:
    """Let a run find what gc is about to take away; wrong is an artifact that has to be built again."""
    server, reached, let_go = SERVER[0], threading.Event(), threading.Event()

    def judge(method: str, path: str) -> str:
        if method == "PUT" and "/manifests/" in path and not reached.is_set():
            reached.set()
            let_go.wait(HANGS_SECONDS)
        return PASS

    for run, keys in (("old", [KEY]), ("new", [OTHER])):
        with on_host(folder, 0, run_of, run, keys) as child:
            if child.wait():
                return child.said
        time.sleep(1.1)  # runs are told apart by the second in which they begin
    with before(server, judge) as port, Child(collect_once, server.environment(port), place_of(folder)) as collector:
        reached.wait(HANGS_SECONDS)
        found = made_by(folder, 1)
        let_go.set()
        if collector.wait():
            return collector.said
    again = made_by(folder, 2)
    kept = not found["built"] and not again["built"] and found["digest"] == again["digest"]
    return None if kept else f"{found} and {again}"


def beside_gc(random: Random, folder: Path) -> str | None:
    """Collect garbage beside five runs; wrong is a run that fails, or a key of the last runs that is not there afterwards."""
    server, prefix, go = SERVER[0], place_of(folder), folder / "go"
    keys = [f"{number:064x}" for number in range(16)]
    for number in range(2):
        with on_host(folder, number, run_of, f"old-{number}", keys) as child:
            if child.wait():
                return child.said
    with Child(collect_until, server.environment(), prefix, go) as collector, contextlib.ExitStack() as stack:
        wanted = [random.sample(keys, 3) for _ in range(5)]
        runs = [stack.enter_context(on_host(folder, 10 + n, run_of, f"run-{n}", each)) for n, each in enumerate(wanted)]
        for child in runs:
            if child.wait():
                return child.said
        go.touch()
        if collector.wait():
            return collector.said
        digests: dict[str, set[str]] = {}
        for child in runs:
            for key, digest in child.result.items():
                digests.setdefault(key, set()).add(digest)
        FIGURES.append(f"gc took {collector.result} manifests away beside 5 runs")
    last = sorted(server.places(f"{prefix}/runs/"))
    used = {key for n, each in enumerate(wanted) if f"{prefix}/runs/run-{n}" in last for key in each}
    gone = [key for key in used if not server.get(f"{prefix}/manifests/{STEP}/{key}")]
    if gone:
        return f"{len(gone)} artifacts of the last runs are gone"
    for key in used:
        made = made_by(folder, 20, key)
        if made["built"]:
            return "an artifact of the last runs has lost its files"
    return None


CASES: dict[str, Callable[[Random, Path], str | None]] = {
    **{f"damage {number}": damage for number in range(8)},
    **{f"lost answer {number}": lost_answer for number in range(2)},
    **{f"dead owner {number}": dead_owner for number in range(2)},
    "stopped owner": stopped_owner,
    "late commit": late_commit,
    "hosts at once": at_once,
    **{f"gc beside runs {number}": beside_gc for number in range(2)},
    "gc as a run begins": gc_meanwhile,
}
COUNT = 25 * len(CASES)
