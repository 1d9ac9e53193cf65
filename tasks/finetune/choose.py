"""Which model `finetune.model = auto` is, by the train rows alone. docs/MODELS.md has the measurements behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasks.finetune.kind import Size
from tasks.finetune.kinds import KINDS
from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.finetune.settings import FinetuneConfig

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
        if num_tokens > _most(num_classes):
            break
    return choose(Size(len(labels), num_tokens, num_classes))


def choose(size: Size) -> Choice:
    """Of the kinds that may be chosen the one for the least text that is not for less; `num_tokens` may stop at the bound."""
    automatic = sorted((kind for kind in KINDS.values() if kind.automatic), key=lambda kind: kind.most_tokens(size.num_classes))
    kind = next(kind for kind in automatic if size.num_tokens <= kind.most_tokens(size.num_classes))
    most = _most(size.num_classes)
    tokens = f"{size.num_tokens:,}" if size.num_tokens <= most else f"over {most:,}"
    return Choice(kind.name, f"{size.num_rows:,} train rows of {tokens} tokens in {size.num_classes:,} classes")


def _most(num_classes: int) -> float:
    """Tokens beyond which more of them change nothing."""
    bounds = (kind.most_tokens(num_classes) for kind in KINDS.values() if kind.automatic)
    return max((bound for bound in bounds if bound != float("inf")), default=0)


def with_model(config: FinetuneConfig, dataset: Path) -> FinetuneConfig:
    """The section with a model in place of `auto`."""
    return config.with_model(choose_model(dataset).model) if config.model == "auto" else config
