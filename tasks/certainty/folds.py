"""Probabilities of train rows by models that were not trained on them: the run's own recipe, once for each fold.

Labels are held out, text is not: word vectors, vocabulary and vectors of texts are the run's own, which read no label. The
validation rows choose epoch and calibration of each model, as they do of the run's.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.certainty.rows import PROBABILITIES, among, judge, labelled, write_judged, write_rows
from tasks.finetune.quiet import quiet_training
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.certainty.settings import FoldConfig


@dataclass(frozen=True)
class Given:
    """The run's artifacts: folders of the rows, and of what the model reads."""

    dataset: Path
    texts: Path | None = None
    aligned: Path | None = None
    weights: Path | None = None
    embedded: Path | None = None


def fold_rows(ids: Sequence[str], labels: Sequence[str], folds: int, fold: int, seed: int) -> list[str]:
    """The ids of one fold: the rows of each label in an order that ids and seed decide, dealt out one after another."""
    order = sorted(
        range(len(ids)), key=lambda at: (labels[at], hashlib.sha256(f"{seed}\0{ids[at]}".encode()).digest(), ids[at])
    )
    return [ids[at] for place, at in enumerate(order) if place % folds == fold]


def measure_fold(config: FoldConfig, given: Given, folder: Path, scratch: Path) -> dict[str, Any]:
    """Train on all train rows but a fold, and write what the model says of that; the number of its rows, and of right ones.

    `scratch` keeps checkpoints, so that a killed call goes on. RequestError if the rest cannot be trained on.
    """
    for name in ("rows", "model"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    (checkpoints := scratch / "checkpoints").mkdir(exist_ok=True)
    (model := scratch / "model").mkdir()
    ids = fold_rows(*labelled(given.dataset, "train"), config.folds, config.fold, config.seed)
    in_fold = among(ids)
    unlabelled = config.finetune.reads_unlabelled

    def others(batch: pa.RecordBatch) -> pa.Array:
        stays = pc.invert(in_fold(batch))
        return stays if unlabelled else pc.and_(stays, pc.not_equal(batch.column("split"), "unlabelled"))

    write_rows(given.dataset, given.texts, others, scratch / "rows")
    write_rows(given.dataset, given.texts, in_fold, scratch / "rows", name="fold_")
    texts = {name: scratch / "rows" / name if given.texts is not None else None for name in ("texts", "fold_texts")}
    with quiet_training():
        write_model(
            config.finetune,
            scratch / "rows" / "dataset",
            given.aligned,
            model,
            checkpoints,
            texts=texts["texts"],
            weights=given.weights,
            embedded=given.embedded,
        )
    classifier = Classifier.load(model, given.embedded)
    rows = judge(classifier, scratch / "rows" / "fold_dataset", texts["fold_texts"], "train")
    write_judged(folder / PROBABILITIES, rows)
    probabilities_NC, true_N = rows.read(classifier.labels)
    right = int((probabilities_NC.argmax(1) == true_N).sum())
    return {"rows": len(rows.ids), "blank": int(rows.blank.sum()), "right": right, "labels": classifier.labels}
