"""What a run's promises and costs come to on its test rows, which chose nothing of either. For the page alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from tasks.certainty.costs import decided, read_costs
from tasks.certainty.promise import SHOWN_ERRORS, read_abstention
from tasks.evaluate.predictions import PREDICTIONS
from tasks.model.abstention import upper_bound

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.certainty.settings import CertaintyConfig
    from tasks.model.abstention import Abstention

CERTAINTY = "certainty.json"


def write_certainty(config: CertaintyConfig, evaluation: Path, folder: Path, *, promise: Path | None = None) -> dict[str, Any]:
    """Write certainty.json; the report is the same. `evaluation` has the predictions, `promise` the table of thresholds."""
    names, probabilities_NC, true_N = read_probabilities(evaluation / PREDICTIONS)
    report: dict[str, Any] = {"test_rows": len(true_N), "promises": None, "costs": None}
    if promise is not None:
        made = read_abstention(promise)
        report["rule"], report["rows"] = made.rule, made.together.rows
        report["promises"] = [kept(made, error, probabilities_NC, true_N) for error in SHOWN_ERRORS]
    if config.costs is not None:
        report["costs"] = decided(read_costs(config.costs, names), probabilities_NC, true_N)
    (folder / CERTAINTY).write_text(json.dumps(report, indent=1, allow_nan=False), encoding="utf-8")
    return report


def kept(made: Abstention, error: float, probabilities_NC: np.ndarray, true_N: np.ndarray) -> dict[str, Any]:
    """One promise and what came of it on rows that it was not made by; of all answers, and of each label's."""
    found: dict[str, Any] = {"max_error": error}
    for name, each_label in (("together", False), ("each_label", True)):
        promise = made.possible(error, each_label=each_label)
        if promise is None:
            found[name] = None
            continue
        answered_N = promise.answers(probabilities_NC)
        wrong, answered = int((answered_N & (probabilities_NC.argmax(1) != true_N)).sum()), int(answered_N.sum())
        found[name] = {
            "thresholds": promise.facts()["thresholds"],
            "expected": promise.answered,
            "answered": answered,
            "wrong": wrong,
            "error": wrong / answered if answered else None,
            "error_bound": upper_bound(wrong, answered) if answered else None,
        }
    return found


def read_probabilities(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Labels, probabilities float32 [N, C] and positions of the true labels [N], -1 for another, of a file of predictions."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(columns=["label", "probabilities"])
        metadata = file.schema_arrow.metadata or {}
    classes = {
        int(key.decode().removeprefix("class_")): value.decode() for key, value in metadata.items() if key[:6] == b"class_"
    }
    names = [classes[at] for at in range(len(classes))]
    flat = table.column("probabilities").combine_chunks().flatten().to_numpy()
    position = {name: at for at, name in enumerate(names)}
    true_N = np.array([position.get(label, -1) for label in table.column("label").to_pylist()], np.int64)
    return names, flat.reshape(-1, len(names)), true_N
