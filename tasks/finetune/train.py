"""Train the configured views one after another, add and calibrate them, and write the model's folder.

weights.safetensors, model.json   what `Classifier.load` needs, with the vocabularies beside them:
ngrams.json, ngrams.safetensors   of the bag
tfidf/, ca/                       the same of `tfidf` and `ca`
vocabulary.json, subwords.*       of the views that read words
fasttext.bin                      of fastText's own classifier, in place of all but model.json
history.json                      the epochs of each member of each view
side/seconds.json                 how long each view took

Shapes: N documents, C classes, V vocabulary rows, D dimensions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from tasks.crash import crash_point
from tasks.errors import RequestError
from tasks.finetune.ca import train_ca_view
from tasks.finetune.calibrate import choose_weights, deviation, temperature
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.choose import with_model
from tasks.finetune.encode import content_digest
from tasks.finetune.fasttext_train import train_fasttext_view
from tasks.finetune.job import Job, Trained
from tasks.finetune.loop import Recipe, num_threads, train_epochs
from tasks.finetune.low_rank import merge_low_rank
from tasks.finetune.recipe import recipe_for, resolved_device, resolved_threads, trains_in_bfloat16
from tasks.finetune.start import BagStart, WordsStart
from tasks.finetune.tfidf import train_tfidf_view
from tasks.model.classifier import FORMAT, MODEL_FILE, WEIGHTS_FILE
from tasks.model.scores import accuracy, add, log_loss, macro_f1
from tasks.model.view import member_name
from tasks.prepare.read import read_labels
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import FinetuneConfig
    from tasks.finetune.loop import Training
    from tasks.model.batches import Documents

log = logging.getLogger(__name__)

HISTORY_FILE, SECONDS_FILE = "history.json", "side/seconds.json"
WITHOUT_EPOCHS = {"tfidf": train_tfidf_view, "ca": train_ca_view, "fasttext": train_fasttext_view}


def write_model(
    config: FinetuneConfig, dataset: Path, aligned: Path | None, folder: Path, scratch: Path, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Train on `dataset`'s train rows, choose on its valid rows, and write the model into `folder`; the report.

    With `config.refit` each view is then trained again on both. The weights of a sum, its temperature and every figure of the
    report come from the first training, which has not seen the valid rows.

    `aligned` is the folder of align's vocabulary and matrix (None if no view reads words); `scratch` keeps checkpoints, so
    that a killed call, made again, ends with the same weights. Raises RequestError for a corpus that cannot be trained on,
    NonFiniteLossError if training diverges.
    """
    config, labels = with_model(config, dataset), read_labels(dataset)
    if len(labels) < 2:
        raise RequestError(f"the train rows have {len(labels)} label(s) ({', '.join(labels)}); a classifier needs at least two")
    threads = resolved_threads(config)
    job = Job(config, labels, dataset, aligned, folder, scratch, threads, resolved_device(), progress)
    trained: dict[str, list[Trained]] = {}
    seconds: dict[str, float] = {}
    for view in config.views:
        begun, epochs_before = time.monotonic(), sum(len(member.history) for members in trained.values() for member in members)
        # The bag's steps are too small to share: one thread is as fast, far faster on a busy machine, and gives the same
        # weights whatever the number of cores.
        with num_threads(1 if view == "bag" else threads):
            trained[view] = [WITHOUT_EPOCHS[view](job)] if view in WITHOUT_EPOCHS else train_view(job, view, epochs_before)
        seconds[view] = time.monotonic() - begun
    return _write(job, trained, seconds)


def train_view(job: Job, view: str, epochs_before: int = 0) -> list[Trained]:
    """Train the members of one view of torch, from their checkpoints if there are any; their epochs are logged one after
    another, from `epochs_before` on.

    With `refit` each is then trained anew on the train and the valid rows together, as long as was best. Those models have
    seen the answers of the valid rows, so all that is measured on them is measured with the first ones.
    """
    start = BagStart(job) if view == "bag" else WordsStart(job, view)
    make, train, valid = start.fit()
    made, logged_from = list[Trained](), list[int]()
    for member in range(start.members):
        logged_from.append(epochs_before)
        made.append(_fit(job, make(member), train, valid, epochs_before))
        epochs_before += len(made[-1].history)
    if not job.config.refit:
        return made
    scratch = job.scratch / "refit"
    scratch.mkdir(exist_ok=True)
    make, rows = start.refit(scratch)
    return [_refit(job, scratch, make(member), rows, made[member], before) for member, before in enumerate(logged_from)]


