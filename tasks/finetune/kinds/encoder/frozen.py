"""A head on vectors of texts, which the network of another step has made. Nothing in it is random.

In go the vectors of the step `embed` and the labels, out come weights for the vectors as they are. With `train zero-shot` the
labels' descriptions make them, and the rows have no part in it.

Shapes: N texts, D dimensions, C classes.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.embed.embed import made_by
from tasks.embed.reading import EmbedConfig
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.encoder.head import VIEW, fit_head, pretrained_prior, with_head
from tasks.finetune.kinds.encoder.int8 import served_int8
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.rows import check_rows, labelled_texts
from tasks.model.views.encoder import FILES, Pieces, Reading, StoredVectors, cleaned, content_digest, text_name
from tasks.weights.files import CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.finetune.kinds.encoder.head import Head


def train_frozen(job: Job) -> list[Trained]:
    """Fit on the train rows, with `refit` in the end on the validation rows too; what makes vectors goes to the model's folder.

    Equal inputs give equal bits, and a killed call has nothing to resume.
    """
    if job.weights is None:
        raise ValueError("an encoder needs the folder that the step weights wrote")
    stored = StoredVectors(job.embedded)
    (texts, labels_N), (valid, valid_labels_N) = labelled_texts(job, "train"), labelled_texts(job, "valid")
    check_rows(texts, valid)
    vectors_ND, valid_ND = _vectors(stored, texts), _vectors(stored, valid)
    prior, made = pretrained_prior(job), dict(stored.made or {})
    states = Pieces(job.weights, Reading.of(made)).states
    if prior is not None:  # it is of the last layer's pooled states, which are the first dimensions
        rest = vectors_ND.shape[1] - len(prior[0])
        prior = np.pad(prior[0], ((0, rest), (0, 0))), prior[1]
    head = fit_head(job, vectors_ND, labels_N, prior, states=states)
    measured = _measured(job, made, head, valid, valid_ND, valid_labels_N)
    if job.config.refit:
        both_ND, both_N = np.concatenate([vectors_ND, valid_ND]), np.concatenate([labels_N, valid_labels_N])
        head = fit_head(job, both_ND, both_N, prior, states=states)
        measured = replace(measured, refit={"epochs": 0, "rows": len(both_N), "resumed_from_epoch": 0})
    return [with_head(measured, head)]


def describe(job: Job) -> list[Trained]:
    """Make the head of what the labels mean, and measure it on the validation rows; it needs none, and trains on none."""
    if job.weights is None:
        raise ValueError("an encoder needs the folder that the step weights wrote")
    head, how = pretrained_prior(job), job.config.settings(EncoderSettings)
    if head is None:
        raise ValueError("train zero-shot needs a file of labels")
    valid, labels_N = labelled_texts(job, "valid")
    valid_ND = _vectors(StoredVectors(job.embedded), valid).reshape(-1, len(head[0]))
    made = made_by(EmbedConfig(pooling=how.pooling, max_len=how.max_len, truncate=how.truncate), job.weights)
    return [with_head(replace(_measured(job, made, head, valid, valid_ND, labels_N), trainable=0), head)]


def _measured(
    job: Job, made: dict[str, Any], head: Head, valid: Sequence[str], valid_ND: np.ndarray, labels_N: np.ndarray
) -> Trained:
    """Write what makes vectors of texts into the model's folder, and measure the head on the validation rows."""
    if job.weights is None:
        raise ValueError("an encoder needs the folder that the step weights wrote")
    folder = job.folder / VIEW
    folder.mkdir()
    for name in (*FILES, CONFIG):
        shutil.copyfile(job.weights / name, folder / name)
    logits_NC = valid_ND @ head[0] + head[1]
    if job.config.settings(EncoderSettings).serve != "int8":
        return Trained(logits=logits_NC, labels=labels_N, shape={"made": made})
    served = served_int8(folder, Reading.of(made), [head], list(map(cleaned, valid)), [logits_NC], labels_N)
    made["weights"] = content_digest(folder)  # so that no stored vector of float32 is taken for its own
    return Trained(served.logits[0], labels_N, {"made": made}, figures=served.figures, note=served.note)


def _vectors(stored: StoredVectors, texts: Sequence[str]) -> np.ndarray:
    """The stored vectors of texts, float32 [N, D]; ValueError if one has none."""
    found = [stored.find(text_name(cleaned(text))) for text in texts]
    made = [vector for vector in found if vector is not None]
    if len(made) < len(found):
        raise ValueError(f"{len(found) - len(made)} texts have no stored vector")
    return np.array(made, np.float32)
