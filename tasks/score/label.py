"""Records in, the rows of the output out: labels, probabilities and what goes with them, as one batch of Arrow.

Shapes: B records, T of them with something to read, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tasks.model.costs import NO_ANSWER
from tasks.model.no_label import NO_TOKENS
from tasks.score.abstain import UNCERTAIN, given
from tasks.score.answers import answers
from tasks.score.explained import WORDS, explained_answers, of_other_labels
from tasks.score.replies import replies, with_replies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.model.abstention import Promise
    from tasks.model.costs import Costs
    from tasks.register.models import LoadedModel
    from tasks.score.watch import WatchList

RECORDS = pa.schema([("id", pa.string()), ("text", pa.string()), ("reason", pa.string())])  # text or reason is null
SIMILAR = pa.list_(
    pa.struct([("text", pa.string()), ("label", pa.string()), ("answer", pa.string()), ("similarity", pa.float32())])
)


TOWARDS = pa.list_(
    pa.struct([("name", pa.string()), ("label", pa.string()), ("confidence", pa.float32()), ("from", pa.string())])
)


def scored_schema(loaded: LoadedModel, *, explain: bool, towards: bool = False) -> pa.Schema:
    """The columns of the output that a model fills; with `towards` that of the names of a watch-list too."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float32()),
            ("probabilities", pa.struct([(label, pa.float32()) for label in loaded.model.labels])),
            ("reason", pa.string()),
            ("model", pa.string()),
            *([("towards", TOWARDS)] if towards else []),
            *([("explanation", WORDS)] if explain else []),
            *([("answer", pa.string()), ("similar", SIMILAR)] if replies(loaded) else []),
        ]
    )


def labelled(
    records: pa.RecordBatch,
    loaded: LoadedModel,
    rule: Promise | Costs | float | None,
    *,
    explain: bool,
    watch: WatchList | None = None,
) -> pa.RecordBatch:
    """The rows of the output for a batch of RECORDS; `rule` as `given` takes it, `watch` the names to be told of."""
    texts, reasons = records.column("text").to_pylist(), records.column("reason").to_pylist()
    rows = [row for row, text in enumerate(texts) if text is not None]
    to_read = [text for text in texts if text is not None]
    words = None
    if explain:
        probabilities, nothing_read, words = explained_answers(loaded, to_read)
    else:
        probabilities, nothing_read = answers(loaded.model, to_read)
    named = []
    if watch is not None:
        from tasks.score.towards import towards_names

        told = dict(zip(rows, towards_names(loaded, watch, to_read, probabilities, nothing_read), strict=True))
        named.append(pa.array([told.get(row) for row in range(len(texts))], TOWARDS))
    for row, reason in zip(rows, nothing_read, strict=True):
        reasons[row] = reason
    kept = [place for place, reason in enumerate(nothing_read) if reason != NO_TOKENS]
    rows_T, probabilities_TC = np.array(rows, np.int64)[kept], probabilities[kept]
    names = np.array(loaded.model.labels, object)
    unread_T = np.array([reasons[row] is not None for row in rows_T], bool)
    given_T = np.where(unread_T, NO_ANSWER, given(probabilities_TC, rule))
    confidence_T = np.where(
        given_T == NO_ANSWER,
        probabilities_TC.max(axis=1, initial=0.0),
        probabilities_TC[np.arange(len(given_T)), np.maximum(given_T, 0)],
    )
    labels: list[str | None] = [None] * len(texts)
    for row, best in zip(rows_T, given_T, strict=True):
        if best != NO_ANSWER:
            labels[row] = names[best]
        elif reasons[row] is None:
            reasons[row] = UNCERTAIN
    place_B = np.full(len(texts), -1, np.int64)
    place_B[rows_T] = np.arange(len(rows_T))
    at = pa.array(place_B, mask=place_B < 0)
    schema = scored_schema(loaded, explain=explain, towards=watch is not None)
    fields = [pa.array(np.ascontiguousarray(column), pa.float32()) for column in probabilities_TC.T]
    probabilities = pa.StructArray.from_arrays(fields, fields=list(schema.field("probabilities").type))
    confidence = pa.array(confidence_T, pa.float32()).take(at)
    why = []
    if words is not None:
        other_T = np.flatnonzero((given_T != NO_ANSWER) & (given_T != probabilities_TC.argmax(axis=1)))
        words = of_other_labels(loaded, words, to_read, {kept[at]: names[given_T[at]] for at in other_T.tolist()})
        read_B = np.array([text is not None for text in texts], bool)
        why.append(words.combine_chunks().take(pa.array(np.cumsum(read_B) - 1, mask=~read_B)))
    return pa.record_batch(
        [
            records.column("id"),
            records.column("text"),
            pa.array(labels, pa.string()),
            confidence,
            probabilities.take(at),
            pa.array(reasons, pa.string()),
            pa.array([loaded.title] * len(texts), pa.string()),
            *named,
            *why,
            *_answered(loaded, texts, labels, confidence),
        ],
        schema=schema,
    )


def _answered(
    loaded: LoadedModel, texts: Sequence[str | None], labels: Sequence[str | None], confidence: pa.Array
) -> list[pa.Array]:
    """The columns `answer` and `similar` of B rows, of a model that carries answers."""
    if not replies(loaded):
        return []
    rows = [row for row, text in enumerate(texts) if text is not None]
    sure = confidence.to_pylist()
    asked = [{"label": labels[row], "confidence": sure[row]} for row in rows]
    said = dict(zip(rows, with_replies(loaded, [texts[row] or "" for row in rows], asked), strict=True))
    found = [said.get(row, {"answer": None, "similar": None}) for row in range(len(texts))]
    return [
        pa.array([each["answer"] for each in found], pa.string()),
        pa.array([each["similar"] for each in found], SIMILAR),
    ]
