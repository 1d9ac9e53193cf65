"""Which model `finetune.model = auto` is, by the train rows alone. docs/MODELS.md has the measurements behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import FinetuneConfig

FEW_TOKENS = 80_000  # of the train rows, up to which tfidf was at least as accurate as bag on nearly every corpus
MANY_CLASSES = 30  # from which bag, whose steps move a class' weights too little, fell behind at any size
MOST_NUMBERS = 300_000_000  # tokens times classes, up to which tfidf's weights fit into a gigabyte or two
BATCH_ROWS = 256


@dataclass(frozen=True)
class Choice:
    """A model as `finetune.model` names it, and why, in words for one line."""

    model: str
    reason: str


def choose_model(dataset: Path) -> Choice:
    """The model for the train rows of `dataset`; reads no more of them than the choice needs."""
    labels = pa.chunked_array([batch.column("label") for batch in iter_batches(dataset, ("train",), ["label"])], pa.string())
    num_classes, num_tokens = len(pc.unique(labels)), 0
    for batch in iter_batches(dataset, ("train",), ["tokens"], BATCH_ROWS):
        num_tokens += pc.sum(pc.list_value_length(batch.column("tokens"))).as_py() or 0
        if num_tokens > most_tokens(num_classes):
            break
    return choose(len(labels), num_tokens, num_classes)


def most_tokens(num_classes: int) -> int:
    """Tokens of the train rows up to which tfidf is chosen for so many classes."""
    return FEW_TOKENS if num_classes < MANY_CLASSES else MOST_NUMBERS // num_classes


def choose(num_rows: int, num_tokens: int, num_classes: int) -> Choice:
    """tfidf for little text or many classes, else bag; `num_tokens` may be short of all where it is over `most_tokens`."""
    most = most_tokens(num_classes)
    size = f"{num_tokens:,}" if num_tokens <= most else f"over {most:,}"
    reason = f"{num_rows:,} train rows of {size} tokens in {num_classes:,} classes"
    return Choice("tfidf" if num_tokens <= most else "bag", reason)


def with_model(config: FinetuneConfig, dataset: Path) -> FinetuneConfig:
    """The section with a model in place of `auto`."""
    return config.model_copy(update={"model": choose_model(dataset).model}) if config.model == "auto" else config
