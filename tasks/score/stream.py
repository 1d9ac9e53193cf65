"""Score a stream of collected documents, batch after batch, with models that stay the same for the whole run.

Shapes: N documents of a batch, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.collect.found import COLLECTED_SCHEMA
from tasks.documents.reasons import QUARANTINE_BYTES
from tasks.errors import RequestError
from tasks.model.no_label import NO_TOKENS
from tasks.monitor.tables import SCORED_SCHEMA, TOWARDS
from tasks.monitor.transaction import Refused
from tasks.progress import SILENT
from tasks.register.handle import Handle
from tasks.score.answers import answers
from tasks.towards.towards import sentiment_towards, trained_on_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks.engine.engine import Engine
    from tasks.progress import Progress
    from tasks.register.models import LoadedModel
    from tasks.score.watch import WatchList

MANY = 20_000  # documents; for less, starting processes costs more than they save
MOST_KEPT = 64  # labels whose probabilities are kept with a document


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
        self,
        batches: Iterable[pa.RecordBatch],
        progress: Progress = SILENT,
        *,
        total: int | None = None,
        engine: Engine | None = None,
    ) -> Iterator[tuple[pa.RecordBatch, list[Refused]]]:
        """Scored documents (SCORED_SCHEMA) for collected ones (COLLECTED_SCHEMA), in their order, and those without a token.

        A document of unknown words alone is scored: its names and topics count, and drift is told by such words.
        Where there are `total` documents and that is many, the processes of `engine` score them.
        """
        read = 0
        for found, rows in self._found(batches, engine if total and total >= MANY else None):
            yield found
            read += rows
            progress.advance(read, total, "documents")

    def _found(
        self, batches: Iterable[pa.RecordBatch], engine: Engine | None
    ) -> Iterator[tuple[tuple[pa.RecordBatch, list[Refused]], int]]:
        """What each batch comes to, and how many documents it has."""
        models = [Handle.of(model) for model in (self.sentiment, *self.topics)]
        here = engine is None or not engine.elsewhere
        if engine is None or any(model.place is None or (here and model.shares_no_lock) for model in models):
            yield from ((self.score_batch(batch), batch.num_rows) for batch in batches)
            return
        scorer = _Sent(models[0], self.negative, tuple(models[1:]), self.watch_list)
        yield from engine.map_ordered(_score_part, ((part, scorer) for part in _parts(batches)), ready=(_Part(0, None), scorer))

    def score_batch(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Refused]]:
        """The scored documents of one batch, and those without a token."""
        sources, texts = batch.column("source").to_pylist(), batch.column("text").to_pylist()
        reading = self.sentiment.model.read(texts)
        (rows_N,), (empty,) = np.nonzero(reading.tokens), np.nonzero(reading.tokens == 0)
        refused = [Refused(sources[row], 0, NO_TOKENS, texts[row].encode()[:QUARANTINE_BYTES]) for row in empty]
        batch = batch.take(pa.array(rows_N, pa.int64()))
        texts, probabilities_NC = batch.column("text").to_pylist(), reading.probabilities[rows_N]
        labels = self.sentiment.model.labels
        columns = {name: batch.column(name) for name in COLLECTED_SCHEMA.names}
        columns |= {
            "model": repeated(self.sentiment.title, len(texts)),
            "label": pa.array(labels, pa.string()).take(pa.array(probabilities_NC.argmax(axis=1))),
            "confidence": pa.array(probabilities_NC.max(axis=1, initial=0.0), pa.float32()),
            "negative": pa.array(np.ascontiguousarray(probabilities_NC[:, labels.index(self.negative)]), pa.float32()),
            "probabilities": _kept(probabilities_NC),
            "tokens": pa.array(reading.tokens[rows_N], pa.int32()),
            "unseen": pa.array(reading.unseen[rows_N], pa.int32()),
            "topics": self._topics(texts),
            **self._names(texts, probabilities_NC),
        }
        return pa.record_batch([columns[field.name] for field in SCORED_SCHEMA], schema=SCORED_SCHEMA), refused

    def _topics(self, texts: Sequence[str]) -> pa.Array:
        """For each text the label that each topic model gives it; none of a model that finds nothing to read in it."""
        pairs: list[list[tuple[str, str]]] = [[] for _ in texts]
        for topic in self.topics:
            probabilities_NC, whys = answers(topic.model, texts)
            best_N = probabilities_NC.argmax(axis=1)
            for row, why in enumerate(whys):
                if why is None:
                    pairs[row].append((topic.name, topic.model.labels[best_N[row]]))
        return pa.array(pairs, pa.map_(pa.string(), pa.string()))

    def _names(self, texts: Sequence[str], probabilities_NC: np.ndarray) -> dict[str, pa.Array]:
        """The columns `names` and `towards`: the entries that each text speaks of, and the sentiment towards each."""
        if self.watch_list is None:
            none = pa.array(np.zeros(len(texts) + 1, np.int32))
            kinds = {"names": pa.string(), "towards": TOWARDS.value_type}
            return {name: pa.ListArray.from_arrays(none, pa.array([], kind)) for name, kind in kinds.items()}
        model, labels = self.sentiment.model, self.sentiment.model.labels
        found = self.watch_list.mentions(texts)
        told = sentiment_towards(found, probabilities_NC, partial(answers, model), by_pair=trained_on_pairs(model))
        offsets = pa.array(np.searchsorted(told.rows, np.arange(len(texts) + 1)).astype(np.int32))
        columns = [
            pa.array(told.names, pa.string()),
            pa.array(labels, pa.string()).take(pa.array(told.probabilities.argmax(axis=1))),
            pa.array(np.ascontiguousarray(told.probabilities[:, labels.index(self.negative)]), pa.float32()),
            pa.array(told.origins, pa.string()),
        ]
        towards = pa.StructArray.from_arrays(columns, fields=list(TOWARDS.value_type))
        return {
            "names": pa.ListArray.from_arrays(offsets, columns[0]),
            "towards": pa.ListArray.from_arrays(offsets, towards),
        }


class _Part(NamedTuple):
    """A batch of collected documents, the first with the number `first`, from 0."""

    first: int
    batch: pa.RecordBatch | None

    def __str__(self) -> str:
        rows = 0 if self.batch is None else self.batch.num_rows
        return f"documents {self.first + 1:,} to {self.first + rows:,} of those collected"


class _Sent(NamedTuple):
    """A scorer that can be sent to another process, where its models are opened once."""

    sentiment: Handle
    negative: str
    topics: tuple[Handle, ...]
    watch_list: WatchList | None


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[_Part]:
    first = 0
    for batch in batches:
        yield _Part(first, batch)
        first += batch.num_rows


def _score_part(part: _Part, sent: _Sent) -> tuple[tuple[pa.RecordBatch, list[Refused]], int]:
    """Score one batch; without one the models are opened and nothing more is done."""
    topics = tuple(topic.loaded for topic in sent.topics)
    scorer = Scorer(sent.sentiment.loaded, sent.negative, topics, sent.watch_list)
    batch = pa.RecordBatch.from_pylist([], COLLECTED_SCHEMA) if part.batch is None else part.batch
    return scorer.score_batch(batch), batch.num_rows


def _kept(probabilities_NC: np.ndarray) -> pa.Array:
    """The probabilities by label, lists of float32; nulls for a model with more than MOST_KEPT labels."""
    num_texts, num_labels = probabilities_NC.shape
    if num_labels > MOST_KEPT:
        return pa.nulls(num_texts, pa.list_(pa.float32()))
    offsets = np.arange(num_texts + 1, dtype=np.int32) * num_labels
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(probabilities_NC, np.float32).ravel())


def repeated(value: str, times: int) -> pa.Array:
    """The same text `times` times, without a Python object for each."""
    return pa.array([value], pa.string()).take(pa.array(np.zeros(times, np.int64)))
