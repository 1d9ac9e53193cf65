"""Which of the current test rows the challenger and earlier models have right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.evaluate.predictions import read_columns
from tasks.prepare.read import iter_texts
from tasks.register.gate import Rival

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.progress import Progress
    from tasks.register.models import LoadedModel

BATCH = 2048


@dataclass(frozen=True)
class TestRows:
    """The labelled test rows and how the challenger did: ids and labels [N], correct bool [N]."""

    __test__ = False  # not a pytest class

    ids: pa.Array
    labels: pa.Array
    correct: np.ndarray


def read_test_rows(predictions: Path) -> TestRows:
    """Read evaluate's predictions.parquet; rows without a label are left out."""
    table = read_columns(predictions, "id", "label", "correct")
    table = table.filter(pc.is_valid(table["label"])).combine_chunks()
    correct = table["correct"].combine_chunks().fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    return TestRows(table["id"].combine_chunks(), table["label"].combine_chunks(), correct)


def rival_on(rows: TestRows, texts: Path, loaded: LoadedModel, title: str, progress: Progress) -> Rival:
    """Let an earlier model label the test rows' texts as they were ingested; it has a tokenizer of its own.

    `texts` is the folder of prepare's part `holdout_texts`. ValueError if it lacks one of the rows.
    """
    correct, seen, found = (np.zeros(len(rows.ids), bool) for _ in range(3))
    model = loaded.model
    for batch in iter_texts(texts, ("test",), BATCH):
        places = pc.index_in(batch.column("id"), value_set=rows.ids)
        chosen = pc.is_valid(places)
        documents = batch.column("text").filter(chosen).to_pylist()
        if not documents:
            continue
        at = places.filter(chosen).to_numpy()
        predicted = pa.array([model.labels[best] for best in model.probabilities(documents).argmax(axis=1)], pa.string())
        correct[at] = pc.equal(predicted, rows.labels.take(pa.array(at)).cast(pa.string())).to_numpy(zero_copy_only=False)
        seen[at] = model.trained_on(documents)
        found[at] = True
        progress.advance(int(found.sum()), len(found), "documents", title)
    if not found.all():
        raise ValueError(f"{texts} lacks {int((~found).sum())} of the evaluated test rows")
    return Rival(title, model.labels, correct, seen)
