"""The profile of the training data as its model reads it: the reference for a monitored stream.

The histograms are made of validation rows, which the weights were not fitted to, as the model itself labels them: on rows it
was fitted to it would be surer of itself, and meet fewer unknown words, than on any stream. (A model that was refitted on the
validation rows has no others; its profile errs a little that way.) Where no row has a label, those without are read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.monitor.tables import CONFIDENCE, LABEL, LENGTH, UNSEEN, confidence_bins, length_bins, unseen_bins
from tasks.prepare.read import iter_batches, iter_with_texts, read_labels
from tasks.store.digests import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from tasks.model.classifier import Classifier

PROFILE = "profile.json"
MOST_UNLABELLED = 2048  # rows that are read where no row has a label


@dataclass(frozen=True)
class Profile:
    """Numbers of documents by feature and bin; the bins of `label` are positions in `labels`."""

    labels: tuple[str, ...]
    histograms: Mapping[str, tuple[int, ...]]


def write_profile(classifier: Classifier, dataset: Path, folder: Path, texts: Path | None = None) -> None:
    """Write the profile of a model's validation rows, which are in the folder `dataset`, into `folder`.

    `texts` is the folder with the texts of these rows, given if the model reads them.
    """
    made = make_profile(classifier, dataset, texts)
    content = {"labels": list(made.labels), "histograms": {name: list(counts) for name, counts in made.histograms.items()}}
    (folder / PROFILE).write_text(canonical(content), encoding="utf-8")


def read_profile(folder: Path) -> Profile | None:
    """The profile in a package whose files are verified; None if it was made before packages had one."""
    try:
        content = json.loads((folder / PROFILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    histograms = {name: tuple(counts) for name, counts in content["histograms"].items()}
    return Profile(tuple(content["labels"]), histograms)


def make_profile(classifier: Classifier, dataset: Path, texts: Path | None = None) -> Profile:
    """Let a model read the validation rows of a dataset; see `write_profile`."""
    bins: dict[str, list[np.ndarray]] = {feature: [np.zeros(0, np.int64)] for feature in (LABEL, CONFIDENCE, LENGTH, UNSEEN)}
    for batch in _rows(dataset, texts):
        documents = batch.column("tokens")
        read = batch.column("text").to_pylist() if "text" in batch.schema.names else None
        tokens_N = documents.value_lengths().to_numpy(zero_copy_only=False)
        probabilities_NC = classifier.probabilities(documents, read)
        bins[LABEL].append(probabilities_NC.argmax(axis=1))
        bins[CONFIDENCE].append(confidence_bins(probabilities_NC.max(axis=1)))
        bins[LENGTH].append(length_bins(tokens_N))
        bins[UNSEEN].append(unseen_bins(tokens_N, classifier.unseen(documents, read)))
    histograms = {feature: tuple(np.bincount(np.concatenate(parts)).tolist()) for feature, parts in bins.items()}
    return Profile(tuple(classifier.labels), histograms)


def _rows(dataset: Path, texts: Path | None) -> Iterator[pa.RecordBatch]:
    """Tokens and, if they are read, texts of the validation rows; where no row has a label, of the first others."""
    split, left = ("valid", None) if read_labels(dataset) else ("unlabelled", MOST_UNLABELLED)
    if texts is None:
        batches = iter_batches(dataset, (split,), ["tokens"])
    else:
        batches = iter_with_texts(dataset, texts, (split,), ["tokens"])
    for batch in batches:
        yield batch if left is None else batch.slice(0, left)
        left = None if left is None else left - len(batch)
        if left is not None and left <= 0:
            return
