"""Train a recipe without one fold and score it on that fold.

Labels are held out, text is not: word vectors, vocabulary of the vectors and vectors of texts are the run's own, which read no
label. Rows keep their part: validation rows outside the fold choose epoch and calibration.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.certainty.rows import Judged, among, judge, write_rows
from tasks.errors import RequestError
from tasks.evaluate.metrics import f1_scores
from tasks.evaluate.predictions import PREDICTIONS, write_predictions
from tasks.finetune.quiet import quiet_training
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tasks.prepare.read import Split
from tasks.tune.deal import SCORES, read_deal
from tasks.tune.groups import LABELLED

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.tune.settings import HeldFold

RAN_OUT = (RequestError, ArithmeticError)  # of a recipe that cannot be trained on these rows


@dataclass(frozen=True)
class OnRows:
    """The run's artifacts: folders of the rows, of their folds, and of what the model reads."""

    dataset: Path
    deal: Path
    texts: Path | None = None
    aligned: Path | None = None
    weights: Path | None = None
    embedded: Path | None = None


def score_fold(config: HeldFold, given: OnRows, folder: Path, scratch: Path) -> dict[str, Any]:
    """Write predictions.parquet and scores.json of the fold; the report is the latter.

    A recipe that cannot be trained on these rows gives a `reason` in place of figures. `scratch` keeps checkpoints, so that a
    killed call goes on.
    """
    for name in ("rows", "model"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    (checkpoints := scratch / "checkpoints").mkdir(exist_ok=True)
    (model := scratch / "model").mkdir()
    in_fold = among(read_deal(given.deal, config.fold))
    unlabelled = config.finetune.reads_unlabelled

    def others(batch: pa.RecordBatch) -> pa.Array:
        stays = pc.invert(in_fold(batch))
        return stays if unlabelled else pc.and_(stays, pc.not_equal(batch.column("split"), "unlabelled"))

    trained = write_rows(given.dataset, given.texts, others, scratch / "rows")
    write_rows(given.dataset, given.texts, in_fold, scratch / "rows", name="fold_")
    texts = {name: scratch / "rows" / name if given.texts is not None else None for name in ("texts", "fold_texts")}
    read: dict[str, Any] = {"weights": given.weights, "embedded": given.embedded, "texts": texts["texts"]}
    try:
        with quiet_training():
            write_model(config.finetune, scratch / "rows" / "dataset", given.aligned, model, checkpoints, **read)
        classifier = Classifier.load(model, given.embedded)
    except RAN_OUT as error:
        return _written(folder, {"fold": config.fold, "reason": f"{type(error).__name__}: {error}"[:300]})
    parts = [judge(classifier, scratch / "rows" / "fold_dataset", texts["fold_texts"], split) for split in LABELLED]
    rows = _together(parts)
    held = Split(pa.array(rows.ids, pa.string()), pa.array(rows.labels, pa.string()), pa.array([], pa.list_(pa.string())))
    scored = write_predictions(folder / PREDICTIONS, held, classifier.labels, rows.probabilities)
    figures = {"accuracy": float(scored.correct.mean()), "macro_f1": f1_scores(scored.confusion)[1]}
    return _written(folder, {"fold": config.fold, **figures, "rows": len(rows.ids), "train_rows": trained})


def _together(parts: list[Judged]) -> Judged:
    return Judged(
        [name for part in parts for name in part.ids],
        [label for part in parts for label in part.labels],
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.blank for part in parts]),
    )


def _written(folder: Path, report: dict[str, Any]) -> dict[str, Any]:
    (folder / SCORES).write_text(json.dumps(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report
