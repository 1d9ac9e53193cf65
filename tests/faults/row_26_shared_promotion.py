"""Hosts that share a registry and a bucket promote one after the other: at once, killed at each point, and with lost answers.

A host is a process with a data root of its own: lock, ledger and copies are its own. The registry is a SQLite file, which all
of them use as they would a server; the bucket is moto's. The champion's ledger is what four of them report, its numbers have no
gap, and whoever comes after a kill sets the aliases by it.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.register.ledger import MOVES, Entry, champions
from tasks.register.models import CHAMPION, PREVIOUS, promote, rollback
from tests.faults import row_11_promotion
from tests.faults.forks import KILLED, Child
from tests.faults.row_11_promotion import REGISTERED, VERSIONS
from tests.faults.row_23_bucket_faults import place_of
from tests.faults.steps import BAG, configured, run
from tests.patience import HANGS_SECONDS
from tests.registries import decided, host
from tests.s3 import BUCKET, CUT, LATE, PASS, S3, before, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NUMBER = 26
HOSTS, PROMOTIONS, KILLS = 4, 2, 4
PROMISE = (
    f"Hosts that share a registry and a bucket promote one after the other: of {HOSTS} hosts that promote at once, some killed "
    "at moments drawn by chance, one replaces each champion, the decisions have numbers without a gap, and the aliases are the "
    "ledger's after the next change; a registration, promotion or rollback that is killed on one host between ledger and "
    "aliases is completed once by another; a decision whose answer is lost is recognised; a host that is stopped past its "
    "lease before it sets the aliases, and woken, leaves them as the ledger has them; the first host's own ledger is taken "
    "over once"
)
TAKEN_OUT = (
    "aliases are not completed at the next opening: 3 of 3 killed changes are noted as set outside; no look at the ledger "
    "after the aliases: 1 of 1 woken host leaves its own; the first host's ledger is not taken over: 1 of 1; the lease, or the "
    "condition of a decision alone: 0 of 5 times at once, since the other keeps hosts apart; both: 5 of 12; a decision is not "
    "read back: 1 of 2 lost answers, that to a rollback"
)
LIMIT_SECONDS = 600
LEASE_SECONDS = 2.0
SERVER: list[S3] = []
MOVED = ["entered", "previous_set", "champion_set", "promoted", "recorded"]
BEGUN = ["taken_over", "named"]


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """A registry with four versions, a server of S3, and the imports that children share."""
    with row_11_promotion.prepare(folder), s3_server() as server:
        server.make()
        SERVER[:] = [server]
        yield


def begin(folder: Path) -> None:
    """The registry as it was after four registrations; the first host has the ledger of that."""
    made = folder.parent / "made" / f"after-{VERSIONS}"
    shutil.copytree(made, folder / "server", ignore=shutil.ignore_patterns("*.lock"))
    (folder / "0" / "mlflow").mkdir(parents=True)
    (folder / "server" / "ledger.jsonl").rename(folder / "0" / "mlflow" / "ledger.jsonl")


def on_host(
    folder: Path, number: int, function: Callable[..., Any], *arguments: Any, port: int = 0, crash_at: str = ""
) -> Child:
    """Let a host work in a process of its own."""
    environment = SERVER[0].environment(port or None)
    return Child(working, str(folder), number, environment, function, *arguments, crash_at=crash_at)


def working(folder: str, number: int, environment: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function with the host's registry."""
    os.environ.update(environment)
    place = Path(folder)
    address = f"s3://{BUCKET}/{place_of(place)}"
    tracker = host(place / "server" / "mlflow.db", place / str(number), address, lease=LEASE_SECONDS)
    return function(tracker, *arguments)


def promoting(tracker: Any, versions: list[int], said: str) -> None:
    """Promote these, one after the other; the reason of each that is reported as promoted is a line of the file `said`."""
    with Path(said).open("a") as file:
        for number, version in enumerate(versions):
            made = promote(tracker, "news", version, f"{Path(said).name}, {number}, process {os.getpid()}")
            file.write(f"{made.reason}\n" * (made.decision == "promoted"))
            file.flush()


