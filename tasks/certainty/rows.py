"""Parts of a prepared dataset as datasets of their own, and what a classifier says of their rows.

Shapes: N rows, C classes.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.prepare.read import DATASET, LABELS, SPLIT, TEXT, TEXTS, iter_batches, iter_with_texts
from tasks.prepare.schema import SCHEMA, TEXTS_SCHEMA, RowGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks.model.classifier import Classifier

    Keep = Callable[[pa.RecordBatch], pa.Array]

ALL_SPLITS = ("train", "valid", "unlabelled")
PROBABILITIES = "probabilities.parquet"
PROBABILITIES_SCHEMA = pa.schema([("id", pa.string()), ("label", pa.string()), ("probabilities", pa.list_(pa.float32()))])


class Judged(NamedTuple):
    """Labelled rows and what a model says of them: ids and labels [N], probabilities float32 [N, C], and `blank` bool [N].

    In a blank row the model found nothing to read, so that it gives it no label.
    """

    ids: list[str]
    labels: list[str]
    probabilities: np.ndarray
    blank: np.ndarray

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """Position of each label in `names`: int64 [N]; -1 for one that is not there."""
        position = {name: at for at, name in enumerate(names)}
        return np.array([position.get(label, -1) for label in self.labels], np.int64)

    def read(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and label numbers of the rows in which the model found something to read."""
        return self.probabilities[~self.blank], self.numbers(names)[~self.blank]


def fraction(identity: str, seed: int) -> float:
    """A number in [0, 1) that only a row's id and the seed decide, so that a row keeps it as the corpus grows."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{identity}".encode()).digest()[:7], "big") / 2**56


def write_rows(dataset: Path, texts: Path | None, keep: Keep, folder: Path, *, name: str = "") -> int:
    """Write the rows that `keep` tells as `NAMEdataset` and, if `texts` is given, `NAMEtexts` into `folder`; their number."""
    target = folder / f"{name}dataset"
    target.mkdir(parents=True)
    for file in (LABELS, TEXT, SPLIT):
        if (dataset / file).is_file():
            shutil.copyfile(dataset / file, target / file)
    written = 0
    with RowGroups(target / DATASET, SCHEMA) as writer:
        for batch in iter_batches(dataset, ALL_SPLITS, SCHEMA.names):
            kept = batch.filter(keep(batch))
            written += len(kept)
            writer.add(kept)
    if texts is not None:
        (folder / f"{name}texts").mkdir()
        with RowGroups(folder / f"{name}texts" / TEXTS, TEXTS_SCHEMA) as writer:
            for batch in iter_batches(texts, ALL_SPLITS, TEXTS_SCHEMA.names):
                writer.add(batch.filter(keep(batch)))
    return written


def among(ids: Sequence[str]) -> Keep:
    """Tell the rows with these ids."""
    wanted = pa.array(ids, pa.string())
    return lambda batch: pc.is_in(batch.column("id"), value_set=wanted)


def labelled(dataset: Path, split: str) -> tuple[list[str], list[str]]:
    """Ids and labels of the rows of a split, in the dataset's order."""
    ids: list[str] = []
    labels: list[str] = []
    for batch in iter_batches(dataset, (split,), ["id", "label"]):
        ids += batch.column("id").to_pylist()
        labels += batch.column("label").to_pylist()
    return ids, labels


def judge(classifier: Classifier, dataset: Path, texts: Path | None, split: str) -> Judged:
    """What a classifier says of the rows of a split; `texts` is the folder of their texts, for a model that reads them."""
    ids: list[str] = []
    labels: list[str] = []
    parts, blank = [np.zeros((0, len(classifier.labels)), np.float32)], [np.zeros(0, bool)]
    columns = ["id", "label", "tokens"]
    given = classifier.reads_text and texts is not None
    batches = (
        iter_with_texts(dataset, texts, (split,), columns) if given and texts else iter_batches(dataset, (split,), columns)
    )
    for batch in batches:
        read = batch.column("text").to_pylist() if given else None
        parts.append(classifier.probabilities(batch.column("tokens"), read))
        blank.append(classifier.blank(batch.column("tokens").to_pylist(), parts[-1], read))
        ids += batch.column("id").to_pylist()
        labels += batch.column("label").to_pylist()
    return Judged(ids, labels, np.concatenate(parts), np.concatenate(blank))


def write_judged(path: Path, rows: Judged) -> None:
    """Write the rows in which something was read, as Parquet."""
    seen = np.flatnonzero(~rows.blank)
    values = [[rows.ids[at] for at in seen], [rows.labels[at] for at in seen], rows.probabilities[seen].tolist()]
    arrays = [pa.array(value, field.type) for value, field in zip(values, PROBABILITIES_SCHEMA, strict=True)]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=PROBABILITIES_SCHEMA), path, compression="zstd", write_page_checksum=True
    )


def read_judged(paths: Sequence[Path], num_classes: int) -> Judged:
    """The rows of several files, one after another."""
    ids: list[str] = []
    labels: list[str] = []
    parts = [np.zeros((0, num_classes), np.float32)]
    for path in paths:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        ids += table.column("id").to_pylist()
        labels += table.column("label").to_pylist()
        flat = table.column("probabilities").combine_chunks().flatten().to_numpy()
        parts.append(flat.reshape(-1, num_classes))
    probabilities_NC = np.concatenate(parts)
    return Judged(ids, labels, probabilities_NC, np.zeros(len(ids), bool))
