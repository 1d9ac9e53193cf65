"""The rows that a registered model was measured on, and those it was chosen on: texts and labels, from its run's store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tasks.prepare.read import iter_with_texts
from tasks.score.texts import layout_of, read_texts
from tasks.store.artifact import DamagedArtifact, Store

if TYPE_CHECKING:
    from pathlib import Path

DATASET, TEXTS, HOLDOUT, HOLDOUT_TEXTS = "dataset", "texts", "holdout", "holdout_texts"  # the parts of prepare
NAMES = {"valid": "validation"}


@dataclass(frozen=True)
class Rows:
    """Texts as they were ingested, with their labels, or None for a text without one; `source` says where they are from."""

    source: str
    texts: list[str]
    labels: list[str | None]


@dataclass(frozen=True)
class Prepared:
    """What prepare wrote for the run that made a model; with `refit` the model was trained on the validation rows too."""

    folder: Path
    refit: bool = False

    @property
    def dataset(self) -> Path:
        """The part with the train and validation rows."""
        return self.folder / DATASET

    def rows(self, split: str) -> Rows:
        """The rows of `train`, `valid` or `test`."""
        own, texts = (HOLDOUT, HOLDOUT_TEXTS) if split == "test" else (DATASET, TEXTS)
        seen = ", on which it was trained in the end" if split == "valid" and self.refit else ""
        found = Rows(f"the {NAMES.get(split, split)} rows of its run{seen}", [], [])
        try:
            for batch in iter_with_texts(self.folder / own, self.folder / texts, (split,), ["label"]):
                found.texts.extend(batch.column("text").to_pylist())
                found.labels.extend(batch.column("label").to_pylist())
        except OSError as error:
            raise RequestError(f"the {split} rows cannot be read ({error}); train the model again") from None
        return found


def find_prepared(data_root: Path, run: str | None) -> Prepared | None:
    """What the run of this id prepared, whole; None where its record or its artifact is gone. RequestError if it is damaged."""
    record = data_root / "runs" / f"{run}.json"
    try:
        values = json.loads(record.read_bytes())
        key, refit = values["keys"]["prepare"], bool(values["config"]["finetune"]["refit"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    store = Store(data_root)
    if not store.place("prepare", key).is_dir():
        return None
    try:
        return Prepared(store.folder(store.verify("prepare", key)), refit)
    except DamagedArtifact as error:
        raise RequestError(f"the model's rows are damaged ({error}); the next textmill train makes them again") from None


def read_rows(path: Path, reading: IngestConfig | None = None) -> Rows:
    """The texts of a file, as `textmill score` finds them; without labels. RequestError if it holds none."""
    layout = layout_of(path, reading or IngestConfig())
    texts = [record.text for record in read_texts(layout, []) if record.text is not None]
    if not texts:
        raise RequestError(f"--rows {path}: there is no text in it")
    return Rows(f"the texts of {path.name}", texts, [None] * len(texts))
