"""Train the kinds of a model one after another, add and calibrate them, and write the model's folder.

weights.safetensors, model.json   what `Classifier.load` needs; beside them what each kind's view reads
history.json                      the epochs of each member of each kind
side/seconds.json                 how long each kind took

Shapes: N documents, C classes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from tasks.durable import num_cores
from tasks.errors import RequestError
from tasks.finetune.choose import with_model
from tasks.finetune.class_prior import shares_in_order
from tasks.finetune.encode import FITTED
from tasks.finetune.former_model import FormerModel
from tasks.finetune.job import Job
from tasks.finetune.lexicon import FLAG, open_lexicon, report_of
from tasks.finetune.measures import accuracy, log_loss, macro_f1
from tasks.finetune.ngram_rows import NgramRows
from tasks.finetune.summed import expected_accuracy
from tasks.finetune.weighed import train_weighed
from tasks.model.classifier import FORMAT, MODEL_FILE, WEIGHTS_FILE, member_name
from tasks.model.text.tokenize import TextToTokens
from tasks.prepare.read import read_labels, read_text_settings
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.finetune.job import Trained
    from tasks.finetune.lexicon import Lexicon
    from tasks.finetune.settings import FinetuneConfig
    from tasks.finetune.weighed import Weighed

HISTORY_FILE, SECONDS_FILE = "history.json", "side/seconds.json"


def write_model(
    config: FinetuneConfig,
    dataset: Path,
    aligned: Path | None,
    folder: Path,
    scratch: Path,
    *,
    texts: Path | None = None,
    weights: Path | None = None,
    embedded: Path | None = None,
    former: Path | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train on `dataset`'s train rows, choose on its valid rows, and write the model into `folder`; the report.

    With `config.refit` each view is then trained again on both. The weights of a sum, its temperature and every figure of the
    report come from the first training, which has not seen the valid rows.

    `aligned` is the folder of align's vocabulary and matrix (None if no view reads words), `texts` that of the rows' texts
    (None if no view reads those), `weights` and `embedded` those of the steps of these names; `scratch` keeps checkpoints, so
    that a killed call, made again, ends with the same weights. `former` is the model to start from (see `former_model`), with
    which `dataset` has but the rows that are new to it and some that are not.
    A model that knows its labels without rows may be made of none; then nothing is measured, and the report has no figures.
    Raises RequestError for a corpus that cannot be trained on, NonFiniteLossError if training diverges.
    """
    config, labels = with_model(config, dataset), read_labels(dataset)
    labels = labels or config.own_labels or labels
    if len(labels) < 2:
        raise RequestError(f"the train rows have {len(labels)} label(s) ({', '.join(labels)}); a classifier needs at least two")
    threads = num_cores() if config.threads == "auto" else config.threads
    ngram_rows = NgramRows(dataset, labels, scratch, [kind.counts(config) for kind in config.kinds if kind.counts], threads)
    lexicon = None
    if config.lexicon is not None:
        lexicon = open_lexicon(config.lexicon, labels, TextToTokens(read_text_settings(dataset)).tokens)
    prior = shares_in_order(config.class_prior, labels) if config.class_prior else None
    job = Job(
        *(config, labels, dataset, aligned, folder, scratch, threads, progress, texts, weights, embedded),
        ngram_rows=ngram_rows,
        prior=prior,
        lexicon=lexicon,
        former=None if former is None else FormerModel(former, labels),
    )
    report = _write(train_weighed(job), folder)
    return report if lexicon is None else report | _of_lexicon(lexicon, job)


def _of_lexicon(lexicon: Lexicon, job: Job) -> dict[str, Any]:
    """What the report says of the lexicon, and a warning if it is of no use."""
    met_E = lexicon.met(job.ngram_rows.words(), FITTED, job.scratch / "lexicon.ngrams")
    told: dict[str, Any] = {"lexicon": report_of(lexicon, met_E)}
    if not met_E.any():
        line = f"no entry of {FLAG} {job.config.lexicon} is in any train row, so it says nothing; is it of another language?"
        told["warnings"] = [line]
    return told


