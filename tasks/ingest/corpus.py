"""Read a whole corpus, whatever its layout, into one table and a quarantine."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.documents.layout import MANY, Layout, Notes
from tasks.documents.missing import looks_missing
from tasks.documents.spelling import spelled
from tasks.documents.tally import Tally
from tasks.download import download
from tasks.errors import RequestError
from tasks.ingest.by_content import CONTENT, order_by_content
from tasks.ingest.given import GivenLabels
from tasks.ingest.labels import check_labels
from tasks.ingest.plan import UNLABELLED_IDS, is_beside, label_names, plan, sharing_options
from tasks.ingest.settings import read_forgotten
from tasks.ingest.writer import GIVEN, Writer
from tasks.progress import SILENT, Progress
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.documents.record import Record
    from tasks.ingest.settings import IngestConfig


_PROGRESS_EVERY = 1024
_FEW = 10  # rows; fewer prove nothing
_MANY_REFUSED = 10  # a tenth of the records


def check_request(config: IngestConfig) -> None:
    """Raise RequestError for all that can be known before the corpus is read: paths, archive type, columns, empty folders."""
    _checked(config)


def _checked(config: IngestConfig) -> list[Layout]:
    label_names(config)
    flag = config.reading.flags.keep
    if config.named and config.only_unlabelled:
        raise RequestError(f"{flag} names columns of the table that --ingest.path names, and there is none; leave it out")
    layouts = plan(config)
    for layout in layouts:
        if config.named and layout.asked.prefix != UNLABELLED_IDS and not layout.has_columns:
            told = f"{layout.name} has no columns beside text and label"
            raise RequestError(f"{layout.asked.path or layout.name}: {told}; leave {flag} out, or give a table")
        if layout.asked.path is not None:
            with sharing_options(layout):
                layout.check()
    return layouts


def write_corpus(
    config: IngestConfig, folder: Path, *, raw: Path | None = None, labels: Path | None = None, progress: Progress = SILENT
) -> dict[str, Any]:
    """Write `corpus.parquet` and `quarantine.parquet` (see schema.py) into `folder` and report what was found.

    Columns that are to be kept go to a part of their own, which has a row for each of the corpus; see kept.py.

    The rows come in the order of the inputs: the corpus, the test split, the validation rows, the unlabelled text; those of an
    archive or a table in its order, those of a folder by name. Texts are as found, without a byte order mark. Memory: a batch,
    plus 16 bytes for each member of an archive. `raw` is the folder for downloads; without it nothing is downloaded. `labels`
    is the folder of the step `labels`, whose labels take the place of those of the same texts; see given.py. RequestError if an
    input is wrong.

    The report: found = kept + duplicates + quarantined (duplicates are judged after cleaning, so 0 here), `labels`, `splits`
    (rows without one under `unsplit`), `reasons` of quarantine, the number `unlabelled`, how many files were `passed_over` that
    no author wrote (hidden ones, Thumbs.db), and `warnings`, a line each.
    """
    layouts, notes = _checked(config), Notes()
    given = None if labels is None else _given(config, labels, layouts)
    with Writer(config, label_names(config), folder, read_forgotten(config), given) as writer:
        for layout in layouts:
            with sharing_options(layout):
                read_layout(_present(layout, raw, progress), writer, progress, notes, taken=_taken(config, layout))
        if given is not None:
            for record in given.rest():
                writer.add(record, Tally("utf-8", ""))
    if config.ids == CONTENT:
        renamed = order_by_content(folder, set() if given is None else given.changed)
        if given is not None:
            given.rename(renamed)
    corpus = layouts[0]
    where = _where(layouts)
    _check_used(writer, where)
    if not config.only_unlabelled or writer.labels:
        _check(config, writer, where, may_repeat=corpus.may_repeat_texts)
    warnings = notes.warnings + _refused(config, writer, where) + _doubts(writer)
    warnings += writer.marking.doubts() if writer.marking else []
    report = report_of(writer, notes, warnings) | ({"columns": writer.beside.columns} if writer.beside else {})
    report |= {"names": writer.marking.report()} if writer.marking else {}
    if given is None:
        return report
    given.write(folder)
    return report | {"given_labels": given.report()}


def _given(config: IngestConfig, labels: Path, layouts: list[Layout]) -> GivenLabels:
    tested = any(layout.own_test_split() for layout in layouts if not is_beside(layout))
    official = config.test_path is not None or tested
    return GivenLabels(labels, frozenset(map(spelled, config.labels)), "train" if official else None)


def _where(layouts: list[Layout]) -> Path | str:
    """What the corpus is called in a message."""
    corpus = layouts[0]
    if corpus.asked.path is None and corpus.remote is not None:
        return corpus.remote.url
    paths = [layout.path for layout in layouts if not is_beside(layout)]
    return corpus.path if len(paths) < 2 else f"{os.path.commonpath([path.parent for path in paths])} ({len(paths):,} files)"


def report_of(writer: Writer, notes: Notes, warnings: list[str]) -> dict[str, Any]:
    """What was found; see `write_corpus`."""
    report: dict[str, Any] = {
        "found": writer.found,
        "kept": writer.kept,
        "duplicates": 0,
        "quarantined": writer.quarantined,
        "labels": dict(sorted(writer.labels.items())),
        "splits": dict(sorted(writer.splits.items())),
        "reasons": dict(sorted(writer.reasons.items())),
        "unlabelled": writer.unlabelled,
        "passed_over": {file_name(name): count for name, count in sorted(notes.passed_over.items())},
        "warnings": warnings,
    }
    if report["found"] != report["kept"] + report["duplicates"] + report["quarantined"]:
        raise AssertionError(f"records were lost: {report}")
    return report


def _present(layout: Layout, raw: Path | None, progress: Progress) -> Layout:
    """The layout with its path, downloaded if none was given."""
    remote = layout.remote
    if layout.asked.path is not None or remote is None:
        return layout
    if raw is None:
        raise RequestError("no archive is given and there is no folder to download it into; give --ingest.archive FILE")
    path = download(remote.url, raw / remote.file, md5=remote.md5, otherwise="give --ingest.archive FILE", progress=progress)
    return type(layout)(replace(layout.asked, path=path))


def _taken(config: IngestConfig, layout: Layout) -> Callable[[Record], Record | None]:
    """What is taken of a record: all of it, all but its label beside the corpus, or nothing of it."""
    if layout.asked.prefix == UNLABELLED_IDS:  # a layout may find labels there that are not asked for
        return lambda record: record._replace(label=None)
    if config.with_unlabelled:
        return lambda record: record
    return lambda record: None if _is_unlabelled(record) else record


def read_layout(
    layout: Layout, writer: Writer, progress: Progress, notes: Notes, *, taken: Callable[[Record], Record | None]
) -> None:
    """Hand a layout's records to the writer, as `taken` gives them; RequestError where there are none."""
    tally = Tally(layout.encoding, layout.encoding_flag)
    writer.begin_input()
    for record in layout.records(notes):
        given = taken(record)
        if given is None:
            continue
        writer.add(given, tally)
        if writer.found % _PROGRESS_EVERY == 0:
            progress.advance(writer.found, None, "documents", layout.name)
    progress.advance(writer.found, None, "documents", layout.name)
    path = layout.path
    if not tally.found and layout.asked.name:  # one of several
        notes.warnings.append(f"{path}: {layout.nothing()}")
        return
    if not tally.found:
        raise RequestError(f"{path}: {layout.nothing()}")
    tally.check(path)
    notes.warnings += tally.warnings(path)
    for label, written in writer.spellings().items():
        shown = " and ".join(repr(way[:40]) for way in written[:3])
        notes.warnings.append(f"{path}: labels {shown} are read as one label, {label[:40]!r}")
    notes.warnings += layout.doubts(writer.labels)


