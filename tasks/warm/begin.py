"""The rows that a champion is trained on from: all that are new to it, and as many that are not, drawn anew from run to run.

A train row is new if the champion was not trained on it (rows that chose its epoch do not count) or was with another label.
The draw goes by content: equal rows and champions give equal draws, and another champion another one, so that in time every row
comes again.

    dataset/        these rows and the validation rows, as prepare writes a dataset
    former/         the champion's model, and what it was taught of the train rows; see tasks/finetune/former_model.py

Shapes: N train rows, H rows that the champion knows.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.certainty.rows import among, write_rows
from tasks.finetune.former_model import BEFORE, MODEL, REPLAYED, START
from tasks.prepare.read import iter_batches, read_labels, read_text_settings
from tasks.register.seal import package_digest
from tasks.warm.lineage import KnownRows, hashes_of, label_type, read_known

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.warm.settings import BeginConfig

LEAST_REPLAYED = 1000  # earlier rows that come again even if fewer are new: so few rows alone would pull the model about
LEAST_VALID = 50  # validation rows that the model must not have been trained on, to choose and calibrate by
MIXER = np.uint64(0xBF58476D1CE4E5B9)  # of splitmix64, Steele, Lea & Flood 2014
DATASET_PART, FORMER_PART = "dataset", "former"


@dataclass(frozen=True)
class Rows:
    """The train and validation rows: ids, which are train rows (bool), hashes, and labels as packages have them."""

    ids: list[str]
    train: np.ndarray
    hashes: np.ndarray
    labels: np.ndarray


def write_begin(config: BeginConfig, dataset: Path, folder: Path) -> dict[str, Any]:
    """Write both parts, or nothing where the champion is no start; the report says why not as `reason`, empty if it is one."""
    names, package = read_labels(dataset), config.champion
    known = read_known(package)
    if gone := sorted(set(known.names) - set(names)):
        return _refused(f"no train row has its label {gone[0]!r} any more")
    if read_text_settings(dataset) != read_text_settings(package):
        return _refused("texts are cut into words in another way now")
    rows = read_rows(dataset, names)
    there_N, label_N = found_among(rows, known, names)
    left = int((~np.isin(known.hashes, rows.hashes)).sum())
    if left and config.forgot:
        return _refused(f"texts were forgotten since it was trained, and {left:,} of its rows are not there any more")
    old_N = rows.train & there_N & (label_N == rows.labels)
    new_N = rows.train & ~old_N
    figures = {
        "new": int(new_N.sum()),
        "old": int(old_N.sum()),
        "corrected": int((new_N & there_N & (label_N >= 0)).sum()),
        "left": left,
    }
    if not figures["new"]:
        return _refused("no row is new to it", **figures)
    valid_N = ~rows.train & ~(there_N if config.refit else there_N & (label_N >= 0))
    if (number := int(valid_N.sum())) < min(LEAST_VALID, int((~rows.train).sum())):
        return _refused(f"it was trained on all validation rows but {number}, and {LEAST_VALID} are needed")
    again_N = drawn(rows.hashes, old_N, max(figures["new"], LEAST_REPLAYED), salt_of(package, config.seed))
    kept_N = new_N | again_N | valid_N
    write_rows(dataset, None, among([name for name, kept in zip(rows.ids, kept_N.tolist(), strict=True) if kept]), folder)
    trained_N, before_N = kept_N & rows.train, np.where(there_N & (label_N >= 0), label_N, -1).astype(np.int64)
    _write_former(package, again_N[trained_N], before_N[trained_N], figures["old"], folder / FORMER_PART)
    return {"reason": "", **figures, "replayed": int(again_N.sum()), "valid": int(valid_N.sum())}


def _refused(reason: str, **figures: int) -> dict[str, Any]:
    return {"reason": reason, **figures}


def read_rows(dataset: Path, names: list[str]) -> Rows:
    """The labelled train and validation rows of a dataset whose labels are `names`, in its order."""
    ids, values = list[str](), pa.array(names, pa.string())
    train, hashes, labels = [np.zeros(0, bool)], [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    other = np.iinfo(label_type(len(names))).min
    for batch in iter_batches(dataset, ("train", "valid"), ["id", "split", "label", "tokens"]):
        ids += batch.column("id").to_pylist()
        train.append(pc.equal(batch.column("split"), "train").to_numpy(zero_copy_only=False))
        hashes.append(hashes_of(batch.column("tokens")))
        place = pc.fill_null(pc.index_in(batch.column("label"), value_set=values), other)
        found = place.to_numpy(zero_copy_only=False).astype(np.int64)
        labels.append(np.where(train[-1] | (found == other), found, -1 - found))
    return Rows(ids, *(np.concatenate(each) for each in (train, hashes, labels)))


def found_among(rows: Rows, known: KnownRows, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row is one that the champion knows (bool), and with which label, as packages have them."""
    labels_H = known.in_order_of(names)
    if not len(known.hashes):
        return np.zeros(len(rows.ids), bool), np.zeros(len(rows.ids), labels_H.dtype)
    place_N = np.searchsorted(known.hashes, rows.hashes).clip(max=len(known.hashes) - 1)
    return known.hashes[place_N] == rows.hashes, labels_H[place_N]


def salt_of(package: Path, seed: int) -> np.uint64:
    """A number that follows from the champion and the seed."""
    return np.uint64(int(package_digest(package)[:16], 16) ^ seed)


def drawn(hashes_N: np.ndarray, among_N: np.ndarray, number: int, salt: np.uint64) -> np.ndarray:
    """Which rows of those that `among_N` names are drawn, at most `number`: bool [N]."""
    mixed_N = (hashes_N ^ salt) * MIXER
    mixed_N = (mixed_N ^ (mixed_N >> np.uint64(31))) * MIXER
    (places,) = np.nonzero(among_N)
    chosen = places[np.lexsort((hashes_N[places], mixed_N[places]))[:number]]
    drawn_N = np.zeros(len(hashes_N), bool)
    drawn_N[chosen] = True
    return drawn_N


def _write_former(package: Path, replayed_N: np.ndarray, before_N: np.ndarray, old_rows: int, folder: Path) -> None:
    folder.mkdir()
    shutil.copytree(package / MODEL, folder / MODEL, copy_function=shutil.copyfile)
    np.save(folder / REPLAYED, replayed_N, allow_pickle=False)
    np.save(folder / BEFORE, before_N, allow_pickle=False)
    (folder / START).write_text(json.dumps({"old_rows": old_rows}), encoding="utf-8")
