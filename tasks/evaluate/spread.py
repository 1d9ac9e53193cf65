"""Test rows labelled by the workers of a cluster, which have processors of their own. Rows travel with the calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.engine.engine import UnseenError
from tasks.model.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tasks.engine.engine import Engine
    from tasks.store.shared.exchange import Exchange, Route

FEW_OF_TEXTS, FEW = 1, 10  # batches that are not worth a worker: of a model that reads texts, and of one that reads tokens


class Batch(NamedTuple):
    """Some test rows, the first with the number `first`, from 0: their tokens, and their texts for a model that reads those."""

    first: int
    tokens: pa.Array
    texts: list[str] | None

    def __str__(self) -> str:
        return f"test rows {self.first + 1:,} to {self.first + len(self.tokens):,}"


@dataclass(frozen=True)
class Spread:
    """Workers that are elsewhere, and how they have the folder of the model if they do not see it."""

    engine: Engine
    model: Path
    exchange: Exchange | None

    def probabilities(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        """Probabilities of each batch, float32 [N, C], in order."""
        compact = (_compact(batch) for batch in batches)
        if self.exchange is None:
            return self.engine.map_ordered(label_batch, ((batch, self.model.absolute()) for batch in compact))
        return self.exchange.map_ordered(self.engine, label_elsewhere, ((batch,) for batch in compact))


def label_batch(batch: Batch, model: Path) -> np.ndarray:
    """Probabilities of some rows, float32 [N, C]; UnseenError where the model is not there."""
    if not model.is_dir():
        raise UnseenError(f"{model}: no such folder", str(model))
    return np.asarray(_classifier(model).probabilities(batch.tokens, batch.texts), np.float32)


def label_elsewhere(batch: Batch, route: Route) -> np.ndarray:
    """`label_batch` on a worker that shares no disk with the command: it has the model from the bucket."""
    with route.working() as here:
        return label_batch(batch, here.folder)


@lru_cache(maxsize=1)
def _classifier(model: Path) -> Classifier:
    """Opened once in a process; a folder of the store is named by what it holds."""
    return Classifier.load(model)


def _compact(batch: Batch) -> Batch:
    """The same rows; their dictionary of words holds those that occur in them and no others."""
    words = batch.tokens.flatten()
    if not isinstance(words, pa.DictionaryArray):
        return batch
    lengths = batch.tokens.value_lengths().to_numpy(zero_copy_only=False)
    offsets = pa.array(np.append(0, np.cumsum(lengths, dtype=np.int64)))
    return batch._replace(tokens=pa.LargeListArray.from_arrays(offsets, words.dictionary_decode().dictionary_encode()))
