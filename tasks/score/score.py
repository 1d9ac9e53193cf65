"""Label the texts of a file or folder with a registered model, into one Parquet file."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.documents.layouts.table import TableLayout
from tasks.documents.tally import Tally
from tasks.durable import replaced
from tasks.engine.engines import open_engine
from tasks.errors import RequestError
from tasks.garbage import seldom_collected
from tasks.joined_parquet import JoinedParquet
from tasks.progress import SILENT
from tasks.register.handle import Handle
from tasks.score.abstain import UNCERTAIN, costs_of, promised
from tasks.score.label import scored_schema
from tasks.score.parquet_parts import cut_parquet
from tasks.score.parts import BATCH, PART_ROWS, Asked, Part, ScoredPart, Unscored, cut, empty, score_part
from tasks.score.rest import ParquetRest, rest_of
from tasks.score.texts import check_texts, layout_of, read_texts
from tasks.shown import in_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.layout import Layout
    from tasks.engine.engine import Engine
    from tasks.ingest.settings import IngestConfig
    from tasks.progress import Progress
    from tasks.register.models import LoadedModel
    from tasks.score.rest import Rest
    from tasks.score.watch import WatchList

ALL = sys.maxsize
FEW = 4  # parts; for less, starting processes costs more than they save
MUCH = 16 << 20  # bytes of a file that surely has more parts


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
    watch: WatchList | None = None,
    engine: Engine | None = None,
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
    With `watch`, `towards` is a list of structs for the names that the text speaks of: name, label, confidence, and `from`,
    what the label towards the name is from (pair, clause or text; see tasks/towards).
    Of a model that carries answers there are `answer` and `similar` too: the answer that goes with the label, or else the most
    similar training questions, a list of structs of text, label, answer and similarity.
    With `rank`, a label, the rows are in the order of its probability, the highest first, those without any last; else in that
    of the input.
    With `max_error` the report has `promise` too, and found = answered + abstained + quarantined.
    The parts of a large input are labelled by the processes of `engine`; without one by threads of this process. The bytes
    are the same.
    `warnings` of the report are lines about things that a user should look at.

    RequestError for input or output that cannot be used, or a promise that the model cannot make.
    """
    check_request(source, output, reading)
    source, output = source.absolute(), output.absolute()
    promise = None if max_error is None else promised(loaded, max_error, each_label=each_label)
    if rank is not None and rank not in loaded.model.labels:
        known = ", ".join(map(in_line, loaded.model.labels[:20]))
        raise RequestError(f"--rank {in_line(rank)} is no label of {loaded.title}; its labels are {known}")
    schema = scored_schema(loaded, explain=explain, towards=watch is not None)
    layout = layout_of(source, reading, keep=True)
    rest = rest_of(layout, schema.names)
    rule = costs_of(loaded) if by_cost else promise or min_confidence
    asked = Asked(Handle.of(loaded), rule, explain, pa.schema([*schema, *rest.fields]), watch)
    counts, reasons = Counter[str](), Counter[str]()
    warnings: list[str] = []
    with replaced(output, flushed=True) as path, seldom_collected():
        with JoinedParquet(path, empty(asked)) as joined:
            for scored in _scored(layout, rest, asked, engine, warnings):
                joined.add(scored.data)
                counts += scored.labels
                reasons += scored.reasons
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


def _scored(layout: Layout, rest: Rest, asked: Asked, engine: Engine | None, warnings: list[str]) -> Iterator[ScoredPart]:
    """The parts of the input labelled, in their order; `warnings` gets lines about its texts."""
    few = _few(engine, asked.model, layout)
    rows = BATCH if few == ALL else PART_ROWS
    tally = Tally(layout.encoding, layout.encoding_flag)  # of records that workers make
    parts: Iterator[Unscored]
    if isinstance(layout, TableLayout) and isinstance(rest, ParquetRest):
        parts = cut_parquet(layout, rest, rows=rows)
    else:
        parts = cut(read_texts(layout, warnings), rest, layout.path.name, rows=rows)
    calls, ready = ((part, asked) for part in parts), (Part(layout.path.name), asked)
    for scored in (engine or open_engine()).map_ordered(score_part, calls, few=few, ready=ready):
        if scored.tally is not None:
            tally.add(scored.tally)
        yield scored
    if tally.found:
        tally.check(layout.path)
        warnings += tally.warnings(layout.path)


def _few(engine: Engine | None, model: Handle, layout: Layout) -> int:
    """How many parts are labelled here before processes start: ALL, where these could do no better."""
    if engine is None or model.place is None or (model.shares_no_lock and not engine.elsewhere):
        return ALL
    return 0 if _is_large(layout) else FEW


def _is_large(layout: Layout) -> bool:
    """Whether an input surely has more parts than few."""
    if isinstance(layout, TableLayout) and layout.is_parquet:
        return bool(pq.read_metadata(layout.path).num_rows > FEW * PART_ROWS)
    return layout.path.is_file() and layout.path.stat().st_size >= MUCH


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
