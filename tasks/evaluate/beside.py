"""The run's recipe on another split of the same corpus, by time or at random, and what the difference of both accuracies says.

In go the run's evaluation and the rows of the other split, out comes beside.json. Labels are held out, text is not: word
vectors and vocabulary are the run's own, which read no label.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.evaluate.compare import wilson_interval
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import measure, outcomes
from tasks.evaluate.predictions import read_test
from tasks.evaluate.report import METRICS
from tasks.finetune.quiet import quiet_training
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evaluate.settings import BesideConfig

BESIDE = "beside.json"
BINS = 15  # of a figure that is not shown here


@dataclass(frozen=True)
class OtherRows:
    """Folders of the other split: its rows, its test rows and their texts; `aligned` is the run's own."""

    dataset: Path
    holdout: Path
    holdout_texts: Path
    aligned: Path | None = None


def measure_beside(config: BesideConfig, given: OtherRows, evaluation: Path, folder: Path, scratch: Path) -> dict[str, Any]:
    """Train on the other split, score its test rows, compare with the run's; `scratch` keeps checkpoints."""
    shutil.rmtree(scratch / "model", ignore_errors=True)
    (checkpoints := scratch / "checkpoints").mkdir(exist_ok=True)
    (model := scratch / "model").mkdir()
    with quiet_training():
        write_model(config.finetune, given.dataset, given.aligned, model, checkpoints)
    test, classifier = read_test(given.holdout, dictionary=True), Classifier.load(model)
    rows = outcomes(test.labels.to_pylist(), classifier.labels, predict(classifier, test.tokens, given.holdout_texts))
    other = _figures(measure(rows, bins=BINS, bootstrap=config.bootstrap, seed=config.seed))
    own = _figures(json.loads((evaluation / METRICS).read_text(encoding="utf-8")))
    by_time, at_random = (other, own) if config.by == "time" else (own, other)
    interval = difference_interval(by_time, at_random)
    found: dict[str, Any] = {"by_time": by_time, "at_random": at_random, "column": config.column, "from": config.cut}
    found |= {"of_run": config.of_run, "difference": by_time["accuracy"] - at_random["accuracy"]}
    found |= {"interval": interval, "meaning": meaning(interval)}
    (folder / BESIDE).write_text(json.dumps(found, indent=1, allow_nan=False), encoding="utf-8")
    return found


def difference_interval(one: dict[str, Any], other: dict[str, Any]) -> list[float]:
    """The 95% interval of the difference of two accuracies on different rows.

    Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10. Both models share
    most train rows, so the true interval is rather narrower.
    """
    p, q = one["accuracy"], other["accuracy"]
    (low_p, high_p), (low_q, high_q) = (wilson_interval(each["accuracy"], each["test_rows"]) for each in (one, other))
    return [p - q - math.hypot(p - low_p, high_q - q), p - q + math.hypot(high_p - p, q - low_q)]


def meaning(interval: list[float]) -> str:
    """What accuracy by time less accuracy at random says, from its interval."""
    if interval[1] < 0:
        return said(
            "later texts are harder than those of the days that were trained on: expect the accuracy by time of what comes "
            "next, and train again often"
        )
    if interval[0] > 0:
        return said(
            "the later days are easier than the rest; see whether their classes have other shares before you rely on that"
        )
    return said("the difference may be chance: nothing here says that texts have changed in this time")


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    intervals = metrics["intervals"]
    return {
        "accuracy": metrics["accuracy"],
        "interval": intervals["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "macro_f1_interval": intervals["macro_f1"],
        "test_rows": metrics["test_rows"],
    }