def _fit(job: Job, training: Training, train: Documents, valid: Documents, epochs_before: int) -> Trained:
    view = training.view
    recipe = recipe_for(view.name, job.config, len(train), view.member)
    resumed = _run_epochs(job, job.scratch, training, train, valid, recipe, epochs_before)
    return Trained(
        logits=view.logits(valid.ids, valid.offsets, valid.unseen),
        labels=valid.labels,
        shape={"hidden": job.config.hidden, "widths": list(job.config.widths), "recipe": dataclasses.asdict(recipe)},
        tensors=_named(training),
        history=[dataclasses.asdict(epoch) for epoch in training.history],
        best_epoch=training.best_epoch.number,
        resumed=resumed,
        trainable=training.optimizer.num_trainable,
        bfloat16=trains_in_bfloat16(view.name, job.config, job.device),
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

    A low-rank update is merged before anything is measured, so that what is measured is what is saved.
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
    merge_low_rank(training)
    return resumed


def _named(training: Training) -> dict[str, torch.Tensor]:
    return {f"{training.view.member_name}.{name}": value for name, value in training.best.items()}


def _digest(job: Job, training: Training, recipe: Recipe, *rows: Documents) -> str:
    """SHA-256 over all that decides the bits of the trained weights."""
    digest = hashlib.sha256()
    view, config, plan = training.view.name, job.config.model_dump(mode="json"), dataclasses.asdict(recipe)
    bfloat16 = trains_in_bfloat16(view, job.config, job.device)
    settings = [view, config, plan, job.threads, str(job.device), bfloat16, torch.__version__]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    digest.update(content_digest(*rows).encode())
    for name, value in sorted(training.view.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().data)
    for optimizer in training.optimizer.rows:
        if optimizer.trainable is not None:
            digest.update(optimizer.trainable.cpu().numpy().data)
    return digest.hexdigest()


def _write(job: Job, trained: dict[str, list[Trained]], seconds: dict[str, float]) -> dict[str, Any]:
    """Add, calibrate, write; the report."""
    members = [member for parts in trained.values() for member in parts]
    labels_N = members[0].labels
    logits = {view: np.mean([part.logits for part in parts], axis=0) for view, parts in trained.items()}
    deviations = {view: deviation(logits_NC) for view, logits_NC in logits.items()}
    weights = choose_weights(logits, deviations, labels_N)
    summed_NC = add(logits, deviations, weights)
    degrees = temperature(summed_NC, labels_N)
    tensors = {name: value.contiguous() for member in members for name, value in member.tensors.items()}
    model = {
        "format": FORMAT,
        "labels": job.labels,
        "views": {
            view: {**parts[0].shape, "members": len(parts), "deviation": deviations[view], "weight": weights[view]}
            for view, parts in trained.items()
        },
        "temperature": degrees,
        "max_len": job.config.max_len,
        "truncate": job.config.truncate,
    }
    if tensors:
        save_file(dict(sorted(tensors.items())), job.folder / WEIGHTS_FILE)
    _write_json(job.folder / MODEL_FILE, model)
    history = {member_name(view, at): part.history for view, parts in trained.items() for at, part in enumerate(parts)}
    _write_json(job.folder / HISTORY_FILE, history)
    (job.folder / SECONDS_FILE).parent.mkdir(exist_ok=True)
    _write_json(job.folder / SECONDS_FILE, {view: round(spent, 3) for view, spent in seconds.items()})
    return {
        "valid_accuracy": accuracy(summed_NC, labels_N),
        "valid_macro_f1": macro_f1(summed_NC, labels_N),
        "valid_loss": log_loss(summed_NC / degrees, labels_N),
        "valid_rows": len(labels_N),
        "refit": job.config.refit,
        "temperature": degrees,
        "epochs": sum(member.epochs for member in members),
        "best_epoch": members[0].best_epoch if len(members) == 1 else None,
        "parameters": sum(value.numel() for value in tensors.values()),
        "trainable_parameters": sum(member.trainable_parameters for member in members),
        "resumed_from_epoch": sum(member.resumed for member in members),
        "threads": job.threads,
        "device": str(job.device),
        "bfloat16": sum(parts[0].bfloat16 for parts in trained.values()),  # of the views; a number, so that MLflow shows it
        "views": {
            view: {
                "valid_accuracy": accuracy(logits[view], labels_N),
                "valid_macro_f1": macro_f1(logits[view], labels_N),
                "weight": weights[view],
                "bfloat16": parts[0].bfloat16,
                "seconds": round(seconds[view], 3),
                "members": [_member_report(part) for part in parts],
            }
            for view, parts in trained.items()
        },
    }


def _member_report(part: Trained) -> dict[str, Any]:
    return {
        "valid_accuracy": accuracy(part.logits, part.labels),
        "valid_macro_f1": macro_f1(part.logits, part.labels),
        "epochs": part.epochs,
        "best_epoch": part.best_epoch,
        "trainable_parameters": part.trainable_parameters,
        "resumed_from_epoch": part.resumed,
        "refit": part.refit,
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
