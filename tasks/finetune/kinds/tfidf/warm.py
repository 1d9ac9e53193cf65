"""The regression started from a former one, on the rows that are new to it and some that are not.

The former weights are where the loss of all earlier rows, with its penalty, is least. Of that loss the rows that come again
tell how it bends, and the former weights themselves where its slope is nought: so what is minimised is the loss of the new
rows, and that of the rows that come again, each counted for as many as it stands for and tilted by its slope at the former
weights, and the penalty on the distance to these (a control variate, as in Johnson & Zhang 2013, "Accelerating stochastic
gradient descent using predictive variance reduction"). Without a new row nothing moves. An n-gram that none of these rows has
keeps its weight. A row whose label was corrected is tilted by its slope under the former label: that takes what the former
weights learned of it away.

Shapes: N rows, K n-grams, A of them that are in a row, C classes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from tasks.finetune.class_weights import class_weights
from tasks.finetune.encode import FITTED, REFITTED
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.tfidf.settings import TfidfSettings
from tasks.finetune.kinds.tfidf.train import VIEW, Limits
from tasks.finetune.logistic import Near, Solver, logistic_regression, slopes
from tasks.finetune.rows import check_rows
from tasks.model.ngram_sum import BIAS, WEIGHTS, ngram_sums
from tasks.model.ngrams import NgramVocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.finetune.documents import Documents
    from tasks.finetune.former_model import GrownNgrams

STEPS = 60  # of L-BFGS at most: it begins near the end


def train_warm_tfidf(job: Job) -> list[Trained]:
    """Fit on from `job.former`; with `refit` once more with the valid rows, from the same start."""
    former = job.former
    assert former is not None
    (scratch := job.scratch / VIEW).mkdir(exist_ok=True)
    job.progress.advance(0, STEPS, "steps", "counting n-grams")
    words = job.ngram_rows.words()
    check_rows(*(words.splits[split] for split in REFITTED))
    (job.folder / VIEW).mkdir()
    shape = former.model.views[VIEW]
    limits = Limits(**{name: shape[name] for name in Limits.__dataclass_fields__})
    known = NgramVocabulary.load(former.model.folder / VIEW)

    def fit(splits: Sequence[str]) -> tuple[GrownNgrams, tuple[np.ndarray, np.ndarray], int]:
        asked = asdict(limits)
        grown = former.grown_ngrams(VIEW, known, words.ngrams(splits, **asked, threads=job.threads))
        grown.vocabulary.save(job.folder / VIEW)
        rows = words.documents(splits, grown.vocabulary, scratch / "rows.ngrams", threads=job.threads)
        return grown, fitted_on(job, grown, rows), len(rows)

    grown, weights, _ = fit(FITTED)
    valid = words.documents(("valid",), grown.vocabulary, scratch / "valid.ngrams", threads=job.threads)
    logits_NC, refit = ngram_sums(valid.ids, valid.offsets, *weights), None
    if job.config.refit:
        _, weights, num_rows = fit(REFITTED)
        refit = {"epochs": 0, "rows": num_rows, "resumed_from_epoch": 0}
    tensors = {f"{VIEW}.{name}": value for name, value in zip((WEIGHTS, BIAS), weights, strict=True)}
    return [Trained(logits=logits_NC, labels=valid.labels, shape=asdict(limits), tensors=tensors, refit=refit)]


def fitted_on(job: Job, grown: GrownNgrams, rows: Documents) -> tuple[np.ndarray, np.ndarray]:
    """Weights [K, C] and bias [C] of the sum of n-grams that has learned the rows, float32."""
    former, num_classes = job.former, len(job.labels)
    assert former is not None
    replayed_N, before_N = np.zeros(len(rows), bool), np.full(len(rows), -1)
    replayed_N[: len(former.replayed)] = former.replayed  # the valid rows come after
    before_N[: len(former.before)] = former.before
    stands_for = former.old_rows / max(int(replayed_N.sum()), 1)
    times_N = np.where(replayed_N, stands_for, 1.0)
    there_K = np.bincount(rows.ids, minlength=len(grown.weights)) > 0
    ids_A, at_T = np.flatnonzero(there_K), (np.cumsum(there_K) - 1)[rows.ids]
    lengths_N = np.diff(rows.offsets)
    total = times_N.sum()
    # How many of all rows have an n-gram, as far as these rows tell.
    counts_A = np.bincount(at_T, weights=np.repeat(times_N, lengths_N), minlength=len(ids_A))
    rare_A = np.log((1 + total) / (1 + counts_A)) + 1
    roots_N = np.sqrt(np.maximum(lengths_N, 1))
    shares_T = rare_A[at_T] / np.repeat(roots_N, lengths_N)
    squares_N = np.asarray(csr_matrix((shares_T**2, at_T, rows.offsets), (len(rows), len(ids_A))).sum(1)).ravel()
    scale = 1 / (np.sqrt(np.average(squares_N, weights=times_N)) or 1.0)
    rare_A, shares_T = rare_A * scale, shares_T * scale
    features_NA = csr_matrix((shares_T, at_T, rows.offsets), (len(rows), len(ids_A)))
    former_AC, former_C = grown.weights[ids_A] / rare_A[:, None], grown.bias.astype(np.float64)
    balance_C = class_weights(rows.labels, job.class_weights)
    if balance_C is not None:
        times_N = times_N * balance_C[rows.labels]
    tilt = np.zeros_like(former_AC), np.zeros_like(former_C)
    if len(former.places) == num_classes:  # with more classes the former weights are not where the earlier rows' loss is least
        taught_N = before_N >= 0
        tilt = slopes(features_NA[taught_N], before_N[taught_N], times_N[taught_N] / total, former_AC, former_C)

    def advance(step: int) -> None:
        job.progress.advance(step, STEPS, "steps", f"logistic regression on {len(ids_A):,} n-grams")

    fitted_AC, bias_C = logistic_regression(
        features_NA,
        rows.labels,
        num_classes,
        1 / (job.config.settings(TfidfSettings).c * total),
        times_N * (len(rows) / total),
        solver=Solver(STEPS),
        near=Near(former_AC, former_C, *tilt),
        advance=advance,
    )
    weights_KC = np.zeros((max(len(grown.vocabulary), 1), num_classes), np.float32)
    weights_KC[: len(grown.weights)] = grown.weights
    weights_KC[ids_A] = rare_A[:, None] * fitted_AC
    return weights_KC, bias_C.astype(np.float32)
