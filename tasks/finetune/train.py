"""Train the configured views one after another, add and calibrate them, and write the model's folder.

weights.safetensors, model.json   what `Classifier.load` needs, with the vocabularies beside them:
ngrams.json, ngrams.safetensors   of the bag
ca/                               the same of `ca`
vocabulary.json, subwords.*       of the views that read words
fasttext.bin                      of fastText's own classifier, in place of all but model.json
history.json                      the epochs of each view
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

import torch
from safetensors.torch import save_file

from tasks.crash import crash_point
from tasks.errors import RequestError
from tasks.finetune.ca import train_ca_view
from tasks.finetune.calibrate import choose_weights, deviation, temperature
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.classifier import FORMAT, MODEL_FILE, WEIGHTS_FILE
from tasks.finetune.encode import content_digest
from tasks.finetune.fasttext_train import train_fasttext_view
from tasks.finetune.job import Job, Trained
from tasks.finetune.loop import num_threads, train_epochs
from tasks.finetune.recipe import recipe_for, resolved_device, resolved_threads, trains_in_bfloat16
from tasks.finetune.scores import accuracy, add, log_loss, macro_f1
from tasks.finetune.start import BagStart, WordsStart
from tasks.prepare.read import read_labels
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import FinetuneConfig
    from tasks.finetune.batches import Documents
    from tasks.finetune.loop import Recipe, Training

log = logging.getLogger(__name__)

HISTORY_FILE, SECONDS_FILE = "history.json", "side/seconds.json"
WITHOUT_EPOCHS = {"ca": train_ca_view, "fasttext": train_fasttext_view}


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
    labels = read_labels(dataset)
    if len(labels) < 2:
        raise RequestError(f"the train rows have {len(labels)} label(s) ({', '.join(labels)}); a classifier needs at least two")
    threads = resolved_threads(config)
    job = Job(config, labels, dataset, aligned, folder, scratch, threads, resolved_device(), progress)
    trained: dict[str, Trained] = {}
    for view in config.views:
        epochs_before = sum(len(part.history) for part in trained.values())
        # The bag's steps are too small to share: one thread is as fast, far faster on a busy machine, and gives the same
        # weights whatever the number of cores.
        with num_threads(1 if view == "bag" else threads):
            trained[view] = WITHOUT_EPOCHS[view](job) if view in WITHOUT_EPOCHS else train_view(job, view, epochs_before)
    return _write(job, trained)


def train_view(job: Job, view: str, epochs_before: int = 0) -> Trained:
    """Train one view of torch, from its checkpoint if there is one; `epochs_before` is where its epochs are logged from.

    With `refit` it is then trained anew on the train and the valid rows together, as long as was best. That model has seen
    the answers of the valid rows, so all that is measured on them is measured with the first one.
    """
    begun = time.monotonic()
    start = BagStart(job) if view == "bag" else WordsStart(job, view)
    training, train, valid = start.fit()
    recipe = recipe_for(view, job.config, len(train))
    resumed = _run_epochs(job, job.scratch, training, train, valid, recipe, epochs_before)
    made = Trained(
        logits=training.view.logits(valid.ids, valid.offsets, valid.unseen),
        labels=valid.labels,
        shape={"hidden": job.config.hidden, "widths": list(job.config.widths), "recipe": dataclasses.asdict(recipe)},
        tensors=_named(view, training),
        history=[dataclasses.asdict(epoch) for epoch in training.history],
        best_epoch=training.best_epoch.number,
        resumed=resumed,
        bfloat16=trains_in_bfloat16(view, job.config, job.device),
    )
    if job.config.refit:
        scratch = job.scratch / "refit"
        scratch.mkdir(exist_ok=True)
        training, rows = start.refit(scratch)
        recipe = dataclasses.replace(recipe, last_epoch=made.best_epoch)
        resumed = _run_epochs(job, scratch, training, rows, None, recipe, epochs_before)
        refit = {"epochs": made.best_epoch, "rows": len(rows), "resumed_from_epoch": resumed}
        made = dataclasses.replace(made, tensors=_named(view, training), refit=refit)
    return dataclasses.replace(made, seconds=time.monotonic() - begun)


def _run_epochs(
    job: Job,
    scratch: Path,
    training: Training,
    train: Documents,
    valid: Documents | None,
    recipe: Recipe,
    epochs_before: int,
) -> int:
    """Train to the end with a checkpoint after each epoch, and load the best one; how many epochs a checkpoint spared."""
    digest = _digest(job, training, recipe, *([train] if valid is None else [train, valid]))
    resumed = len(training.history) if load_checkpoint(scratch, training, digest) else 0
    kind, view = "refit" if valid is None else "epoch", training.view.name
    for epoch in train_epochs(training, train, valid, recipe, progress=job.progress):
        save_checkpoint(scratch, training, digest)
        figures = {"loss": epoch.train_loss, "valid_loss": epoch.valid_loss, "valid_accuracy": epoch.valid_accuracy}
        if valid is None:
            figures = {"refit_loss": epoch.train_loss}
        metrics = {f"finetune/{name}": value for name, value in figures.items() if value is not None}
        job.progress.log(metrics, at=epochs_before + epoch.number)
        log.info("%s %s %d: %s", view, kind, epoch.number, ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
        crash_point(f"finetune.{kind}.{epochs_before + epoch.number}")
    training.load_best()
    return resumed


def _named(view: str, training: Training) -> dict[str, torch.Tensor]:
    return {f"{view}.{name}": value for name, value in training.best.items()}


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
    return digest.hexdigest()


def _write(job: Job, trained: dict[str, Trained]) -> dict[str, Any]:
    """Add, calibrate, write; the report."""
    labels_N = next(iter(trained.values())).labels
    logits = {view: part.logits for view, part in trained.items()}
    deviations = {view: deviation(logits_NC) for view, logits_NC in logits.items()}
    weights = choose_weights(logits, deviations, labels_N)
    summed_NC = add(logits, deviations, weights)
    degrees = temperature(summed_NC, labels_N)
    tensors = {name: value.contiguous() for part in trained.values() for name, value in part.tensors.items()}
    model = {
        "format": FORMAT,
        "labels": job.labels,
        "views": {
            view: {**part.shape, "deviation": deviations[view], "weight": weights[view]} for view, part in trained.items()
        },
        "temperature": degrees,
        "max_len": job.config.max_len,
        "truncate": job.config.truncate,
    }
    if tensors:
        save_file(dict(sorted(tensors.items())), job.folder / WEIGHTS_FILE)
    _write_json(job.folder / MODEL_FILE, model)
    _write_json(job.folder / HISTORY_FILE, {view: part.history for view, part in trained.items()})
    (job.folder / SECONDS_FILE).parent.mkdir(exist_ok=True)
    _write_json(job.folder / SECONDS_FILE, {view: round(part.seconds, 3) for view, part in trained.items()})
    return {
        "valid_accuracy": accuracy(summed_NC, labels_N),
        "valid_macro_f1": macro_f1(summed_NC, labels_N),
        "valid_loss": log_loss(summed_NC / degrees, labels_N),
        "valid_rows": len(labels_N),
        "refit": job.config.refit,
        "temperature": degrees,
        "epochs": sum(len(part.history) or part.best_epoch for part in trained.values()),
        "best_epoch": next(iter(trained.values())).best_epoch if len(trained) == 1 else None,
        "parameters": sum(value.numel() for value in tensors.values()),
        "resumed_from_epoch": sum(part.resumed for part in trained.values()),
        "threads": job.threads,
        "device": str(job.device),
        "bfloat16": sum(part.bfloat16 for part in trained.values()),  # of the views; a number, so that MLflow shows it
        "views": {view: _view_report(part, weights[view]) for view, part in trained.items()},
    }


def _view_report(part: Trained, weight: float) -> dict[str, Any]:
    return {
        "valid_accuracy": accuracy(part.logits, part.labels),
        "valid_macro_f1": macro_f1(part.logits, part.labels),
        "weight": weight,
        "epochs": len(part.history) or part.best_epoch,
        "best_epoch": part.best_epoch,
        "resumed_from_epoch": part.resumed,
        "refit": part.refit,
        "bfloat16": part.bfloat16,
        "seconds": round(part.seconds, 3),
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
