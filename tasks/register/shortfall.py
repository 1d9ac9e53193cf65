"""Baselines that a model should beat and does not: the yardstick, or always giving one answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluate.compare import Comparison, compare
from tasks.evaluate.predictions import PREDICTIONS, read_columns
from tasks.evaluate.report import METRICS
from tasks.finetune.kinds import KINDS
from tasks.register.gate import significantly_worse
from tasks.shown import shortened
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

YARDSTICK_MODEL = next(kind.name for kind in KINDS.values() if kind.like_yardstick)


@dataclass(frozen=True)
class Shortfall:
    """The words for people, as a clause of the decision's reason, and the figures for the ledger."""

    clause: str
    figures: Mapping[str, Any]


NO_SHORTFALL = Shortfall("", {})


def find_shortfall(evaluation: Path, model: str) -> Shortfall:
    """Compare the model (`model` as finetune.model names it) with the baselines, on the rows of evaluate's folder.

    Worse means that the mid-p of McNemar's test is below 0.05. The one answer is the most
    frequent label of the train rows. The clause is empty if the model is not worse than either.
    """
    metrics = json.loads((evaluation / METRICS).read_text(encoding="utf-8"))
    label, majority = _against_one_answer(evaluation / PREDICTIONS, metrics["train_rows"])
    yardstick = Comparison(**metrics["comparison"]["accuracy"]) if metrics["comparison"] else None
    figures: dict[str, float] = {}
    clauses = []
    if yardstick is not None:
        figures |= {"yardstick_difference": yardstick.difference, "yardstick_mid_p": yardstick.mid_p}
        if significantly_worse(yardstick):
            clauses.append(said("worse than TF-IDF by {points} points", points=_points(yardstick)))
    if majority is not None:
        figures |= {"majority_difference": majority.difference, "majority_mid_p": majority.mid_p}
        if significantly_worse(majority):
            named = {"label": shortened(repr(label), 60), "points": _points(majority)}
            clauses.append(said("worse than always answering {label} by {points} points", **named))
    if clauses:
        clauses.append(said("try {remedy}", remedy=_remedy(model, yardstick)))
    return Shortfall(joined("; ", clauses), figures)


def _points(found: Comparison) -> str:
    return f"{-100 * found.difference:.1f}"


def _remedy(model: str, yardstick: Comparison | None) -> str:
    if yardstick is not None and not significantly_worse(yardstick):
        return said("more rows, or correct the labels; TF-IDF does not do better")
    if model != YARDSTICK_MODEL:
        return f"--finetune.model {YARDSTICK_MODEL}"
    # It reads up to three words together and drops those that occur once; the yardstick reads two, and keeps all in small ones.
    return f"--finetune.ngrams 2 --finetune.{YARDSTICK_MODEL}.min-documents 1"


def _against_one_answer(predictions: Path, train_rows: Mapping[str, int]) -> tuple[str, Comparison | None]:
    """The most frequent label of the train rows, and the model compared with it; None without a test row."""
    table = read_columns(predictions, "label", "correct")
    if not table.num_rows or not train_rows:
        return "", None
    label = max(sorted(train_rows), key=lambda name: train_rows[name])
    # Python's own values: pyarrow imports pandas to make a scalar or an array of truth values.
    labels, correct = (table.column(name).to_pylist() for name in ("label", "correct"))
    return label, compare(np.array([bool(each) for each in correct]), np.array([each == label for each in labels]))
