"""The texts that a review may choose from: rows without a label of a run, texts of a file, or documents of a monitor."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from tasks.ingest.schema import CORPUS
from tasks.labels.content import content_key
from tasks.monitor.tables import ALL
from tasks.prepare.read import iter_texts
from tasks.score.answers import answers
from tasks.score.texts import layout_of, read_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from tasks.forget.forgotten import Forgotten
    from tasks.ingest.settings import IngestConfig
    from tasks.monitor.state import MonitorState
    from tasks.progress import Progress
    from tasks.register.models import LoadedModel

MOST = 200_000  # texts that are judged at once, in memory; of more a random sample
_BATCH = 1024


class Candidate(NamedTuple):
    """A text, the id of its row, where it is from, and its `content_key`."""

    text: str
    row: str
    source: str | None
    key: str


class Candidates(NamedTuple):
    """The candidates, how many texts there were, and how many of these have a label already."""

    texts: list[Candidate]
    found: int
    labelled: int


def of_run(prepared: Path) -> Iterator[tuple[str, str, str | None]]:
    """Text, id and source of the rows of a run that have no label; `prepared` is the folder of its step prepare."""
    for batch in iter_texts(prepared / "texts", ("unlabelled",)):
        for row in batch.to_pylist():
            yield row["text"], row["id"], None


def of_file(source: Path, reading: IngestConfig, warnings: list[str]) -> Iterator[tuple[str, str, str | None]]:
    """The same of a file or folder, as `textmill score` reads it."""
    for record in read_texts(layout_of(source, reading), warnings):
        if record.text is not None:
            yield record.text, record.id, record.source


def of_monitor(state: MonitorState, days: int) -> Iterator[tuple[str, str, str | None]]:
    """The same of the last `days` days of a monitor, counted from its newest document."""
    known = sorted(set(state.counts(ALL).column("day").to_pylist()))
    if not known:
        return
    first = (date.fromisoformat(known[-1]) - timedelta(days=days - 1)).isoformat()
    for batch in state.documents([day for day in known if day >= first], ["id", "text", "source"], newest_first=True):
        for row in batch.to_pylist():
            yield row["text"], row["id"].hex(), row["source"]


def labelled_keys(corpus: Path) -> set[str]:
    """The `content_key` of every text that has a label in a run's corpus."""
    keys: set[str] = set()
    with pq.ParquetFile(corpus / CORPUS, page_checksum_verification=True) as file:
        for batch in file.iter_batches(columns=["text", "label"], use_threads=False):
            keys.update(content_key(text) for text in batch.filter(batch.column("label").is_valid()).column("text").to_pylist())
    return keys


def candidates(
    found: Iterable[tuple[str, str, str | None]], labelled: Collection[str], seed: int, forgotten: Forgotten | None = None
) -> Candidates:
    """Those of the texts that nobody has labelled; of more than MOST a random sample (Vitter 1985, algorithm R).

    A text that was to be forgotten is none.
    """
    kept: list[Candidate] = []
    draw, count, passed = random.Random(seed), 0, 0
    for text, row, source in found:
        if forgotten is not None and forgotten.holds(text):
            continue
        key = content_key(text)
        count += 1
        if key in labelled:
            passed += 1
            continue
        each, open_ = Candidate(text, row, source, key), count - passed
        if len(kept) < MOST:
            kept.append(each)
        elif (place := draw.randrange(open_)) < MOST:
            kept[place] = each
    return Candidates(kept, count, passed)


def judged(loaded: LoadedModel, texts: list[Candidate], progress: Progress) -> tuple[list[Candidate], np.ndarray]:
    """The candidates in which the model finds something to read, and its probabilities: float32 [N, C]."""
    kept: list[Candidate] = []
    parts = [np.empty((0, len(loaded.model.labels)), np.float32)]
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        probabilities, reasons = answers(loaded.model, [each.text for each in batch])
        read = [at for at, reason in enumerate(reasons) if reason is None]
        kept += [batch[at] for at in read]
        parts.append(probabilities[read])
        progress.advance(start + len(batch), len(texts), "documents")
    return kept, np.concatenate(parts)
