"""Gather what a recipe came to on every fold, beside another one on the same folds; pool the predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.evaluate.compare import compare, wilson_interval
from tasks.evaluate.predictions import PREDICTIONS, read_columns
from tasks.tune.deal import SCORES
from tasks.tune.interval import FIGURES, METHOD, difference_of_folds, mean_of_folds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.tune.settings import GatherConfig

RESULT = "folds.json"
POOLED = pa.schema(
    [
        ("id", pa.string()),
        ("label", pa.string()),
        ("predicted", pa.string()),
        ("confidence", pa.float32()),
        ("correct", pa.bool_()),
        ("repeat", pa.int16()),
        ("fold", pa.int16()),
    ]
)
OWN, OTHER = "own", "other"  # begin the names of folds that are handed in: own_REPEAT_FOLD


def fold_name(whose: str, repeat: int, fold: int) -> str:
    """How the step is handed a fold of a repetition."""
    return f"{whose}_{repeat}_{fold}"


def write_gathered(config: GatherConfig, folder: Path, folds: Mapping[str, Path]) -> dict[str, Any]:
    """Write folds.json and predictions.parquet, those of the recipe itself; the report is folds.json.

    `folds` has the folder of each fold by `fold_name`, all of the recipe itself and all or none of the other's.
    """
    places = [(repeat, fold) for repeat in range(config.repeats) for fold in range(config.folds)]
    own = [folds[fold_name(OWN, *place)] for place in places]
    others = [folds[name] for place in places if (name := fold_name(OTHER, *place)) in folds]
    pooled = _pooled(own, places)
    pq.write_table(pooled, folder / PREDICTIONS, compression="zstd", write_page_checksum=True)
    measured = [_metrics(each) for each in own]
    correct_N = pooled.column("correct").to_numpy()
    right = float(correct_N.mean())
    rows = sum(each["rows"] for each in measured[: config.folds])
    report = {
        "title": config.title,
        "folds": config.folds,
        "repeats": config.repeats,
        "rows": rows,
        "method": METHOD,
        **_means(measured, config.folds),
        "by_fold": [{"repeat": repeat, **each} for (repeat, _), each in zip(places, measured, strict=True)],
        "pooled": {"accuracy": right, "interval": wilson_interval(right, rows), "method": "wilson"},
        "labels": _by_label(pooled),
        "against": _compared(config, measured, correct_N, others) if others else None,
    }
    (folder / RESULT).write_text(json.dumps(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report


def _compared(config: GatherConfig, own: Sequence[Mapping[str, Any]], correct_N: np.ndarray, others: Sequence[Path]) -> Any:
    measured = [_metrics(each) for each in others]
    theirs_N = np.concatenate([read_columns(each / PREDICTIONS, "correct").column("correct").to_numpy() for each in others])
    rows = sum(each["rows"] for each in own[: config.folds])
    paired = compare(correct_N[:rows], theirs_N[:rows])  # a row counts once: of the first repetition
    return {
        "title": config.against,
        **_means(measured, config.folds),
        "difference": {
            name: difference_of_folds([each[name] for each in own], [each[name] for each in measured], config.folds)
            for name in FIGURES
        },
        "only_own": paired.only_a,
        "only_other": paired.only_b,
        "mid_p": paired.mid_p,
        "by_fold": [{name: each[name] for name in FIGURES} for each in measured],
    }


def _means(measured: Sequence[Mapping[str, Any]], folds: int) -> dict[str, Any]:
    return {name: mean_of_folds([each[name] for each in measured], folds) for name in FIGURES}


def _metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    return found


def _pooled(folders: Sequence[Path], places: Sequence[tuple[int, int]]) -> pa.Table:
    parts = []
    for folder, (repeat, fold) in zip(folders, places, strict=True):
        table = read_columns(folder / PREDICTIONS, *POOLED.names[:5])
        numbers = [pa.array(np.full(len(table), number), pa.int16()) for number in (repeat, fold)]
        columns = [table.column(name).cast(POOLED.field(name).type) for name in POOLED.names[:5]]
        parts.append(pa.table([*columns, *numbers], schema=POOLED))
    return pa.concat_tables(parts)


def _by_label(pooled: pa.Table) -> list[dict[str, Any]]:
    """Rows, recall, precision and F1 of each label over all predictions."""
    truth, predicted = (np.array(pooled.column(name).to_pylist(), object) for name in ("label", "predicted"))
    found = []
    for name in sorted({*truth, *predicted}):
        true, given = truth == name, predicted == name
        both, rows, answers = int((true & given).sum()), int(true.sum()), int(given.sum())
        found.append(
            {
                "label": name,
                "rows": rows,
                "recall": both / rows if rows else 0.0,
                "precision": both / answers if answers else 0.0,
                "f1": 2 * both / (rows + answers),
            }
        )
    return found
