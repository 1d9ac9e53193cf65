"""The rows that a new model knows, for its package: those of its dataset, and those of the model that it was trained on from.

A row that is in neither any more still shaped the weights, so its hash stays until a training begins anew.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.finetune.former_model import MODEL
from tasks.prepare.read import LABELS, TEXT, read_labels
from tasks.register.load import MANIFEST
from tasks.register.seal import package_digest
from tasks.warm.batches import read_batches
from tasks.warm.begin import read_rows
from tasks.warm.lineage import KnownRows, label_type, read_known, read_lineage, write_lineage

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.warm.settings import LineageConfig


def write_start(model: Path, dataset: Path, folder: Path) -> None:
    """Write what a training begins from of a model that is in no package: it was made from all rows of `dataset`."""
    names = read_labels(dataset)
    rows = read_rows(dataset, names)
    hashes_H, first_H = np.unique(rows.hashes, return_index=True)
    write_lineage(folder, KnownRows(hashes_H, rows.labels[first_H].astype(label_type(len(names))), names), None, 0)
    for name in (LABELS, TEXT):
        shutil.copyfile(dataset / name, folder / name)
    shutil.copytree(model, folder / MODEL, copy_function=shutil.copyfile)
    (folder / MANIFEST).write_text("{}", encoding="utf-8")


def write_known(config: LineageConfig, dataset: Path, batches: Path, folder: Path) -> dict[str, Any]:
    """Write the lineage of a model that was made from all rows of `dataset`; what lineage.json says."""
    names = read_labels(dataset)
    rows = read_rows(dataset, names)
    hashes_H, first_H = np.unique(rows.hashes, return_index=True)
    labels_H, start, generation = rows.labels[first_H].astype(label_type(len(names))), None, 0
    if config.champion is not None:
        before, known = read_lineage(config.champion), read_known(config.champion)
        assert before is not None
        left_H = ~np.isin(known.hashes, hashes_H)
        hashes_H = np.concatenate([hashes_H, known.hashes[left_H]])
        labels_H = np.concatenate([labels_H, known.in_order_of(names)[left_H]])
        order = np.argsort(hashes_H)
        hashes_H, labels_H = hashes_H[order], labels_H[order]
        digest = package_digest(config.champion)
        start, generation = {"version": config.version, "digest": digest}, before["generation"] + 1
    numbers = read_batches(batches)
    return write_lineage(folder, KnownRows(hashes_H, labels_H, names, numbers["test"], numbers["batch"]), start, generation)
