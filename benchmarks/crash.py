"""Whether the crash of March 2020 is seen in the Guardian's headlines: as they are, copied, and thinned to a few a day.

    textmill train --preset phrasebank --ingest.path Sentences_50Agree.txt --runtime.data-root ROOT
    textmill refresh --preset headlines --collect.source guardian.csv --collect.name guardian --runtime.data-root ROOT
    python -m benchmarks.crash ROOT [--monitor guardian] [--thinned 20] [--a-day 3] [--seed 1] [--no-copies]

* as it is: the monitor's own counts.
* copied: each headline is there 1 to 40 times within three days, as wires and sites write it (capitals, `UPDATE 1-`,
  ` - Source`), scored by the model anew, and counted as stories and as documents.
* thinned: so many headlines of each day are drawn at random; again and again with other seeds. Subjects count as surges do.

The crash is found if a `high` alarm of the whole stream ends between 20 February and 16 March 2020; the alarms before are those
from March 2018 to 15 January 2020.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.checkout import CHECKOUT
from tasks.collect.collect import identity
from tasks.collect.found import COLLECTED_SCHEMA
from tasks.detect.settings import DetectConfig
from tasks.detect.stories import follow_stories
from tasks.detect.subject_alerts import judged_days
from tasks.detect.subjects import find_subjects
from tasks.detect.surges import find_surges
from tasks.monitor.aggregate import count_series
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import ALL, COUNTS_SCHEMA, SCORED_SCHEMA
from tasks.register.models import load_model
from tasks.score.stream import Scorer
from tasks.tracking.tracker import open_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEFORE = ("2018-03-01", "2020-01-15")
CRASH = ("2020-02-20", "2020-03-16")
MOST_COPIES, COPY_DAYS = 40, 3
MOST_BEFORE = 4
BATCH = 4096
WRITINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda text: f"UPDATE 1-{text}",
    lambda text: f"{text} - The Wire",
    lambda text: f"{text} | Newsdesk",
    lambda text: text.replace(",", "").replace("\u2019", "'"),
)
DAY = 86_400_000_000  # microseconds
EPOCH = date(1970, 1, 1)


class Found(NamedTuple):
    """The ends of the `high` alarms of the whole stream: in the 22 months before, and in the weeks of the crash."""

    before: list[str]
    crash: list[str]

    @classmethod
    def of(cls, counts: pa.Table, config: DetectConfig, documents: pa.Table | None = None) -> Found:
        """Judge the stream; by its documents, which are in order of days, for subjects too."""
        ends = [each.window_end for each in find_surges(counts, config) if (each.series, each.severity) == (ALL, "high")]
        if documents is not None:
            days = documents["day"].cast(pa.int32()).to_pylist()
            texts, negative = documents["text"].to_pylist(), documents["negative"].to_pylist()
            subjects = find_subjects(days, texts, negative, judged_days(counts, config), config)
            ends += [EPOCH + timedelta(days=each.day) for each in subjects if each.severity == "high"]
        found = sorted(end.isoformat() for end in ends)
        before, crash = ([day for day in found if first <= day <= last] for first, last in (BEFORE, CRASH))
        return cls(before, crash)

    @property
    def is_good(self) -> bool:
        """Found, after few alarms."""
        return bool(self.crash) and len(self.before) <= MOST_BEFORE

    def __str__(self) -> str:
        return f"{len(self.before)} before ({', '.join(self.before) or 'none'}), crash {', '.join(self.crash) or 'missed'}"


def thinned(documents: pa.Table, a_day: int, source: np.random.Generator) -> pa.Table:
    """So many documents of each day, drawn at random, in order of days."""
    shuffled = documents.take(pa.array(source.permutation(documents.num_rows)))
    days = shuffled["day"].cast(pa.int32()).to_numpy()
    order = np.argsort(days, kind="stable")
    starts = np.searchsorted(days[order], days[order])
    chosen = order[np.arange(len(order)) - starts < a_day]
    return shuffled.take(pa.array(chosen))


def counted(documents: pa.Table) -> pa.Table:
    """Counts of the whole stream (COUNTS_SCHEMA)."""
    rows = [
        row for batch in documents.combine_chunks().to_batches() for row in count_series(batch, "negative") if row[0] == ALL
    ]
    return pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=COUNTS_SCHEMA)


def copied(documents: pa.Table, source: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """Each document 1 to MOST_COPIES times (COLLECTED_SCHEMA), the first when it came."""
    rows: list[dict[str, object]] = []
    times, texts = documents["time"].cast(pa.int64()).to_pylist(), documents["text"].to_pylist()
    for time, text in zip(times, texts, strict=True):
        for copy in range(int(source.integers(1, MOST_COPIES + 1))):
            at = time + (int(source.integers(1, COPY_DAYS * DAY)) if copy else 0)
            said = WRITINGS[int(source.integers(len(WRITINGS)))](text) if copy else text
            row = {"id": identity(at, said), "time": at, "day": at // DAY, "text": said, "source": f"wire {copy % 12}"}
            rows.append(row | {"fields": None})
            if len(rows) == BATCH:
                yield _batch(rows)
                rows = []
    if rows:
        yield _batch(rows)


def _batch(rows: list[dict[str, object]]) -> pa.RecordBatch:
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in COLLECTED_SCHEMA]
    return pa.record_batch(columns, COLLECTED_SCHEMA)


def judge_copied(root: Path, model: str, documents: pa.Table, source: np.random.Generator) -> dict[str, Found]:
    """The crash in the copied stream, by what is counted; a monitor of its own in a folder that is removed."""
    scorer = Scorer(load_model(open_to_read(None, root, CHECKOUT), model), "negative")
    with tempfile.TemporaryDirectory() as folder, MonitorState.open(Path(folder), "copied") as state:
        with state.refresh(model=scorer.sentiment.title) as transaction:
            for batch, _ in scorer.score(copied(documents, source)):
                fresh = ~transaction.seen(batch.column("id").to_pylist())
                transaction.add(batch.filter(pa.array(fresh)))
            number = follow_stories(state, DetectConfig())
            print(f"copied: {transaction.scored:,} documents, {number:,} of them copies, {documents.num_rows:,} before")
        return {
            count: Found.of(state.counts(ALL, stories=count == "stories"), DetectConfig()) for count in ("stories", "documents")
        }


def main() -> None:
    """Print what is found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--monitor", default="guardian")
    parser.add_argument("--model", default="phrasebank@champion")
    parser.add_argument("--thinned", type=int, default=20)
    parser.add_argument("--a-day", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-copies", action="store_true")
    options = parser.parse_args()
    with MonitorState.read(options.root, options.monitor) as state:
        documents = pa.Table.from_batches(list(state.documents()), SCORED_SCHEMA)
        for count in ("documents", "stories"):
            print(f"as it is, {count}: {Found.of(state.counts(ALL, stories=count == 'stories'), DetectConfig())}")
    good = []
    for number in range(options.thinned):
        some = thinned(documents, options.a_day, np.random.default_rng(options.seed + number))
        found = Found.of(counted(some), DetectConfig(), some)
        print(f"{options.a_day} a day, seed {options.seed + number}: {found}")
        good.append(found.is_good)
    print(f"{options.a_day} a day: found after at most {MOST_BEFORE} alarms in {sum(good)} of {len(good)}")
    if not options.no_copies:
        for count, found in judge_copied(options.root, options.model, documents, np.random.default_rng(options.seed)).items():
            print(f"copied, {count}: {found}")


if __name__ == "__main__":
    main()