def _write(made: Weighed, folder: Path) -> dict[str, Any]:
    """Write the model; the report."""
    job, trained, of_sum, seconds = made.job, made.trained, made.sum, made.seconds
    members = [member for parts in trained.values() for member in parts]
    tensors = {name: np.ascontiguousarray(value) for member in members for name, value in member.tensors.items()}
    model = {
        "format": FORMAT,
        "labels": job.labels,
        "views": {
            view: {
                **parts[0].shape,
                "members": len(parts),
                "deviation": of_sum.deviations[view],
                "weight": of_sum.weights[view],
            }
            for view, parts in trained.items()
        },
        "temperature": of_sum.temperature,
    }
    if of_sum.shift is not None and job.prior is not None:
        model |= {"shift": of_sum.shift.tolist(), "class_prior": dict(zip(job.labels, job.prior, strict=True))}
    if tensors:
        save_file(dict(sorted(tensors.items())), folder / WEIGHTS_FILE)
    _write_json(folder / MODEL_FILE, model)
    history = {member_name(view, at): part.history for view, parts in trained.items() for at, part in enumerate(parts)}
    _write_json(folder / HISTORY_FILE, history)
    (folder / SECONDS_FILE).parent.mkdir(exist_ok=True)
    _write_json(folder / SECONDS_FILE, {view: round(spent, 3) for view, spent in seconds.items()})
    return {
        **_figures_of_sum(made),
        **made.report,
        "valid_rows": len(of_sum.labels),
        "refit": job.config.refit,
        "temperature": of_sum.temperature,
        "epochs": sum(member.epochs for member in members),
        "best_epoch": members[0].best_epoch if len(members) == 1 else None,
        "parameters": sum(value.size for value in tensors.values()),
        "trainable_parameters": sum(member.trainable_parameters for member in members),
        "resumed_from_epoch": sum(member.resumed for member in members),
        "threads": job.threads,
        "device": members[-1].device,
        "bfloat16": sum(parts[0].bfloat16 for parts in trained.values()),  # of the views; a number, so that MLflow shows it
        "figures": {f"{view}/{name}": value for view, part in parts_of(trained) for name, value in part.figures.items()},
        "notes": [*filter(None, [made.note]), *(f"{view}: {part.note}" for view, part in parts_of(trained) if part.note)],
        "views": {
            view: {
                **_figures(of_sum.views[view], of_sum.labels),
                "weight": of_sum.weights[view],
                "bfloat16": parts[0].bfloat16,
                "seconds": round(seconds[view], 3),
                "members": [_member_report(part) for part in parts],
            }
            for view, parts in trained.items()
        },
    }


def _figures_of_sum(made: Weighed) -> dict[str, float]:
    """Figures of the whole model on the validation rows, and with a prior of the classes those to expect under it."""
    of_sum = made.sum
    if not of_sum.measured:
        return {}
    figures = _figures(of_sum.logits, of_sum.labels)
    figures["valid_loss"] = log_loss(of_sum.logits / of_sum.temperature, of_sum.labels)
    if made.job.prior is not None:
        figures["valid_prior_accuracy"] = expected_accuracy(of_sum.logits, of_sum.labels, made.job.prior)
    return figures


def parts_of(trained: Mapping[str, list[Trained]]) -> list[tuple[str, Trained]]:
    """Each member with the name of its view."""
    return [(view, part) for view, parts in trained.items() for part in parts]


def _member_report(part: Trained) -> dict[str, Any]:
    return {
        **_figures(part.logits, part.labels),
        "epochs": part.epochs,
        "best_epoch": part.best_epoch,
        "trainable_parameters": part.trainable_parameters,
        "resumed_from_epoch": part.resumed,
        "refit": part.refit,
    }


def _figures(logits_NC: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    """Figures of the validation rows; none where there are no rows."""
    if not len(labels_N):
        return {}
    return {"valid_accuracy": accuracy(logits_NC, labels_N), "valid_macro_f1": macro_f1(logits_NC, labels_N)}


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
