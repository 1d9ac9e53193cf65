"""Logistic regression on scaled vectors of texts, which the network of another step has made. Nothing in it is random.

In go the vectors of the step `embed` and the labels, out come weights for the vectors as they are: the scaling is folded into
them.

Shapes: N texts, D dimensions, C classes.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tasks.finetune.class_weights import class_weights
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.encoder.int8 import served_int8
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.finetune.rows import check_rows, labelled_texts
from tasks.model.views.encoder import BIAS, FILES, WEIGHTS, Reading, StoredVectors, cleaned, content_digest, text_name
from tasks.weights.files import CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

VIEW = "encoder"
STEPS = 500  # of L-BFGS at most
DEAD = 1e-6  # of the largest deviation: dimensions below it are rounding alone; MiniLM has three such of 384


def train_frozen(job: Job) -> list[Trained]:
    """Fit on the train rows, with `refit` in the end on the validation rows too; what makes vectors goes to the model's folder.

    Equal inputs give equal bits, and a killed call has nothing to resume.
    """
    if job.weights is None or job.embedded is None:
        raise ValueError("an encoder needs the folders that the steps weights and embed wrote")
    stored = StoredVectors(job.embedded)
    (texts, labels_N), (valid, valid_labels_N) = labelled_texts(job, "train"), labelled_texts(job, "valid")
    check_rows(texts, valid)
    vectors_ND, valid_ND = _vectors(stored, texts), _vectors(stored, valid)
    (job.folder / VIEW).mkdir()
    for name in (*FILES, CONFIG):
        shutil.copyfile(job.weights / name, job.folder / VIEW / name)
    weights_DC, bias_C = _fit(job, vectors_ND, labels_N)
    logits_NC, refit, made = valid_ND @ weights_DC + bias_C, None, dict(stored.made or {})
    reported: dict[str, Any] = {}
    if job.config.settings(EncoderSettings).serve == "int8":
        how = Reading(made["pooling"], made["max_len"], made["truncate"])
        head = weights_DC, bias_C
        served = served_int8(job.folder / VIEW, how, head, list(map(cleaned, valid)), logits_NC, valid_labels_N)
        logits_NC, reported = served.logits, {"figures": served.figures, "note": served.note}
        made["weights"] = content_digest(job.folder / VIEW)  # so that no stored vector of float32 is taken for its own
    if job.config.refit:
        both_ND, both_N = np.concatenate([vectors_ND, valid_ND]), np.concatenate([labels_N, valid_labels_N])
        weights_DC, bias_C = _fit(job, both_ND, both_N)
        refit = {"epochs": 0, "rows": len(both_N), "resumed_from_epoch": 0}
    tensors = {f"{VIEW}.{WEIGHTS}": weights_DC, f"{VIEW}.{BIAS}": bias_C}
    return [Trained(logits=logits_NC, labels=valid_labels_N, shape={"made": made}, tensors=tensors, refit=refit, **reported)]


def _vectors(stored: StoredVectors, texts: Sequence[str]) -> np.ndarray:
    """The stored vectors of texts, float32 [N, D]; ValueError if one has none."""
    found = [stored.find(text_name(cleaned(text))) for text in texts]
    made = [vector for vector in found if vector is not None]
    if len(made) < len(found):
        raise ValueError(f"{len(found) - len(made)} texts have no stored vector")
    return np.array(made, np.float32)


def _fit(job: Job, vectors_ND: np.ndarray, labels_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [D, C] and bias [C] on vectors as they are, float32; fitted on vectors of mean 0 and deviation 1.

    One BLAS thread: the matrices are small, and two threads wait for one another on a busy machine.
    """
    config = job.config
    weights_C = class_weights(labels_N, config.class_weights)
    importance_N = None if weights_C is None else weights_C[labels_N]
    mean_D, deviation_D = vectors_ND.mean(0, dtype=np.float64), vectors_ND.std(0, dtype=np.float64)
    deviation_D[deviation_D <= DEAD * deviation_D.max()] = np.inf  # scaled to nothing, and of weight 0

    def advance(step: int) -> None:
        job.progress.advance(step, STEPS, "steps", f"logistic regression on {vectors_ND.shape[1]:,} dimensions")

    scaled_ND = ((vectors_ND - mean_D) / deviation_D).astype(np.float32)
    l2 = config.settings(EncoderSettings).l2
    with threadpool_limits(1, user_api="blas"):
        fitted_DC, bias_C = logistic_regression(
            scaled_ND, labels_N, len(job.labels), l2, importance_N, solver=Solver(STEPS), advance=advance
        )
    weights_DC = fitted_DC / deviation_D[:, None]
    return weights_DC.astype(np.float32), (bias_C - mean_D @ weights_DC).astype(np.float32)
