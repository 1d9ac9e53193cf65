"""Whether a corpus is what is expected of it: in go what ingest or prepare made and reported, out come lines about what is not.

Each line has what is there, and the setting that it breaks with its value.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.expect.languages import language_shares
from tasks.ingest.kept import KIND, PREFIX, not_a_date, only_dates
from tasks.ingest.schema import CORPUS, KEPT
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.expect.settings import ExpectConfig

BATCH_ROWS = 16_384
LOOKED_AT = 1000  # texts whose language is told, from all over the corpus
NAMED = 3  # of several labels
LABEL_CHARS = 40
DAY_SECONDS = 86_400


def broken_by_corpus(
    config: ExpectConfig, corpus: Path, report: Mapping[str, Any], *, kept: Path | None, changed: float | None, now: float
) -> list[str]:
    """What of the folder `corpus` that ingest made and reported is not as expected.

    `kept` is the folder of the columns that it keeps, if it keeps some; `changed` says when the newest of its files changed,
    if that is known, and `now` what time it is: seconds since 1970.
    """
    labels = Counter[str](report["labels"])
    return [
        *_rows(config, labels, report),
        *_labels(config, labels),
        *_lengths(config, corpus / CORPUS),
        *_languages(config, corpus / CORPUS, report["kept"]),
        *_dates(config, kept, changed, now),
    ]


def broken_by_rows(config: ExpectConfig, report: Mapping[str, Any]) -> list[str]:
    """What of the rows that prepare reported is not as expected."""
    if config.max_duplicates is None:
        return []
    return list(_too_many("duplicates", report["duplicates"], report["found"], config.max_duplicates, "max_duplicates"))


def raise_if_broken(broken: list[str], corpus: str) -> None:
    """RequestError that names all that is not as expected, if anything is not."""
    if broken:
        told = "; ".join(broken)
        raise RequestError(
            f"{in_line(corpus)} is not as expected: {told}. Nothing was trained; mend the corpus, or change the section expect"
        )


def _rows(config: ExpectConfig, labels: Counter[str], report: Mapping[str, Any]) -> Iterator[str]:
    rows = labels.total()
    if config.min_rows is not None and rows < config.min_rows:
        yield f"{rows:,} labelled rows (min_rows {config.min_rows:,})"
    if config.max_rows is not None and rows > config.max_rows:
        yield f"{rows:,} labelled rows (max_rows {config.max_rows:,})"
    if config.max_unlabelled is not None:
        yield from _too_many(
            "rows without a label", report["unlabelled"], report["kept"], config.max_unlabelled, "max_unlabelled"
        )
    if config.max_quarantined is not None:
        found = report["found"]
        yield from _too_many("records refused", report["quarantined"], found, config.max_quarantined, "max_quarantined")


def _too_many(what: str, count: int, of: int, most: float, setting: str) -> Iterator[str]:
    if of and count / of > most:
        yield f"{count:,} of {of:,} {what} ({count / of:.1%}; {setting} {most:.1%})"


def _labels(config: ExpectConfig, labels: Counter[str]) -> Iterator[str]:
    if config.labels:
        known = set(config.labels)
        if unknown := sorted(set(labels) - known):
            rows = sum(labels[each] for each in unknown)
            yield f"{rows:,} rows with {_named(unknown)}, not among labels {_named(list(config.labels))}"
        if missing := [each for each in config.labels if not labels[each]]:
            yield f"no row with {_named(missing)} (labels)"
    rows = max(labels.total(), 1)
    for label, least, most in config.bounds:
        share = labels[label] / rows
        if not least <= share <= most:
            yield f"{_named([label])} has {share:.1%} of the rows (label_shares {least:.1%} to {most:.1%})"
    if config.min_label_share is not None and labels:
        rarest = min(sorted(labels), key=lambda label: labels[label])
        share, least = labels[rarest] / rows, config.min_label_share
        if share < least:
            yield f"{_named([rarest])} has {share:.1%} of the rows (min_label_share {least:.1%})"


def _named(labels: list[str]) -> str:
    names = ", ".join(repr(shortened(in_line(each), LABEL_CHARS)) for each in labels[:NAMED])
    return f"{names} and {len(labels) - NAMED:,} more" if len(labels) > NAMED else names


def _lengths(config: ExpectConfig, corpus: Path) -> Iterator[str]:
    if config.min_chars is None and config.max_chars is None:
        return
    lengths = [pc.utf8_length(column).to_numpy(zero_copy_only=False) for column in _column(corpus, "text")]
    median = float(np.median(np.concatenate(lengths))) if lengths else 0.0
    if config.min_chars is not None and median < config.min_chars:
        yield f"the median text has {median:,.0f} characters (min_chars {config.min_chars:,})"
    if config.max_chars is not None and median > config.max_chars:
        yield f"the median text has {median:,.0f} characters (max_chars {config.max_chars:,})"


def _languages(config: ExpectConfig, corpus: Path, rows: int) -> Iterator[str]:
    if not config.languages:
        return
    chosen = np.zeros(rows, bool)
    chosen[np.linspace(0, rows - 1, min(rows, LOOKED_AT)).astype(np.int64)] = True
    texts, done = [], 0
    for column in _column(corpus, "text"):
        texts += column.filter(pa.array(chosen[done : done + len(column)])).to_pylist()
        done += len(column)
    shares = language_shares(texts)
    share = sum(shares.get(code, 0.0) for code in config.languages)
    if shares and share < config.min_language_share:
        others = [f"{code} {part:.0%}" for code, part in shares.items() if code not in config.languages][:NAMED]
        asked, least = ", ".join(config.languages), config.min_language_share
        yield f"{share:.0%} of the texts are in {asked} (min_language_share {least:.0%}); {', '.join(others)}"


def _dates(config: ExpectConfig, kept: Path | None, changed: float | None, now: float) -> Iterator[str]:
    if config.date is None:
        if config.max_age_days is not None and changed is not None:
            yield from _too_old("the newest file changed", changed, config.max_age_days, now)
        return
    if kept is None:
        raise RequestError(f"expect.date is {config.date!r}, and the corpus keeps no columns; name it in --ingest.keep")
    name = f"{PREFIX}{config.date}"
    of_dates = pq.read_schema(kept / KEPT).field(name).metadata[KIND] == b"date"
    num_rows = num_dated = 0
    newest, example = "", None
    tomorrow = f"{datetime.fromtimestamp(now + DAY_SECONDS, UTC):%Y-%m-%d}~"  # later than any time of that day
    for values in _column(kept / KEPT, name):
        column = only_dates(values) if of_dates else values
        num_rows += len(column)
        num_dated += len(column) - column.null_count
        newest = max(newest, pc.max(column.filter(pc.less(column, tomorrow))).as_py() or "")
        example = example if of_dates or example else not_a_date(values)
    if example is not None:
        yield f"the column {_named([config.date])} holds no dates: one value is {_named([example])} ({_of_dates(config)})"
        return
    if config.min_dated is not None and num_rows and num_dated / num_rows < config.min_dated:
        yield f"{num_dated:,} of {num_rows:,} rows have a date in {_named([config.date])} (min_dated {config.min_dated:.1%})"
    if config.max_age_days is None:
        return
    if not newest:
        yield f"no row has a date up to tomorrow in {_named([config.date])} (max_age_days {config.max_age_days:g})"
    else:
        moment = datetime.fromisoformat(newest)
        when = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        yield from _too_old("the newest row is of", when.timestamp(), config.max_age_days, now)


def _of_dates(config: ExpectConfig) -> str:
    """The settings about the column of dates that are set."""
    settings = [] if config.min_dated is None else [f"min_dated {config.min_dated:.1%}"]
    return "; ".join(settings + ([] if config.max_age_days is None else [f"max_age_days {config.max_age_days:g}"]))


def _too_old(what: str, when: float, most: float, now: float) -> Iterator[str]:
    age = (now - when) / DAY_SECONDS
    if age > most:
        yield f"{what} {datetime.fromtimestamp(when, UTC):%Y-%m-%d}, {age:,.1f} days ago (max_age_days {most:g})"


def _column(path: Path, name: str) -> Iterator[pa.Array]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
            yield batch.column(0)
