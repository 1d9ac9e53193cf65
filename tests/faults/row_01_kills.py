"""A kill loses no finished work and never yields a wrong artifact: train's steps, repeated after SIGKILL at a named point.

One run is left alone. A trial begins with the artifacts of the steps before the one that is killed. After the kill, every
artifact that can be found must be the one of the run that was left alone; the repetition must build none of them again, go on
from the last checkpoint, and end with the same bytes, one registered version, one decision, and nothing left over. Row 18 kills
the same steps at moments drawn by chance, row 17 the whole command, row 19 a refresh.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.store.artifact import Store
from tasks.tracking.tracker import Tracker
from tests.faults.forks import KILLED, Child
from tests.faults.row_02_store import artifacts
from tests.faults.steps import configured, run, warm
from tests.faults.trained import make_corpus
from tests.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

NUMBER = 1
POINTS = {
    **{
        f"{step}.{point}": step
        for step in STEPS
        for point in ("building", "built", "manifest_written", "flushed", "renamed", "committed")
    },
    "pretrain.trained": "pretrain",
    **dict.fromkeys([f"finetune.epoch.{number}" for number in (1, 2, 3, 4)], "finetune"),
    **dict.fromkeys(["checkpoint.written", "checkpoint.named", "checkpoint.written:4", "checkpoint.named:3"], "finetune"),
    "package.written": "package",
    **dict.fromkeys(
        [
            f"register.{point}"
            for point in (
                "copied",
                "logged",
                "versioned",
                "added",
                "challenged",
                "decided",
                "begun",
                "previous_set",
                "champion_set",
                "promoted",
                "recorded",
            )
        ],
        "register",
    ),
}
PROMISE = (
    f"A kill at any moment loses no finished work and never yields a wrong artifact: SIGKILL at {len(POINTS)} named points of "
    "train's steps; what was finished is found again, and the repetition ends with the same bytes, weights included, one "
    "registered version and one decision"
)
TAKEN_OUT = (
    "the folder of a killed build is not removed: 20 of 22 trials fail, all within a step; checkpoints are not used: 7 of 12, "
    "all that leave one; what a killed registration leaves is not removed: 1 of 3, the one that had logged the model"
)
DECISIONS = ("first", "unchanged")


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """The run that is left alone, and the imports that children share."""
    make_corpus(folder / "news", 20)
    with warm():
        with Child(migrate, folder / "empty") as child:
            if child.wait():
                raise RuntimeError(child.said)
        start = time.monotonic()
        with Child(leave_alone, begin(folder / "alone", []), folder / "news") as child:
            if child.wait():
                raise RuntimeError(child.said)
            (folder / "alone.json").write_text(json.dumps([child.result, time.monotonic() - start]))
        yield


def leave_alone(root: Path, corpus: Path) -> dict[str, Any]:
    """All steps; what they made, and the steps that were built."""
    built: list[str] = []
    made = run(configured(root, corpus), started=built.append)
    return made | {"built": built}


def at(point: str, random: Random, folder: Path) -> str | None:
    """Kill at a named point."""
    whole, _ = json.loads((folder.parent / "alone.json").read_text())
    before = list(STEPS)[: list(STEPS).index(POINTS[point])] if POINTS[point] in STEPS else list(STEPS)
    root = begin(folder, before)
    with Child(leave_alone, root, folder.parent / "news", crash_at=point) as child:
        if child.wait() != KILLED:
            return f"it was not reached: exit code {child.wait()} {child.said}"
    return again(root, folder.parent / "news", whole)


def begin(folder: Path, steps: list[str]) -> Path:
    """A data root with the artifacts of these steps, and a database that MLflow need not migrate for seconds."""
    root, alone = folder / "root", folder.parent / "alone" / "root"
    (root / "store").mkdir(parents=True)
    for step in steps:
        shutil.copytree(alone / "store" / step, root / "store" / step)
    (root / "mlflow").mkdir()
    shutil.copy(folder.parent / "empty" / "mlflow" / "mlflow.db", root / "mlflow" / "mlflow.db")
    return root


def migrate(root: Path) -> None:
    """Let MLflow make its database."""
    Tracker.open(None, root, CHECKOUT, "other").close()  # where artifacts of "news" stand, each trial says itself


def again(root: Path, corpus: Path, whole: dict[str, Any]) -> str | None:
    """What is wrong with what the kill has left, or with the repetition."""
    store, finished = Store(root), []
    for path in artifacts(store.root):
        found = store.verify(path.parent.name, path.name)  # raises for one that is not whole
        if found.digest != whole[found.step]:
            return f"{found.step} was left with other bytes"
        finished.append(found.step)
    checkpoint = any(store.root.glob(".scratch/finetune-*/*.json"))
    with Child(leave_alone, root, corpus) as child:
        if child.wait():
            return f"the repetition failed: {child.said}"
        made = child.result
    if twice := sorted(set(finished) & set(made["built"])):
        return f"{twice} had been finished and were built again"
    if other := [step for step in (*STEPS, "version") if made[step] != whole[step]]:
        return f"{other} are other than those of the run that was left alone"
    if made["decision"] not in DECISIONS:
        return f"the decision is {made['decision']}"
    (model,) = (store.root / "finetune").iterdir()
    if checkpoint and "finetune" not in finished and not store.verify("finetune", model.name).report["resumed_from_epoch"]:
        return "the checkpoint was not used"
    left = [each.name for area in (".building", ".scratch", ".damaged") for each in (store.root / area).glob("*")]
    if left:
        return f"left over: {left}"
    logged = [path.name for path in (root / "mlflow" / "artifacts").glob("*/models/*")]
    if len(logged) != 1:
        return f"MLflow's models are {logged}"
    with Child(aliases, root) as child:
        child.wait()
        return None if child.result == {"champion": made["version"]} else f"the aliases are {child.result} {child.said}"


def aliases(root: Path) -> dict[str, int]:
    """Alias -> version of the registered model."""
    tracker = Tracker.open(None, root, CHECKOUT, "news")
    try:
        return dict(tracker.registry.aliases("news"))
    finally:
        tracker.close()


CASES = {point: functools.partial(at, point) for point in POINTS}
COUNT = 8 * len(CASES)
