"""How the model does on each slice of the test rows, from its stored predictions: nothing is predicted anew.

In go the folders of predictions, texts, corpus and kept columns, out comes slices.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.evaluate.compare import wilson_interval
from tasks.evaluate.metrics import f1_scores
from tasks.evaluate.predictions import PREDICTIONS, read_columns
from tasks.evaluate.slices.columns import read_rows
from tasks.evaluate.slices.significance import corrected_p
from tasks.shown import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evaluate.slices.groups import Grouping
    from tasks.evaluate.slices.settings import SliceConfig

SLICES = "slices.json"
LEVEL = 0.05  # a slice is weak if its corrected p-value is below


def write_slices(
    config: SliceConfig, evaluation: Path, texts: Path, corpus: Path, kept: Path | None, folder: Path
) -> dict[str, Any]:
    """Write slices.json; the report is the same.

    `slices` are sorted by p-value, the weakest first: column, value, rows, accuracy with Wilson's interval, macro-F1 over the
    labels that occur, the difference of accuracy to all other rows, and the p-value, as it is and corrected for `looked_at`
    slices. `weak` has the names of those below LEVEL. ValueError if texts and predictions are of other rows.
    """
    table = read_columns(evaluation / PREDICTIONS, "id", "label", "predicted", "correct")
    rows = read_rows(config, texts, corpus, kept)
    if not table.column("id").combine_chunks().equals(rows.ids):
        raise ValueError(f"{texts} has other rows than {evaluation / PREDICTIONS}")
    correct_N = table.column("correct").to_numpy().astype(bool)
    labels = pc.unique(pa.chunked_array([*table.column("label").chunks, *table.column("predicted").chunks]))
    true_N, predicted_N = (pc.index_in(table.column(name), value_set=labels).to_numpy() for name in ("label", "predicted"))
    report = measured_slices(config, rows.groupings, correct_N, true_N, predicted_N, len(labels))
    (folder / SLICES).write_text(json_text(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report


def measured_slices(
    config: SliceConfig,
    groupings: tuple[Grouping, ...],
    correct_N: np.ndarray,
    true_N: np.ndarray,
    predicted_N: np.ndarray,
    num_labels: int,
) -> dict[str, Any]:
    """The report of `write_slices`, from which slices rows are in and how they were labelled: numbers of labels, int [N]."""
    chosen, numbered = worth_a_look(groupings, len(correct_N), config.slice_rows)
    p_S, corrected_S = corrected_p(correct_N, numbered, len(chosen), draws=config.slice_draws, seed=config.seed)
    slices: list[dict[str, Any]] = []
    for number, (grouping, label) in enumerate(chosen):
        inside = grouping.slice(label)
        size, right = int(inside.sum()), int(correct_N[inside].sum())
        confusion = np.bincount(true_N[inside] * num_labels + predicted_N[inside], minlength=num_labels**2)
        slices.append(
            {
                "column": grouping.column,
                "value": label,
                "rows": size,
                "accuracy": right / size,
                "interval": wilson_interval(right / size, size),
                "macro_f1": f1_scores(confusion.reshape(num_labels, num_labels))[1],
                "difference": right / size - float(correct_N[~inside].mean()),
                "p": float(p_S[number]),
                "corrected_p": float(corrected_S[number]),
            }
        )
    slices.sort(key=lambda each: (each["corrected_p"], each["p"], each["difference"]))
    return {
        "test_rows": len(correct_N),
        "accuracy": float(correct_N.mean()),
        "looked_at": len(slices),
        "columns": list(dict.fromkeys(grouping.column for grouping, _ in chosen)),
        "draws": config.slice_draws,
        "fewest": config.slice_rows,
        "slices": slices,
        "weak": [f"{each['column']}={each['value']}" for each in slices if each["corrected_p"] < LEVEL],
    }


def worth_a_look(
    groupings: tuple[Grouping, ...], num_rows: int, fewest: int
) -> tuple[list[tuple[Grouping, str]], list[np.ndarray]]:
    """Slices that are neither too small nor nearly all rows, and for each grouping the numbers of its slices: int64 [N]."""
    chosen: list[tuple[Grouping, str]] = []
    numbered: list[np.ndarray] = []
    for grouping in groupings:
        sizes = np.bincount(grouping.groups + 1, minlength=len(grouping.labels) + 1)[1:]
        number_G = np.full(len(grouping.labels) + 1, -1, np.int64)  # the last is of rows in no group
        for group, label in enumerate(grouping.labels):
            if fewest <= sizes[group] <= num_rows - fewest:
                number_G[group] = len(chosen)
                chosen.append((grouping, label))
        if (number_G >= 0).any():
            numbered.append(number_G[grouping.groups])
    return chosen, numbered
