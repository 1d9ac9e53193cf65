"""Train the members of a kind that learns in epochs: from their checkpoints if there are any, and once more with refit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any, Protocol

import torch

from tasks.crash import crash_point
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.encode import content_digest
from tasks.finetune.job import Job, Trained
from tasks.finetune.loop import Recipe, train_epochs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from tasks.finetune.documents import Documents
    from tasks.finetune.loop import Training

log = logging.getLogger(__name__)


class Start(Protocol):
    """A kind's members before their first step, and the rows that all of them read."""

    @property
    def members(self) -> int:
        """How many are trained."""
        ...

    @property
    def shape(self) -> dict[str, Any]:
        """What the view is opened with when it is served."""
        ...

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives a member before its first step, the train rows and the valid rows."""
        ...

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives a member before its first step, and the rows of train and valid together."""
        ...

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How that member is trained on so many documents."""
        ...


def train_in_epochs(job: Job, start: Start, epochs_before: int, *, keep_first: bool = False) -> list[Trained]:
    """Train each member; their epochs are logged one after another, from `epochs_before` on.

    With `refit` each is then trained anew on the train and the valid rows together, as long as was best. Those models have
    seen the answers of the valid rows, so all that is measured on them is measured with the first ones, whose tensors
    `keep_first` keeps.
    """
    make, train, valid = start.fit()
    made, logged_from = list[Trained](), list[int]()
    for member in range(start.members):
        logged_from.append(epochs_before)
        made.append(_fit(job, start, make(member), train, valid, epochs_before))
        epochs_before += len(made[-1].history)
    if not job.config.refit:
        return made
    scratch = job.scratch / "refit"
    scratch.mkdir(exist_ok=True)
    make, rows = start.refit(scratch)
    again = [_refit(job, scratch, make(member), rows, made[member], before) for member, before in enumerate(logged_from)]
    if keep_first:
        again = [dataclasses.replace(each, first_tensors=first.tensors) for each, first in zip(again, made, strict=True)]
    return again


def _fit(job: Job, start: Start, training: Training, train: Documents, valid: Documents, epochs_before: int) -> Trained:
    view = training.view
    recipe = start.recipe(len(train), view.member)
    resumed = _run_epochs(job, job.scratch, training, train, valid, recipe, epochs_before)
    return Trained(
        logits=view.logits(valid.ids, valid.offsets, valid.unseen),
        labels=valid.labels,
        shape={**start.shape, "recipe": dataclasses.asdict(recipe)},
        tensors=_named(training),
        history=[dataclasses.asdict(epoch) for epoch in training.history],
        best_epoch=training.best_epoch.number,
        resumed=resumed,
        trainable=training.optimizer.num_trainable,
        bfloat16=training.bfloat16,
        device=str(job.device),
    )


def _refit(job: Job, scratch: Path, training: Training, rows: Documents, made: Trained, epochs_before: int) -> Trained:
    """`made` with the weights of a training on `rows` by the same recipe, as long as was best."""
    recipe = dataclasses.replace(Recipe(**made.shape["recipe"]), last_epoch=made.best_epoch)
    resumed = _run_epochs(job, scratch, training, rows, None, recipe, epochs_before)
    refit = {"epochs": made.best_epoch, "rows": len(rows), "resumed_from_epoch": resumed}
    return dataclasses.replace(made, tensors=_named(training), trainable=training.optimizer.num_trainable, refit=refit)


def _run_epochs(
    job: Job,
    scratch: Path,
    training: Training,
    train: Documents,
    valid: Documents | None,
    recipe: Recipe,
    epochs_before: int,
) -> int:
    """Train to the end with a checkpoint after each epoch, and load the best one; how many epochs a checkpoint spared.

    What training put beside the network is folded into it before anything is measured: what is measured is what is saved.
    """
    adversary = training.adversary
    rows = [train, valid, None if adversary is None else adversary.unlabelled]
    digest = _digest(job, training, recipe, *(documents for documents in rows if documents is not None))
    resumed = len(training.history) if load_checkpoint(scratch, training, digest) else 0
    kind, name = "refit" if valid is None else "epoch", training.view.member_name
    for epoch in train_epochs(training, train, valid, recipe, progress=job.progress):
        save_checkpoint(scratch, training, digest)
        figures = {"loss": epoch.train_loss, "valid_loss": epoch.valid_loss, "valid_accuracy": epoch.valid_accuracy}
        figures["adversarial_loss"] = epoch.adversarial_loss
        if valid is None:
            figures = {"refit_loss": epoch.train_loss}
        metrics = {f"finetune/{figure}": value for figure, value in figures.items() if value is not None}
        job.progress.log(metrics, at=epochs_before + epoch.number)
        shown = ", ".join(f"{figure} {value:.4f}" for figure, value in metrics.items())
        log.info("%s %s %d: %s", name, kind, epoch.number, shown)
        crash_point(f"finetune.{kind}.{epochs_before + epoch.number}")
    training.load_best()
    if training.fold is not None:
        training.fold(training)
    return resumed


def _named(training: Training) -> dict[str, np.ndarray]:
    return {f"{training.view.member_name}.{name}": value.numpy() for name, value in training.best.items()}


def _digest(job: Job, training: Training, recipe: Recipe, *rows: Documents) -> str:
    """SHA-256 over all that decides the bits of the trained weights."""
    digest = hashlib.sha256()
    view, config, plan = training.view.name, job.config.only_read().model_dump(mode="json"), dataclasses.asdict(recipe)
    settings = [view, config, plan, job.threads, str(job.device), training.bfloat16, torch.__version__]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    digest.update(content_digest(*rows).encode())
    for name, value in sorted(training.view.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().data)
    for optimizer in training.optimizer.rows:
        if optimizer.trainable is not None:
            digest.update(optimizer.trainable.cpu().numpy().data)
    return digest.hexdigest()
