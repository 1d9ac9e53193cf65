"""Promotion is compare-and-set and recorded: promoters at once, and kills between registering, the aliases and the ledger.

Four processes promote versions of one model as fast as they can; what they report, the ledger and the aliases must tell one
story, in which each champion was replaced once. And registrations, promotions by hand and rollbacks are killed at each point
and repeated: no second version of the same package and no second copy of its files, one decision, a ledger that ends at the
champion; a repeated rollback goes back once and never to what it had gone back from.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
from typing import TYPE_CHECKING

from tasks.checkout import CHECKOUT
from tasks.register.ledger import MOVES, Ledger
from tasks.register.models import CHAMPION, PREVIOUS, promote, rollback
from tasks.tracking.tracker import Tracker
from tests.faults.forks import KILLED, Child
from tests.faults.row_03_shared import together
from tests.faults.steps import BAG, configured, run, warm
from tests.faults.trained import make_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

NUMBER = 11
PROMOTERS, VERSIONS, PROMOTIONS = 4, 4, 2
PROMISE = (
    f"Promotion is compare-and-set and recorded: of {PROMOTERS} processes that promote at once one replaces each champion, and "
    "ledger, aliases and what they reported agree; a registration, promotion or rollback that is killed before, between or "
    "after its aliases and its lines in the ledger is completed once by the next run, without a second version, a second copy "
    "of its files or a step back to what was rolled back from"
)
TAKEN_OUT = (
    "the model's lock is not taken: 4 of 12 trials at once fail; a package that is registered is not looked for: 4 of 5 killed "
    "registrations, with one version too many; a change is not written down before its aliases move: 2 of 5 killed rollbacks "
    "bring back what was rolled back from; nothing is swept: 1 of 12 killed registrations leaves a second copy of its package"
)
MOVED = ["begun", "previous_set", "champion_set", "promoted", "recorded"]
POINTS = ["copied", "logged", "versioned", "added", "challenged", "decided", *MOVED]
PROMOTED = 2  # the version that is promoted by hand, over the last

REGISTERED = ("--register.margin", "0.99")  # so that a second model is promoted, whatever it is worth


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """A registry with four versions, and the imports that children share."""
    make_corpus(folder / "news", 100)
    with warm():
        with Child(register_all, folder / "made", folder / "news") as child:
            if child.wait():
                raise RuntimeError(child.said)
        yield


def register_all(root: Path, corpus: Path) -> None:
    """Train and register; what the registry was after the first is kept aside."""
    for number in range(1, VERSIONS + 1):
        made = run(configured(root, corpus, *REGISTERED, "--finetune.seed", str(number), base=BAG))
        if made["version"] != number or made["decision"] not in MOVES:
            raise AssertionError(f"version {number} was not promoted: {made}")
        shutil.copytree(root / "mlflow", root / f"after-{number}", ignore=shutil.ignore_patterns("artifacts"))


def copy_registry(folder: Path, number: int) -> Path:
    """A data root with the registry as it was after so many versions; their files are still where it was copied from."""
    made = folder.parent / "made"
    shutil.copytree(made / f"after-{number}", folder / "root" / "mlflow")
    (folder / "root" / "store").symlink_to(made / "store")
    return folder / "root"


def at_once(random: Random, folder: Path) -> str | None:
    """Let four promoters go; wrong is a champion that was replaced twice, or a story that differs."""
    root = copy_registry(folder, VERSIONS)
    calls = [(root, [random.randint(1, VERSIONS) for _ in range(PROMOTIONS)]) for _ in range(PROMOTERS)]
    code, results, said = together(folder, promote_all, calls)
    if code:
        return said
    entries = Ledger(root / "mlflow" / "ledger.jsonl").entries()
    made = moves(root)
    for (_, before), (base, to) in itertools.pairwise(made):
        if base != before or base == to:
            return f"version {base} was replaced by {to}, and {before} was champion: {made}"
    reported = sorted(version for result in results for version, decision in result if decision == "promoted")
    recorded = sorted(entry.to_version or 0 for entry in entries[VERSIONS:])
    if reported != recorded:
        return f"promoted were {reported}, the ledger has {recorded}"
    with Child(aliases, root) as child:
        if child.wait() or child.result[CHAMPION] != made[-1][1] or child.result[PREVIOUS] != made[-1][0]:
            return f"the aliases are {child.result}, the ledger ends with {made[-1]} {child.said}"
    return None


def promote_all(root: Path, versions: list[int]) -> list[tuple[int, str]]:
    """Promote these, one after the other; what was reported of each."""
    tracker = Tracker.open(None, root, CHECKOUT, None)
    made = [promote(tracker, "news", version) for version in versions]
    tracker.close()
    return [(each.version, each.decision) for each in made]


def aliases(root: Path) -> dict[str, int]:
    """What the registry says."""
    tracker = Tracker.open(None, root, CHECKOUT, None)
    found = tracker.registry.aliases("news")
    tracker.close()
    return found | {"versions": len(tracker.registry.versions("news"))}


def killed(point: str, random: Random, folder: Path) -> str | None:
    """Kill a registration that would be promoted, and repeat it; wrong is a version too many, or another end."""
    number = random.randint(2, VERSIONS)
    root, made = copy_registry(folder, number - 1), folder.parent / "made"
    before = copies(made)
    config = configured(root, folder.parent / "news", *REGISTERED, "--finetune.seed", str(number), base=BAG)
    with Child(run, config, crash_at=f"register.{point}") as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    with Child(run, config) as child:
        if child.wait():
            return f"the repetition failed: {child.said}"
        version = child.result["version"]
    with Child(aliases, root) as child:
        child.wait()
        found = child.result
    if (version, found) != (number, {"versions": number, CHAMPION: number, PREVIOUS: number - 1}):
        return f"version {version}, aliases {found}; {number} were registered"
    if (own := copies(root)) != number:  # those of before, which a copied root brings home, and one of the new version
        return f"{own} packages of {number} versions"
    if (others := copies(made) - before) != 0:
        return f"{others} packages more where the registry was copied from"
    return None if moves(root) == registered(number) else f"the ledger says {moves(root)}"


def copies(root: Path) -> int:
    """How many packages lie among the versions' files of a data root."""
    return len(list((root / "mlflow" / "artifacts").rglob("package.json")))


