"""Promotion is compare-and-set and recorded: promoters at once, and kills between registering, the aliases and the ledger.

Four processes promote versions of one model as fast as they can; what they report, the ledger and the aliases must tell one
story, in which each champion was replaced once. And registrations are killed at each point and repeated: no second version of
the same package, one decision, a ledger that ends at the champion.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
from typing import TYPE_CHECKING

from tasks.config import CHECKOUT
from tasks.register.ledger import MOVES, Ledger
from tasks.register.models import CHAMPION, PREVIOUS, promote
from tasks.tracking.tracker import Tracker
from tests.faults.forks import KILLED, Child
from tests.faults.row_03_shared import together
from tests.faults.steps import configured, run, warm
from tests.faults.trained import make_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

NUMBER = 11
PROMOTERS, VERSIONS, PROMOTIONS = 4, 4, 2
PROMISE = (
    f"Promotion is compare-and-set and recorded: of {PROMOTERS} processes that promote at once one replaces each champion, and "
    "ledger, aliases and what they reported agree; a registration that is killed before, between or after its aliases and "
    "its line in the ledger is completed by the next run, without a second version"
)
TAKEN_OUT = "a package that is registered is not looked for: 4 of 5 killed registrations fail, with one version too many"
POINTS = ["copied", "added", "challenged", "decided", "previous_set", "champion_set", "promoted", "recorded"]


CHEAP = ("--finetune.model", "bag", "--evaluate.yardstick", "false")
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
        made = run(configured(root, corpus, *REGISTERED, "--finetune.seed", str(number), *CHEAP))
        if made["version"] != number or made["decision"] not in MOVES:
            raise AssertionError(f"version {number} was not promoted: {made}")
        shutil.copytree(root / "mlflow", root / f"after-{number}", ignore=shutil.ignore_patterns("artifacts"))


def copy_registry(folder: Path, number: int) -> Path:
    """A data root with the registry as it was after so many versions; the versions' files stay where they are."""
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
    moves = [(entry.from_version, entry.to_version) for entry in entries if entry.action in MOVES]
    for (_, before), (base, to) in itertools.pairwise(moves):
        if base != before or base == to:
            return f"version {base} was replaced by {to}, and {before} was champion: {moves}"
    reported = sorted(version for result in results for version, decision in result if decision == "promoted")
    recorded = sorted(entry.to_version for entry in entries[VERSIONS:])
    if reported != recorded:
        return f"promoted were {reported}, the ledger has {recorded}"
    with Child(aliases, root) as child:
        if child.wait() or child.result[CHAMPION] != moves[-1][1] or child.result[PREVIOUS] != moves[-1][0]:
            return f"the aliases are {child.result}, the ledger ends with {moves[-1]} {child.said}"
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
    root = copy_registry(folder, number - 1)
    config = configured(root, folder.parent / "news", *REGISTERED, "--finetune.seed", str(number), *CHEAP)
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
    if (version, found["versions"], found[CHAMPION], found.get(PREVIOUS)) != (number, number, number, number - 1):
        return f"version {version}, {found['versions']} versions, aliases {found}; {number} were registered"
    moves = [(e.from_version, e.to_version) for e in Ledger(root / "mlflow" / "ledger.jsonl").entries() if e.action in MOVES]
    expected = [(each - 1 or None, each) for each in range(1, number + 1)]
    return None if moves == expected else f"the ledger says {moves}"


CASES = {
    **{f"killed: register.{point}": functools.partial(killed, point) for point in POINTS},
    **{f"at once ({number})": at_once for number in range(40)},
}
COUNT = 5 * len(CASES) // 2
