"""The view `ca`: logistic regression on documents in the space of correspondence analysis, which unlabelled text has a say in.

A document's features are a sum of its n-grams' vectors, so the fitted model is one weight an n-gram and class: it is written,
and used, as a second bag with a vocabulary of its own, and the vectors are not needed any more.

Shapes: N documents, K n-grams, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from tasks.finetune.averaging import reciprocal_averages
from tasks.finetune.encode import FITTED, REFITTED, UNLABELLED, NumberedWords
from tasks.finetune.job import Job, Trained
from tasks.finetune.loop import class_weights
from tasks.finetune.start import check_rows, longest_ngram
from tasks.model.bag import Bag
from tasks.model.view import View

if TYPE_CHECKING:
    import numpy as np

    from tasks.finetune.averaging import Averages
    from tasks.model.batches import Documents

VIEW = "ca"
STEPS = 100  # of L-BFGS at most; it stops by itself where the loss is flat


def train_ca_view(job: Job) -> Trained:
    """Average over train and unlabelled rows, fit on train rows; the vocabulary goes to the folder `ca` of the model's.

    With `refit` the regression is fitted again on train and valid rows together; the averages stay, valid rows had no part in
    them. Equal inputs and numbers of threads give equal bits, and a killed call has nothing to resume.
    """
    config, scratch = job.config, job.scratch / VIEW
    scratch.mkdir(exist_ok=True)
    job.progress.advance(0, config.ca_rounds, "rounds", "counting n-grams")
    limits = {UNLABELLED: config.ca_unlabelled}
    words = NumberedWords.read(job.dataset, job.labels, scratch, (*REFITTED, UNLABELLED), limits)
    check_rows(*(words.splits[split] for split in REFITTED))
    averaged = (*FITTED, UNLABELLED)
    vocabulary = words.ngrams(averaged, longest=longest_ngram(config), min_documents=config.ca_min_documents)
    folder = job.folder / VIEW
    folder.mkdir()
    vocabulary.save(folder)
    rows = words.documents(averaged, vocabulary, scratch / "averaged.ngrams")
    averages = reciprocal_averages(
        rows, len(vocabulary), dim=config.ca_dim, rounds=config.ca_rounds, seed=config.seed, progress=job.progress
    )
    train = rows.head(len(words.splits["train"]))
    valid = words.documents(("valid",), vocabulary, scratch / "valid.ngrams")
    features_ND = averages.features_left_out(train)
    bag = _fitted(job, averages, features_ND, train.labels)
    made = Trained(
        logits=View(VIEW, bag, config.max_len, config.truncate).logits(valid.ids, valid.offsets),
        labels=valid.labels,
        shape=_shape(job, rows),
        tensors=_named(bag),
    )
    if config.refit:
        both_ND = torch.cat([features_ND, averages.features(valid)])
        labels_N = torch.from_numpy(train.labels), torch.from_numpy(valid.labels)
        bag = _fitted(job, averages, both_ND, torch.cat(labels_N).numpy())
        made = replace(made, tensors=_named(bag), refit={"epochs": 0, "rows": len(both_ND), "resumed_from_epoch": 0})
    return made


def _fitted(job: Job, averages: Averages, features_ND: torch.Tensor, labels_N: np.ndarray) -> Bag:
    """The bag that gives what logistic regression on standardised features gives."""
    mean_D, deviation_D = features_ND.mean(0), features_ND.std(0, correction=0).clamp(min=1e-9)
    weights_C = class_weights(labels_N, job.config.class_weights)
    weights_DC, bias_C = logistic_regression(
        (features_ND - mean_D).div_(deviation_D), torch.from_numpy(labels_N), len(job.labels), job.config.ca_l2, weights_C
    )
    weights_DC = weights_DC / deviation_D[:, None]
    bag = Bag(len(averages.ngrams), len(job.labels))
    with torch.no_grad():
        bag.weights.weight[: len(averages.ngrams)] = averages.ngrams @ weights_DC
        bag.bias.copy_(bias_C - mean_D @ weights_DC)
    return bag


def logistic_regression(
    features_ND: torch.Tensor, labels_N: torch.Tensor, num_classes: int, l2: float, weights_C: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [D, C] and bias [C] of least mean log-loss plus `l2` / 2 times the squared weights, by L-BFGS."""
    weights_DC = torch.zeros(features_ND.shape[1], num_classes, requires_grad=True)
    bias_C = torch.zeros(num_classes, requires_grad=True)
    solver = torch.optim.LBFGS([weights_DC, bias_C], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = functional.cross_entropy(features_ND @ weights_DC + bias_C, labels_N, weights_C)
        value = value + l2 / 2 * weights_DC.square().sum()
        value.backward()
        return value

    solver.step(loss)
    return weights_DC.detach(), bias_C.detach()


def _shape(job: Job, rows: Documents) -> dict[str, Any]:
    config = job.config
    asked = {"dim": config.ca_dim, "rounds": config.ca_rounds, "min_documents": config.ca_min_documents, "l2": config.ca_l2}
    return {**asked, "ngrams": longest_ngram(config), "documents": len(rows)}


def _named(bag: Bag) -> dict[str, torch.Tensor]:
    return {f"{VIEW}.{name}": value.detach().clone() for name, value in bag.state_dict().items()}