def moves(root: Path) -> list[tuple[int | None, int | None]]:
    """The changes of the champion that the ledger tells of: from and to."""
    entries = Ledger(root / "mlflow" / "ledger.jsonl").entries()
    return [(entry.from_version, entry.to_version) for entry in entries if entry.action in MOVES]


def registered(number: int) -> list[tuple[int | None, int | None]]:
    """What they are when so many versions were registered, each promoted over the one before."""
    return [(each - 1 or None, each) for each in range(1, number + 1)]


def change(root: Path, back: bool) -> int:
    """Roll back or promote; the version that is champion then."""
    tracker = Tracker.open(None, root, CHECKOUT, None)
    made = rollback(tracker, "news") if back else promote(tracker, "news", PROMOTED)
    tracker.close()
    return made.version


def moved(point: str, back: bool, random: Random, folder: Path) -> str | None:
    """Kill a rollback or a promotion by hand and repeat it; wrong is anything but one of it.

    One that is killed after its line is over, and a second rollback goes back once more.
    """
    number = VERSIONS if not back or point == "recorded" else random.randint(PROMOTED + 1, VERSIONS)
    root = copy_registry(folder, number)
    with Child(change, root, back, crash_at=f"register.{point}") as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    with Child(change, root, back) as child:
        if child.wait():
            return f"the repetition failed: {child.said}"
        version = child.result
    steps = [number, number - 1, number - 2] if point == "recorded" else [number, number - 1]
    line = steps if back else [number, PROMOTED]
    with Child(aliases, root) as child:
        child.wait()
        found = child.result
    expected = {"versions": number, CHAMPION: line[-1], PREVIOUS: line[-1] - 1 if back else number}
    if (version, found) != (line[-1], expected):
        return f"version {version}, aliases {found}; {expected} were expected"
    if moves(root) != registered(number) + list(itertools.pairwise(line)):
        return f"the ledger says {moves(root)}"
    return None


CASES = {
    **{f"killed: register.{point}": functools.partial(killed, point) for point in POINTS},
    **{f"killed: rollback at register.{point}": functools.partial(moved, point, True) for point in MOVED},
    **{f"killed: promote at register.{point}": functools.partial(moved, point, False) for point in MOVED},
    **{f"at once ({number})": at_once for number in range(25)},
}
COUNT = 4 * len(CASES)
