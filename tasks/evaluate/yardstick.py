"""The yardstick: a linear model on TF-IDF weighted n-grams, scored on the same test rows.

It is trained on the rows of `train` alone, as the model's weights are; the model also uses `valid`, to choose an epoch and a
temperature, and the yardstick has nothing to choose.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import RequestError
from tasks.evaluate.metrics import measure
from tasks.evaluate.ngrams import Ngrams
from tasks.evaluate.predictions import PREDICTIONS, read_test, write_predictions
from tasks.prepare.read import read_split
from tasks.progress import SILENT
from tasks.shown import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evaluate.settings import Measures
    from tasks.prepare.read import Split
    from tasks.progress import Progress

log = logging.getLogger(__name__)

METRICS = "metrics.json"
INVERSE_REGULARISATION = 10.0  # scikit-learn's 1.0 under-fits unit-length TF-IDF rows (IMDB: 0.898 against 0.910)
TINY_ROWS = 1000  # below it an n-gram seen once is kept
MAX_TOKENS = 20_000_000  # counting them holds about 2 GB; of a larger corpus evenly spaced documents are used
MAX_COEFFICIENTS = 10_000_000  # Newton-CG holds some ten vectors of that length: about 1 GB
BATCH_ROWS = 10_000


def write_yardstick(
    config: Measures, dataset: Path, holdout: Path, folder: Path, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Train on `dataset`'s train rows, predict `holdout`'s test rows, write metrics.json and predictions.parquet."""
    train, test = read_split(dataset, "train"), read_test(holdout)
    if len(pc.unique(train.labels)) < 2:
        raise RequestError(f"the {train.num_rows} train rows have fewer than two labels; a classifier needs two")
    classes, probabilities_NC, fitted = fit_predict(train, test, progress=progress)
    rows = write_predictions(folder / PREDICTIONS, test, classes, probabilities_NC)
    measured = measure(rows, bins=config.bins, bootstrap=config.bootstrap, seed=config.seed)
    metrics = measured | fitted
    (folder / METRICS).write_text(json_text(metrics, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    names = ("accuracy", "macro_f1", "ece", "test_rows", "intervals")
    return {name: measured[name] for name in names} | fitted


def fit_predict(train: Split, test: Split, *, progress: Progress = SILENT) -> tuple[list[str], np.ndarray, dict[str, int]]:
    """Fit, and return sorted classes, test probabilities (float32 [N, C]), and the numbers of rows and n-grams fitted.

    Unigrams and bigrams of the tokens as given, sublinear term frequency, smoothed inverse document frequency, rows of unit
    length; multinomial logistic regression by Newton-CG, L2 (on these matrices four times as fast as
    L-BFGS, and it converges). One BLAS thread: more cost more than they save, and would change the last bits.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    chosen = _affordable(train.tokens)
    tokens, labels = train.tokens.take(chosen), train.labels.take(chosen)
    progress.advance(0, test.num_rows, "documents", "counting n-grams")
    num_classes = len(pc.unique(labels))
    vectors = 1 if num_classes == 2 else num_classes
    ngrams = Ngrams(tokens, 1 if len(tokens) < TINY_ROWS else 2, max_size=MAX_COEFFICIENTS // vectors)
    if not len(ngrams):
        raise RequestError(f"the {len(tokens)} train rows have no tokens; loosen the cleaning in prepare")
    weighting = TfidfTransformer(sublinear_tf=True)
    weights = weighting.fit_transform(ngrams.counts(tokens))
    progress.advance(0, test.num_rows, "documents", "fitting logistic regression")
    model = LogisticRegression(C=INVERSE_REGULARISATION, solver="newton-cg", max_iter=1000)
    with threadpool_limits(1, user_api="blas"):
        model.fit(weights, np.asarray(labels.to_pylist(), dtype=object))
    probabilities = np.empty((test.num_rows, len(model.classes_)), dtype=np.float32)
    for start in range(0, test.num_rows, BATCH_ROWS):
        rows = slice(start, min(start + BATCH_ROWS, test.num_rows))
        counts = ngrams.counts(test.tokens[rows])
        probabilities[rows] = model.predict_proba(weighting.transform(counts))
        progress.advance(rows.stop, test.num_rows, "documents")
    return [str(label) for label in model.classes_], probabilities, {"train_rows": len(tokens), "ngrams": len(ngrams)}


def _affordable(tokens: pa.Array) -> pa.Array:
    """Rows to train on: all, or evenly spaced ones that hold about MAX_TOKENS tokens."""
    num_tokens = pc.sum(pc.list_value_length(tokens)).as_py() or 0
    num_rows = min(len(tokens), max(1, len(tokens) * MAX_TOKENS // max(1, num_tokens)))
    if num_rows < len(tokens):
        log.warning("the yardstick is trained on %d of %d train rows, to bound its memory", num_rows, len(tokens))
    return pa.array(np.linspace(0, len(tokens) - 1, num_rows).round().astype(np.int64))
