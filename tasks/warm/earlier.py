"""What training on from the champion comes to: accuracy on each batch of test rows, beside the champion's and a fresh model's.

In go the run's evaluation, the batch of each test row, the champion's package and perhaps a model that was trained anew on all
rows; out comes earlier.json. None of the models was trained on a test row.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluate.compare import compare
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import outcomes
from tasks.evaluate.predictions import PREDICTIONS, read_test
from tasks.finetune.train import SECONDS_FILE
from tasks.model.classifier import Classifier
from tasks.progress import SILENT
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.register.rivals import read_test_rows, rival_on
from tasks.warm.batches import read_batches

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.progress import Progress
    from tasks.warm.settings import EarlierConfig

EARLIER = "earlier.json"


@dataclass(frozen=True)
class TestFolders:
    """Folders of the run: its evaluation, the batches of its test rows, these rows and their texts; `fresh` is a model."""

    __test__ = False  # not a pytest class

    evaluation: Path
    batches: Path
    holdout: Path
    texts: Path
    model: Path
    fresh: Path | None = None


def measure_batches(config: EarlierConfig, given: TestFolders, folder: Path, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Count by batch how many test rows each model has right, and compare with the fresh one on all; the report."""
    rows = read_test_rows(given.evaluation / PREDICTIONS)
    right = {"accuracy": rows.correct}
    if config.champion is not None:
        served = open_package(config.champion).TextClassifier(config.champion)
        title = f"champion, version {config.version},"
        loaded = LoadedModel("", config.version or 0, served)
        rival = rival_on(rows, given.texts, loaded, title, progress)
        if not rival.seen.any():
            right["champion"] = rival.correct
    if given.fresh is not None:
        test, fresh = read_test(given.holdout, dictionary=True), Classifier.load(given.fresh)
        found = outcomes(test.labels.to_pylist(), fresh.labels, predict(fresh, test.tokens, given.texts, progress=progress))
        right["fresh"] = found.correct
    batch_N = read_batches(given.batches)["rows"]
    report: dict[str, Any] = {
        "champion": config.version if "champion" in right else None,
        "batches": [by_batch(int(number), batch_N == number, right) for number in np.unique(batch_N)],
        "beside_fresh": None,
    }
    if "fresh" in right and given.fresh is not None:
        report["beside_fresh"] = {
            "accuracy": float(right["accuracy"].mean()),
            "fresh": float(right["fresh"].mean()),
            **dataclasses.asdict(compare(right["accuracy"], right["fresh"])),
            "seconds": seconds_of(given.model),
            "fresh_seconds": seconds_of(given.fresh),
        }
    report["warnings"] = forgetting(report["batches"], config.version)
    (folder / EARLIER).write_text(json.dumps(report, indent=1, allow_nan=False), encoding="utf-8")
    return report


def by_batch(number: int, inside_N: np.ndarray, right: dict[str, np.ndarray]) -> dict[str, Any]:
    """The accuracies on the rows of a batch, and the difference to the champion's with its 95% interval."""
    found: dict[str, Any] = {"batch": number + 1, "rows": int(inside_N.sum())}
    found |= {name: float(right_N[inside_N].mean()) for name, right_N in right.items()}
    if "champion" in right:
        beside = compare(right["accuracy"][inside_N], right["champion"][inside_N])
        found |= {"difference": beside.difference, "interval": [beside.lower_95, beside.upper_95]}
    return found


def forgetting(batches: list[dict[str, Any]], version: int | None) -> list[str]:
    """A warning for each earlier batch on which the champion was better, chance aside."""
    return [
        f"batch {each['batch']} is partly forgotten: {each['accuracy']:.4f} of its {each['rows']:,} test rows are right, and "
        f"{each['champion']:.4f} with version {version}; --finetune.start fresh trains anew"
        for each in batches[:-1]
        if "interval" in each and each["interval"][1] < 0
    ]


def seconds_of(model: Path) -> float:
    """How long the kinds of a model took to train."""
    spent: dict[str, float] = json.loads((model / SECONDS_FILE).read_text(encoding="utf-8"))
    return round(sum(spent.values()), 2)
