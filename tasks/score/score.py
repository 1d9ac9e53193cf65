"""Label the texts of a file or folder with a registered model, into one Parquet file."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.durable import num_cores, replaced
from tasks.errors import RequestError
from tasks.model.costs import NO_ANSWER
from tasks.model.no_label import NO_TOKENS
from tasks.progress import SILENT
from tasks.score.abstain import UNCERTAIN, costs_of, given, promised
from tasks.score.answers import answers
from tasks.score.explained import WORDS, explained_answers, of_other_labels
from tasks.score.replies import replies, with_replies
from tasks.score.rest import rest_of
from tasks.score.texts import check_texts, layout_of, read_texts
from tasks.shown import in_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks.documents.record import Record
    from tasks.ingest.settings import IngestConfig
    from tasks.model.abstention import Promise
    from tasks.model.costs import Costs
    from tasks.progress import Progress
    from tasks.register.models import LoadedModel

log = logging.getLogger(__name__)

BATCH = 1024
SIMILAR = pa.list_(
    pa.struct([("text", pa.string()), ("label", pa.string()), ("answer", pa.string()), ("similarity", pa.float32())])
)
COLLECT_AFTER = 100_000


def check_request(source: Path, output: Path, reading: IngestConfig) -> None:
    """Raise RequestError for all that can be known before a model is loaded: paths, the column, the beginning of the input."""
    _check_output(source.absolute(), output.absolute())
    check_texts(source.absolute(), reading)


def score_file(
    source: Path,
    output: Path,
    *,
    reading: IngestConfig,
    loaded: LoadedModel,
    min_confidence: float | None = None,
    max_error: float | None = None,
    each_label: bool = False,
    by_cost: bool = False,
    explain: bool = False,
    rank: str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Label every text of `source` and write `output` (Parquet), whole or not at all.

    `source` is a text file (a document a line), csv, tsv, JSON lines, Parquet, an archive or a folder of .txt files; `reading`
    says in which column and encoding. A row of the output: id, text, label, confidence, probabilities (a struct with one field
    a label), reason, model. Where no label is given, `reason` says why: `uncertain` below `min_confidence`, or where the model
    must abstain so that at most `max_error` of its answers are wrong (of each label's with `each_label`), and `no_known_word`
    where it knows no word of the text (all with confidence and probabilities), `empty_after_cleaning`, or the reason why the
    record is refused. With `by_cost` the label is the one that is cheapest to expect; no answer may be cheaper still. The
    input's other columns follow, in their order. Nothing is lost: found = scored + quarantined.
    With `explain`, `explanation` is a list of structs: each word, where it is in the text (`start` and `end`, in characters)
    and its share of the log-odds of the label, or of the likeliest where none is given.
    Of a model that carries answers there are `answer` and `similar` too: the answer that goes with the label, or else the most
    similar training questions, a list of structs of text, label, answer and similarity.
    With `rank`, a label, the rows are in the order of its probability, the highest first, those without any last; else in that
    of the input.
    With `max_error` the report has `promise` too, and found = answered + abstained + quarantined.
    `warnings` of the report are lines about things that a user should look at.

    RequestError for input or output that cannot be used, or a promise that the model cannot make.
    """
    check_request(source, output, reading)
    source, output = source.absolute(), output.absolute()
    promise = None if max_error is None else promised(loaded, max_error, each_label=each_label)
    if rank is not None and rank not in loaded.model.labels:
        known = ", ".join(map(in_line, loaded.model.labels[:20]))
        raise RequestError(f"--rank {in_line(rank)} is no label of {loaded.title}; its labels are {known}")
    schema = _schema(loaded.model.labels, explain=explain, replies=replies(loaded))
    layout = layout_of(source, reading, keep=True)
    rest = rest_of(layout, schema.names)
    whole = pa.schema([*schema, *rest.fields])
    counts, reasons = Counter[str](), Counter[str]()
    warnings: list[str] = []
    with replaced(output, flushed=True) as path, _rare_garbage_collections():
        with pq.ParquetWriter(path, whole, compression="zstd", write_page_checksum=True) as writer:
            texts = read_texts(layout, warnings)
            for batch, scored in _labelled_in_order(
                texts, loaded, costs_of(loaded) if by_cost else promise or min_confidence, explain
            ):
                writer.write_batch(pa.record_batch([*scored.columns, *rest.take(batch)], schema=whole))
                counts.update(label for label in scored.column("label").to_pylist() if label is not None)
                reasons.update(reason for reason in scored.column("reason").to_pylist() if reason is not None)
                progress.advance(counts.total() + reasons.total(), None, "documents")
        if rank is not None:
            _rank(path, rank)
        num_found = counts.total() + reasons.total()
        if not num_found:
            raise RequestError(f"{source}: no text in it; give a file with a text a line, a table, or a folder of .txt files")
    uncertain = reasons.pop(UNCERTAIN, 0)
    return {
        "found": num_found,
        "scored": counts.total() + uncertain,
        "uncertain": uncertain,
        **({} if promise is None else {"answered": counts.total(), "abstained": uncertain, "promise": promise.facts()}),
        "quarantined": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
        "labels": dict(sorted(counts.items())),
        "model": loaded.title,
        "output": str(output),
        "warnings": warnings,
    }


