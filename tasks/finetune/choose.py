"""Which model `finetune.model = auto` is, by the train rows alone. docs/MODELS.md has the measurements behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasks.config import AUTO
from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import FinetuneConfig

FEW_ROWS = 10_000  # train rows up to which tfidf was at least as accurate as bag
MANY_CLASSES = 20  # from which bag, whose steps move a class' weights too little, fell behind by points at any size


@dataclass(frozen=True)
class Choice:
    """A model as `finetune.model` names it, and why, in words for one line."""

    model: str
    reason: str


def choose_model(dataset: Path) -> Choice:
    """The model for the train rows of `dataset`: tfidf for few rows or many classes, else bag."""
    labels = pa.chunked_array([batch.column("label") for batch in iter_batches(dataset, ("train",), ["label"])], pa.string())
    return choose(len(labels), len(pc.unique(labels)))


def choose(num_rows: int, num_classes: int) -> Choice:
    """`choose_model` for so many train rows in so many classes."""
    model = "tfidf" if num_rows <= FEW_ROWS or num_classes >= MANY_CLASSES else "bag"
    return Choice(model, f"{num_rows:,} train rows in {num_classes:,} classes")


def with_model(config: FinetuneConfig, dataset: Path) -> FinetuneConfig:
    """The section with a model in place of `auto`."""
    return config.model_copy(update={"model": choose_model(dataset).model}) if config.model == AUTO else config