def changing(tracker: Any, back: bool) -> list[Any]:
    """Roll back, or promote the second version; the version that is champion then, and the decision."""
    made = rollback(tracker, "news") if back else promote(tracker, "news", 2)
    return [made.version, made.decision]


def aliases(tracker: Any) -> dict[str, int]:
    """What the registry says."""
    return dict(tracker.registry.aliases("news"))


def done(folder: Path, number: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a host comes to; RuntimeError if it fails."""
    with on_host(folder, number, function, *arguments) as child:
        if child.wait():
            raise RuntimeError(child.said)
        return child.result


def history(folder: Path) -> list[Entry]:
    """The decisions in the bucket; AssertionError where their numbers have a gap."""
    return [Entry(**entry) for each in decided(SERVER[0], place_of(folder)) for entry in each]


def moves(folder: Path) -> list[tuple[int | None, int | None]]:
    """The changes of champion that they tell of: from and to."""
    return [(entry.from_version, entry.to_version) for entry in history(folder) if entry.action in MOVES]


FORMER = [(each - 1 or None, each) for each in range(1, VERSIONS + 1)]


def judged(folder: Path, made: list[tuple[int | None, int | None]]) -> str | None:
    """Whether one story is told: each champion replaced once, and aliases that are the last one's."""
    if made[: len(FORMER)] != FORMER:
        return f"the first host's ledger was not taken over: {made}"
    for (_, champion), (base, to) in itertools.pairwise(made):
        if base != champion or base == to:
            return f"version {base} was replaced by {to}, and {champion} was champion: {made}"
    found, line = done(folder, 7, aliases), champions(history(folder))
    if (found[CHAMPION], found.get(PREVIOUS)) != (line[-1], line[-2] if len(line) > 1 else None):
        return f"the aliases are {found}, the champions by the ledger {line}"
    return None


def at_once(kills: int, random: Random, folder: Path) -> str | None:
    """Let four hosts promote, and kill some; wrong is a champion that was replaced twice, a gap, or a story that differs."""
    begin(folder)
    done(folder, 0, _promoted, VERSIONS)  # it is champion already; the ledger is taken over
    wanted = [[random.randint(1, VERSIONS) for _ in range(PROMOTIONS)] for _ in range(HOSTS)]
    with contextlib.ExitStack() as stack:

        def start(number: int) -> Child:
            return stack.enter_context(on_host(folder, number, promoting, wanted[number], str(folder / f"said-{number}")))

        hosts = [start(number) for number in range(HOSTS)]
        for _ in range(kills):
            time.sleep(random.uniform(0.1, 1.5))
            number = random.randrange(HOSTS)
            if hosts[number].kill() == KILLED:
                hosts[number] = start(number)
        for child in hosts:
            if child.wait():
                return child.said
    reported = {line for number in range(HOSTS) for line in (folder / f"said-{number}").read_text().splitlines()}
    recorded = {entry.reason for entry in history(folder)[len(FORMER) :]}
    if reported - recorded or (not kills and recorded - reported):
        return f"reported were {sorted(reported)}, the ledger has {sorted(recorded)}"
    done(folder, 8, _promoted, random.randint(1, VERSIONS))
    return judged(folder, moves(folder))


def _promoted(tracker: Any, version: int) -> str:
    return promote(tracker, "news", version).decision


def killed(point: str, back: bool, random: Random, folder: Path) -> str | None:
    """Kill a promotion or a rollback on one host, and repeat it on another; wrong is anything but one of it."""
    begin(folder)
    with on_host(folder, 0, changing, back, crash_at=f"register.{point}") as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    version, decision = done(folder, 1, changing, back)
    last = VERSIONS
    line = [last, last - 1, last - 2] if back and point == "recorded" else [last, last - 1] if back else [last, 2]
    expected = "rollback" if back else "unchanged" if point == "recorded" else "promoted"
    if (version, decision) != (line[-1], expected):
        return f"version {version} ({decision}); {line[-1]} ({expected}) was expected"
    made = moves(folder)
    return judged(folder, made) or (
        None if made[len(FORMER) :] == list(itertools.pairwise(line)) else f"the ledger says {made}"
    )


def lost_answer(back: bool, random: Random, folder: Path) -> str | None:
    """Lose the answers to some decisions; wrong is a second one, or one that was not recognised."""
    begin(folder)
    left = [random.randint(1, 3)]

    def judge(method: str, path: str) -> str:
        if method == "PUT" and path.endswith(f"/{2:012d}") and left[0]:  # the one behind what was taken over
            left[0] -= 1
            return CUT
        return PASS

    with before(SERVER[0], judge) as port, on_host(folder, 0, changing, back, port=port) as child:
        if child.wait():
            return child.said
        to = VERSIONS - 1 if back else 2
        if child.result != [to, "rollback" if back else "promoted"]:
            return f"it reported {child.result}"
    made = moves(folder)
    return judged(folder, made) or (None if made == [*FORMER, (VERSIONS, to)] else f"the ledger says {made}")


def woken(random: Random, folder: Path) -> str | None:
    """Stop a host that has seen that its decision is the last, and wake it when it is not any more.

    Wrong is an alias that stays as it had decided.
    """
    begin(folder)
    reached, late = threading.Event(), threading.Event()

    def judge(method: str, path: str) -> str:
        if method == "GET" and path.endswith(f"{3:012d}") and not reached.is_set():  # is there one behind the second?
            reached.set()
            return LATE
        return PASS

    with before(SERVER[0], judge, late=late) as port, on_host(folder, 0, changing, False, port=port) as owner:
        reached.wait(HANGS_SECONDS)
        time.sleep(0.2)  # until it has its answer from the server
        os.kill(owner.pid, signal.SIGSTOP)
        version, decision = done(folder, 1, changing, True)  # what the first has promoted is completed, and rolled back
        late.set()
        os.kill(owner.pid, signal.SIGCONT)
        if owner.wait():
            return owner.said
    made = moves(folder)
    if (version, decision, made[len(FORMER) :]) != (VERSIONS, "rollback", [(VERSIONS, 2), (2, VERSIONS)]):
        return f"version {version} ({decision}), the ledger says {made}"
    found = done(folder, 7, aliases)
    return None if found[CHAMPION] == VERSIONS else f"the aliases are {found}"


def registered(point: str, random: Random, folder: Path) -> str | None:
    """Kill a registration that is promoted, and repeat it on another host; wrong is a second version or decision."""
    begin(folder)
    address, corpus = f"s3://{BUCKET}/{place_of(folder)}", folder.parent / "news"
    seed = str(VERSIONS + 1 + random.randint(0, 99))

    def options(number: int) -> Any:
        store = ("--runtime.store", address, "--runtime.store-lease", str(LEASE_SECONDS))
        tracking = ("--runtime.tracking-uri", f"sqlite:///{folder}/server/mlflow.db")
        return configured(folder / str(number), corpus, *REGISTERED, *store, *tracking, "--finetune.seed", seed, base=BAG)

    done(folder, 0, changing, False)  # the registry names the bucket from now on
    os.environ.update(SERVER[0].environment())
    with Child(run, options(0), crash_at=f"register.{point}") as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    with Child(run, options(1)) as child:
        if child.wait():
            return f"the repetition failed: {child.said}"
        version = child.result["version"]
    made = moves(folder)
    if version != VERSIONS + 1 or made[len(FORMER) :] != [(VERSIONS, 2), (2, version)]:
        return f"version {version}, the ledger says {made}"
    return judged(folder, made)


CASES: dict[str, Callable[[Random, Path], str | None]] = {  # one of each kind first, for the short version
    "promotion killed at entered": functools.partial(killed, "entered", False),
    "lost answer to a rollback": functools.partial(lost_answer, True),
    "stopped and woken": woken,
    "at once with kills 0": functools.partial(at_once, KILLS),
    **{f"promotion killed at {point}": functools.partial(killed, point, False) for point in (*BEGUN, *MOVED)},
    **{f"rollback killed at {point}": functools.partial(killed, point, True) for point in MOVED},
    **{f"registration killed at {point}": functools.partial(registered, point) for point in ("added", "entered", "promoted")},
    "lost answer to a promotion": functools.partial(lost_answer, False),
    **{f"at once {number}": functools.partial(at_once, 0) for number in range(6)},
    **{f"at once with kills {number}": functools.partial(at_once, KILLS) for number in range(6)},
}
COUNT = 2 * len(CASES)
