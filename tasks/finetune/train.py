"""Train the configured views one after another, add and calibrate them, and write the model's folder.

weights.safetensors, model.json   what `Classifier.load` needs, with the vocabularies beside them:
ngrams.json, ngrams.safetensors   of the bag
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
import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from tasks.align.subword import FILES as SUBWORD_FILES
from tasks.align.subword import Subwords
from tasks.align.vocabulary import FILE as VOCABULARY_FILE
from tasks.align.vocabulary import Vocabulary
from tasks.crash import crash_point
from tasks.errors import RequestError
from tasks.finetune.calibrate import choose_weights, deviation, temperature
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.classifier import FORMAT, MODEL_FILE, WEIGHTS_FILE
from tasks.finetune.encode import content_digest, encode_in_order, encode_ngrams
from tasks.finetune.fasttext_train import train_fasttext_view
from tasks.finetune.job import Job, Trained
from tasks.finetune.loop import Training, num_threads, train_epochs
from tasks.finetune.recipe import bag_training, recipe_for, resolved_device, resolved_threads, words_training
from tasks.finetune.scores import accuracy, add, log_loss, macro_f1
from tasks.finetune.words import same_length
from tasks.prepare.read import read_labels
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import FinetuneConfig
    from tasks.finetune.batches import Documents

log = logging.getLogger(__name__)

HISTORY_FILE, SECONDS_FILE = "history.json", "side/seconds.json"


def write_model(
    config: FinetuneConfig, dataset: Path, aligned: Path | None, folder: Path, scratch: Path, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Train on `dataset`'s train rows, choose on its valid rows, and write the model into `folder`; the report.

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
            trained[view] = train_fasttext_view(job) if view == "fasttext" else train_view(job, view, epochs_before)
    return _write(job, trained)


def train_view(job: Job, view: str, epochs_before: int = 0) -> Trained:
    """Train one view of torch, from its checkpoint if there is one; `epochs_before` is where its epochs are logged from."""
    start = time.monotonic()
    training, train, valid = _start_bag(job) if view == "bag" else _start_words(job, view)
    recipe = recipe_for(view, job.config, len(train))
    digest = _digest(job, training, train, valid)
    resumed = len(training.history) if load_checkpoint(job.scratch, training, digest) else 0
    for epoch in train_epochs(training, train, valid, recipe, progress=job.progress):
        save_checkpoint(job.scratch, training, digest)
        metrics = {"loss": epoch.train_loss, "valid_loss": epoch.valid_loss, "valid_accuracy": epoch.valid_accuracy}
        job.progress.log({f"finetune/{name}": value for name, value in metrics.items()}, at=epochs_before + epoch.number)
        log.info(
            "%s epoch %d: loss %.4f, valid loss %.4f, accuracy %.4f, macro-F1 %.4f",
            *(view, epoch.number, epoch.train_loss, epoch.valid_loss, epoch.valid_accuracy, epoch.valid_macro_f1),
        )
        crash_point(f"finetune.epoch.{epochs_before + epoch.number}")
    training.load_best()
    return Trained(
        logits=training.view.logits(valid.ids, valid.offsets, valid.unseen),
        labels=valid.labels,
        shape={"hidden": job.config.hidden, "widths": list(job.config.widths), "recipe": dataclasses.asdict(recipe)},
        tensors={f"{view}.{name}": value for name, value in training.best.items()},
        history=[dataclasses.asdict(epoch) for epoch in training.history],
        best_epoch=training.best_epoch.number,
        resumed=resumed,
        seconds=time.monotonic() - start,
    )


def _start_bag(job: Job) -> tuple[Training, Documents, Documents]:
    config = job.config
    vocabulary, train, valid = encode_ngrams(
        job.dataset,
        job.labels,
        job.scratch,
        longest=config.ngrams,
        min_documents=config.ngram_min_documents,
        progress=job.progress,
    )
    _check_rows(train, valid)
    vocabulary.save(job.folder)
    return bag_training(config, len(vocabulary), len(job.labels), train, job.device), train, valid


def _start_words(job: Job, view: str) -> tuple[Training, Documents, Documents]:
    if job.aligned is None:
        raise ValueError(f"{view} reads word vectors: it needs the folder that align wrote")
    vocabulary, subwords = Vocabulary.load(job.aligned), Subwords.load(job.aligned)
    matrix_VD = np.load(job.aligned / "matrix.npy", allow_pickle=False)
    has_vector_V = np.load(job.aligned / "has_vector.npy", allow_pickle=False)
    train, valid = encode_in_order(job.dataset, job.labels, job.scratch, vocabulary, subwords)
    _check_rows(train, valid)
    for name in (VOCABULARY_FILE, *(SUBWORD_FILES if subwords else ())):
        shutil.copyfile(job.aligned / name, job.folder / name)
    return words_training(view, job.config, same_length(matrix_VD), has_vector_V, len(job.labels), job.device), train, valid


def _check_rows(train: Documents, valid: Documents) -> None:
    if not len(train):
        raise RequestError("there are no train rows; lower prepare.valid_share or prepare.test_share, or add documents")
    if not len(valid):
        raise RequestError("there are no validation rows to choose a model on; raise prepare.valid_share or add documents")


def _digest(job: Job, training: Training, train: Documents, valid: Documents) -> str:
    """SHA-256 over all that decides the bits of the trained weights."""
    digest = hashlib.sha256()
    settings = [training.view.name, job.config.model_dump(mode="json"), job.threads, str(job.device), torch.__version__]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    digest.update(content_digest(train, valid).encode())
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
        "temperature": degrees,
        "epochs": sum(len(part.history) or part.best_epoch for part in trained.values()),
        "best_epoch": next(iter(trained.values())).best_epoch if len(trained) == 1 else None,
        "parameters": sum(value.numel() for value in tensors.values()),
        "resumed_from_epoch": sum(part.resumed for part in trained.values()),
        "threads": job.threads,
        "device": str(job.device),
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
        "seconds": round(part.seconds, 3),
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
