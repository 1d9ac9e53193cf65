"""Score a stream of collected documents, batch after batch, with models that stay the same for the whole run.

Shapes: N documents of a batch, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tasks.errors import RequestError
from tasks.monitor.schema import SCORED_SCHEMA
from tasks.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks.progress import Progress
    from tasks.register.models import LoadedModel
    from tasks.score.watch import WatchList


@dataclass(frozen=True)
class Scorer:
    """A sentiment model, the models whose labels are topics, and the names to look for."""

    sentiment: LoadedModel
    negative: str
    topics: Sequence[LoadedModel] = ()
    watch_list: WatchList | None = None

    def __post_init__(self) -> None:
        """RequestError: a model that cannot be used for this."""
        labels = self.sentiment.model.labels
        if self.negative not in labels:
            raise RequestError(
                f"model {self.sentiment.title} has no label {self.negative!r}; --detect.negative is one of {', '.join(labels)}"
            )
        if not hasattr(self.sentiment.model, "read"):
            raise RequestError(
                f"model {self.sentiment.title} was packaged by an earlier textmill and cannot count unseen words; "
                "train again: textmill train registers a new version"
            )
        names = [topic.name for topic in self.topics]
        for name in names:
            if names.count(name) > 1:
                raise RequestError(f"--score.topics names model {name!r} twice; name each once")

    def score(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = SILENT, *, total: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Scored documents (SCORED_SCHEMA) for collected ones (COLLECTED_SCHEMA), in their order."""
        done = 0
        for batch in batches:
            yield self._score(batch)
            done += batch.num_rows
            progress.advance(done, total, "documents")

    def _score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch.column("text").to_pylist()
        reading = self.sentiment.model.read(texts)
        labels = self.sentiment.model.labels
        best_N = reading.probabilities.argmax(axis=1)
        columns = {name: batch.column(name) for name in ("id", "time", "day", "text", "source")}
        columns |= {
            "model": repeated(self.sentiment.title, len(texts)),
            "label": pa.array(labels, pa.string()).take(pa.array(best_N)),
            "confidence": pa.array(reading.probabilities.max(axis=1, initial=0.0), pa.float32()),
            "negative": pa.array(np.ascontiguousarray(reading.probabilities[:, labels.index(self.negative)]), pa.float32()),
            "tokens": pa.array(reading.tokens, pa.int32()),
            "unseen": pa.array(reading.unseen, pa.int32()),
            "topics": self._topics(texts),
            "names": self._names(texts),
        }
        return pa.record_batch([columns[field.name] for field in SCORED_SCHEMA], schema=SCORED_SCHEMA)

    def _topics(self, texts: Sequence[str]) -> pa.Array:
        """For each text the label that each topic model gives it."""
        num_models, num_texts = len(self.topics), len(texts)
        offsets = pa.array(np.arange(num_texts + 1) * num_models, pa.int32())
        if not num_models:
            return pa.MapArray.from_arrays(offsets, pa.array([], pa.string()), pa.array([], pa.string()))
        keys = np.tile([topic.name for topic in self.topics], num_texts)
        labels = [
            np.array(topic.model.labels, object)[topic.model.probabilities(texts).argmax(axis=1)] for topic in self.topics
        ]
        items = np.stack(labels, axis=1).reshape(-1)
        return pa.MapArray.from_arrays(offsets, pa.array(keys, pa.string()), pa.array(items, pa.string()))

    def _names(self, texts: Sequence[str]) -> pa.Array:
        found = self.watch_list.find(texts) if self.watch_list else [[]] * len(texts)
        return pa.array(found, pa.list_(pa.string()))


def repeated(value: str, times: int) -> pa.Array:
    """The same text `times` times, without a Python object for each."""
    return pa.array([value], pa.string()).take(pa.array(np.zeros(times, np.int64)))