def _refused(config: IngestConfig, writer: Writer, where: Path | str) -> list[str]:
    """Warn that many records are refused, apart from labels that are not asked for."""
    reasons = {reason: count for reason, count in writer.reasons.items() if reason != "unknown_label" or not config.labels}
    number = sum(reasons.values())
    if not number or writer.found < _FEW or _MANY_REFUSED * number < writer.found:
        return []
    told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    return [f"{where}: {number:,} of {writer.found:,} records are refused ({told}); the first, {writer.first_refused}"]


def _doubts(writer: Writer) -> list[str]:
    """Warn of labels that look like missing values, and of labels that differ only in case, width or blanks."""
    alike: dict[str, list[str]] = {}
    for label in sorted(writer.labels):
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", label).casefold().split()), []).append(label)
    said = [
        f"labels {' and '.join(map(repr, labels[:MANY]))} differ only in how they are written and are {len(labels)} classes; "
        "if they mean the same, write them alike"
        for labels in alike.values()
        if len(labels) > 1
    ]
    return said + [
        f"label {label!r} ({count:,} row{'s' * (count != 1)}) looks like a missing value and is read as a class; if it means "
        f"that there is no label, use --ingest.missing {label}"
        for label, count in sorted(writer.labels.items())
        if looks_missing(label)
    ]


def _is_unlabelled(record: Record) -> bool:
    return record.label is None and record.reason is None and record.split not in GIVEN


def _told(writer: Writer) -> tuple[str, str]:
    """Why records are refused, and the first of them."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in writer.reasons.most_common())
    return reasons, f"; the first, {writer.first_refused}" if writer.first_refused else ""


def _check_used(writer: Writer, where: Path | str) -> None:
    reasons, first = _told(writer)
    if not writer.kept:
        raise RequestError(f"{where}: none of {writer.found:,} records can be used ({reasons}){first}")


def _check(config: IngestConfig, writer: Writer, where: Path | str, *, may_repeat: bool) -> None:
    reasons, first = _told(writer)
    if 2 * writer.reasons["several_labels"] > writer.found:
        raise RequestError(
            f"{where}: {writer.reasons['several_labels']:,} of {writer.found:,} lines have several labels, and a document here "
            f"has one{first}; keep one label a line"
        )
    if not writer.train_labels:
        raise RequestError(
            f"{where}: no labelled record to train on"
            + (f" ({reasons}){first}" if reasons else "")
            + "; check --ingest.label and --ingest.labels"
        )
    rows = sum(writer.labels.values())
    if not may_repeat and rows >= _FEW and 2 < len(writer.train_labels) >= 2 * len(writer.texts):
        raise RequestError(
            f"{where}: {rows:,} rows have {len(writer.texts):,} different texts and {len(writer.train_labels):,} labels; are "
            "--ingest.text and --ingest.label the right way round?"
        )
    if len(writer.train_labels) == 1:
        only = next(iter(writer.train_labels))
        raise RequestError(f"{where}: one class only ({only[:40]!r}); a classifier needs records of at least two labels{first}")
    check_labels(writer.labels, config, where)