def _labelled_in_order(
    texts: Iterator[Record], loaded: LoadedModel, rule: Promise | Costs | float | None, explain: bool
) -> Iterator[tuple[list[Record], pa.RecordBatch]]:
    """Batches of `texts` and their part of the output, in their order, with as many under way as there are cores.

    Threads, not processes: while one cuts its texts into tokens, the others look up n-grams and multiply, which needs no lock.
    """
    num_threads = num_cores()
    waiting: deque[tuple[list[Record], Future[pa.RecordBatch]]] = deque()
    with ThreadPoolExecutor(num_threads) as pool:
        while batch := list(islice(texts, BATCH)):
            waiting.append((batch, pool.submit(_labelled, batch, loaded, rule, explain)))
            if len(waiting) > num_threads:
                done, scored = waiting.popleft()
                yield done, scored.result()
        while waiting:
            done, scored = waiting.popleft()
            yield done, scored.result()


def _labelled(batch: list[Record], loaded: LoadedModel, rule: Promise | Costs | float | None, explain: bool) -> pa.RecordBatch:
    """One batch of the output. Shapes: B rows, T of them with something to read, C labels; `rule` as `given` takes it."""
    texts, reasons = [record.text for record in batch], [record.reason for record in batch]
    rows = [row for row, text in enumerate(texts) if text is not None]
    to_read = [text for text in texts if text is not None]
    words = None
    if explain:
        probabilities, nothing_read, words = explained_answers(loaded, to_read)
    else:
        probabilities, nothing_read = answers(loaded.model, to_read)
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
    labels: list[str | None] = [None] * len(batch)
    for row, best in zip(rows_T, given_T, strict=True):
        if best != NO_ANSWER:
            labels[row] = names[best]
        elif reasons[row] is None:
            reasons[row] = UNCERTAIN
    place_B = np.full(len(batch), -1, np.int64)
    place_B[rows_T] = np.arange(len(rows_T))
    at = pa.array(place_B, mask=place_B < 0)
    schema = _schema(loaded.model.labels, explain=explain, replies=replies(loaded))
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
            pa.array([record.id for record in batch], pa.string()),
            pa.array(texts, pa.string()),
            pa.array(labels, pa.string()),
            confidence,
            probabilities.take(at),
            pa.array(reasons, pa.string()),
            pa.array([loaded.title] * len(batch), pa.string()),
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


def _schema(labels: Sequence[str], *, explain: bool, replies: bool) -> pa.Schema:
    return pa.schema(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float32()),
            ("probabilities", pa.struct([(label, pa.float32()) for label in labels])),
            ("reason", pa.string()),
            ("model", pa.string()),
            *([("explanation", WORDS)] if explain else []),
            *([("answer", pa.string()), ("similar", SIMILAR)] if replies else []),
        ]
    )


def _rank(path: Path, label: str) -> None:
    """Put the rows of a written file in the order of a label's probability; equal ones keep theirs. It is read whole."""
    table = pq.read_table(path, page_checksum_verification=True)
    names = [field.name for field in table.schema.field("probabilities").type]
    probability = pc.struct_field(table["probabilities"], [names.index(label)]).combine_chunks()
    numbers = np.nan_to_num(-probability.to_numpy(zero_copy_only=False), nan=np.inf)
    pq.write_table(table.take(pa.array(np.argsort(numbers, kind="stable"))), path, compression="zstd", write_page_checksum=True)


def _check_output(source: Path, output: Path) -> None:
    if output.is_dir():
        raise RequestError(f"{output}: a folder; name the file to write, such as {output / 'scored.parquet'}")
    if not output.parent.is_dir():
        raise RequestError(f"{output.parent}: no such folder; create it first")
    if output.exists() and source.exists() and output.samefile(source):
        raise RequestError(f"{output}: this is the input; name another file to write")
    if output.suffix != ".parquet":
        raise RequestError(f"{output} does not end in .parquet; labels and probabilities are written as Parquet")


@contextlib.contextmanager
def _rare_garbage_collections() -> Iterator[None]:
    """Collect after more new objects than Python's 700: looking at every list of tokens took an eighth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
