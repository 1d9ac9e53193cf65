"""The view `ca`: logistic regression on documents in the space of correspondence analysis, which unlabelled text has a say in.

A document's features are a sum of its n-grams' vectors, so the fitted model is one weight an n-gram and class: it is written,
and used, as a sum of n-grams with a vocabulary of its own, and the vectors are not needed any more.

Shapes: N documents, K n-grams, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.finetune.class_weights import class_weights
from tasks.finetune.counted import Counted
from tasks.finetune.encode import FITTED, REFITTED, UNLABELLED_SPLIT, joined
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.ca.averaging import carried_on, reciprocal_averages
from tasks.finetune.kinds.ca.settings import CaSettings
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.finetune.loop import num_threads
from tasks.finetune.rows import check_rows, longest_ngram
from tasks.model.ngram_sum import BIAS, WEIGHTS, ngram_sums

if TYPE_CHECKING:
    from tasks.finetune.documents import Documents
    from tasks.finetune.kinds.ca.averaging import Averages
    from tasks.finetune.settings import SharedSettings

VIEW = "ca"
REFIT_ROUNDS = 2  # on one split of IMDB two more gave 0.001 of accuracy
STEPS = 100  # of L-BFGS at most; it stops by itself where the loss is flat


def train_ca(job: Job) -> list[Trained]:
    """Average over train and unlabelled rows, fit on train rows; the vocabulary goes to the folder `ca` of the model's.

    With `refit` the averaging goes on for a few rounds with the valid rows in it, and the regression is fitted anew on both:
    without those rounds the valid rows add nothing (benchmarks/NOTES.md). Equal inputs and numbers of threads give equal bits,
    and a killed call has nothing to resume.
    """
    with num_threads(job.threads):
        return [_trained(job, job.config.settings(CaSettings))]


def _trained(job: Job, settings: CaSettings) -> Trained:
    config, scratch = job.config, job.scratch / VIEW
    scratch.mkdir(exist_ok=True)
    job.progress.advance(0, settings.rounds, "rounds", "counting n-grams")
    words = job.ngram_rows.words()
    check_rows(*(words.splits[split] for split in REFITTED))
    sets = job.ngram_rows.sets(counted(config))
    train, valid = (sets.rows[split] for split in REFITTED)
    others = sets.rows.get(UNLABELLED_SPLIT, ())
    folder = job.folder / VIEW
    folder.mkdir()
    sets.vocabulary.save(folder)
    num_ngrams = len(sets.vocabulary)
    rows = joined([train, others], scratch / "averaged.ngrams") if others else train
    averages = reciprocal_averages(
        rows,
        num_ngrams,
        dim=settings.dim,
        rounds=settings.rounds,
        seed=config.seed,
        progress=job.progress,
        cores=job.spare,
    )
    features_ND = averages.features_left_out(train)
    weights = _fitted(job, settings, averages, features_ND, train.labels)
    made = Trained(
        logits=ngram_sums(valid.ids, valid.offsets, *weights),
        labels=valid.labels,
        shape=_shape(job, settings, rows),
        tensors=_named(weights),
    )
    if config.refit:
        both = joined([train, valid], scratch / "labelled.ngrams")
        every = joined([both, others], scratch / "every.ngrams") if others else both
        averages = carried_on(averages, every, rounds=REFIT_ROUNDS, progress=job.progress, cores=job.spare)
        weights = _fitted(job, settings, averages, averages.features_left_out(both), both.labels)
        made = replace(made, tensors=_named(weights), refit={"epochs": 0, "rows": len(both), "resumed_from_epoch": 0})
    return made


def counted(config: SharedSettings) -> Counted:
    """The n-grams of the train rows, and of some without a label."""
    settings = config.settings(CaSettings)
    averaged = (*FITTED, UNLABELLED_SPLIT)
    return Counted(averaged, longest_ngram(config), settings.min_documents, settings.unlabelled)


def _fitted(
    job: Job, settings: CaSettings, averages: Averages, features_ND: torch.Tensor, labels_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [K, C] and bias [C] of a sum of n-grams that gives what logistic regression on standardised features gives."""
    mean_D, deviation_D = features_ND.mean(0), features_ND.std(0, correction=0).clamp(min=1e-9)
    balance_C = class_weights(labels_N, job.class_weights)
    fitted_DC, bias_C = logistic_regression(
        (features_ND - mean_D).div_(deviation_D).numpy(),
        labels_N,
        len(job.labels),
        settings.l2,
        None if balance_C is None else balance_C[labels_N],
        solver=Solver(STEPS, remembers=20),
    )
    weights_DC = torch.from_numpy(fitted_DC.astype(np.float32)) / deviation_D[:, None]
    weights_KC = np.zeros((max(len(averages.ngrams), 1), len(job.labels)), np.float32)
    weights_KC[: len(averages.ngrams)] = (averages.ngrams @ weights_DC).numpy()
    return weights_KC, (torch.from_numpy(bias_C.astype(np.float32)) - mean_D @ weights_DC).numpy()


def _shape(job: Job, settings: CaSettings, rows: Documents) -> dict[str, Any]:
    asked = {"dim": settings.dim, "rounds": settings.rounds, "min_documents": settings.min_documents, "l2": settings.l2}
    return {**asked, "ngrams": longest_ngram(job.config), "documents": len(rows)}


def _named(weights: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{VIEW}.{name}": value for name, value in zip((WEIGHTS, BIAS), weights, strict=True)}
