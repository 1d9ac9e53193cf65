"""Where a model comes from and which rows it knows, as its package tells it.

    lineage.json          `start`: version and digest of the model it was trained on from (null: of none), `generation`: how
                          many trainings in a row did so, `batches`: how many test rows came with each batch
    training_hashes.npy   sorted uint64, of each row that it or a model before it was trained or selected on
    lineage.safetensors   `labels`: of each of these hashes the position of the row's label, of a validation row -1 - position;
                          `test` and `batch`: hashes of the test rows, sorted, and with which batch each came, from 0

A batch is the rows that came between two champions of a name. All in all it takes 2 bytes a training row beside its hash, and
10 bytes a test row. Only packages of runs with `finetune.start champion` have lineage.json and lineage.safetensors.

Shapes: H training rows, T test rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from tasks.prepare.read import LABELS
from tasks.store.digests import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

LINEAGE, ROWS = "lineage.json", "lineage.safetensors"
HASHES = "training_hashes.npy"  # the name in serving.py, whose imports take two seconds
FILES = (LINEAGE, ROWS, HASHES)


@dataclass(frozen=True)
class KnownRows:
    """The rows that a model knows: hashes [H] and labels [H], hashes of test rows [T] and the batch of each [T].

    `names` are the labels in the order of their positions.
    """

    hashes: np.ndarray
    labels: np.ndarray
    names: Sequence[str]
    test: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    batch: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint16))

    def in_order_of(self, names: Sequence[str]) -> np.ndarray:
        """The labels [H] as positions in other `names`, which have all of its own."""
        place = np.array([*map(list(names).index, self.names)], np.int64)
        other, of_valid = np.iinfo(self.labels.dtype).min, self.labels < 0
        known = self.labels != other
        position = np.where(of_valid, -1 - self.labels.astype(np.int64), self.labels)
        moved = place[np.where(known, position, 0)]
        return np.where(known, np.where(of_valid, -1 - moved, moved), other).astype(label_type(len(names)))


def label_type(num_labels: int) -> Any:
    """The type of positions of so many labels; its least number is that of a label that no train row has."""
    return np.int16 if num_labels < np.iinfo(np.int16).max else np.int32


def hashes_of(tokens: pa.Array) -> np.ndarray:
    """The hashes of documents, as packages carry them: uint64 [N]."""
    import pyarrow.compute as pc

    from tasks.model.serving import SEPARATOR, text_hashes

    return text_hashes(pc.binary_join(tokens, SEPARATOR).to_pylist())


def read_lineage(package: Path) -> dict[str, Any] | None:
    """What lineage.json of a package says; None if it has none."""
    path = package / LINEAGE
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def read_known(package: Path) -> KnownRows:
    """The rows that a package with a lineage knows."""
    stored = load_file(package / ROWS)
    names = json.loads((package / LABELS).read_text(encoding="utf-8"))["labels"]
    return KnownRows(np.load(package / HASHES, allow_pickle=False), stored["labels"], names, stored["test"], stored["batch"])


def write_lineage(folder: Path, known: KnownRows, start: dict[str, Any] | None, generation: int) -> dict[str, Any]:
    """Write the three files; what lineage.json says."""
    said = {"start": start, "generation": generation, "batches": np.bincount(known.batch).tolist()}
    np.save(folder / HASHES, known.hashes, allow_pickle=False)
    save_file({"labels": known.labels, "test": known.test, "batch": known.batch}, folder / ROWS)
    (folder / LINEAGE).write_text(canonical(said), encoding="utf-8")
    return said
