"""Read a whole corpus, whatever its layout, into one table and a quarantine."""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

from tasks.documents.layouts.folder import folder_labels
from tasks.documents.layouts.imdb import FILE, MD5, URL
from tasks.documents.missing import looks_missing
from tasks.documents.spelling import spelled
from tasks.documents.tally import Tally
from tasks.errors import RequestError
from tasks.ingest.download import download
from tasks.ingest.inputs import Input, check_input, first_row, label_names, nothing_in, plan, records
from tasks.ingest.labels import check_labels
from tasks.ingest.writer import Writer
from tasks.progress import SILENT, Progress
from tasks.shown import file_name

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.documents.record import Record

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 1024
_SHOWN = 20
_FEW = 10  # rows; fewer are no sign of anything
_MANY_REFUSED = 10  # a tenth of the records
_HEADERS = 3  # rows of a class that may be a header which was joined in


def check_request(config: IngestConfig) -> None:
    """Raise RequestError for whatever can be known before the corpus is read: paths, archive type, columns, empty folders."""
    label_names(config)
    for found in plan(config):
        check_input(found, config)


def write_corpus(config: IngestConfig, folder: Path, *, raw: Path | None = None, progress: Progress = SILENT) -> dict[str, Any]:
    """Write `corpus.parquet` and `quarantine.parquet` (see schema.py) into `folder` and report what was found.

    Rows stand in the order of the inputs: the corpus, the test split, the unlabelled text; within an archive or a table in its
    order, within a folder by name. Texts are as found, without a byte order mark. Memory is a batch, plus 16 bytes for each
    member of an archive. `raw` is the folder for a download; without it, none is made. RequestError if the input is wrong.

    The report: found = kept + duplicates + quarantined (duplicates are judged after cleaning, so 0 here), `labels`, `splits`
    (rows without one under `unsplit`), `reasons` of quarantine, the number `unlabelled`, how many files were `passed_over` that
    no author wrote (hidden ones, Thumbs.db), and `warnings`, a line each.
    """
    check_request(config)
    warnings: list[str] = []
    passed_over: Counter[bytes] = Counter()
    with Writer(config, label_names(config), folder) as writer:
        for found in plan(config):
            with found.named():
                _read(_present(found, raw, progress), config, writer, progress, passed_over, warnings)
    _check(config, writer)
    warnings += _refused(config, writer) + _doubts(writer)
    report: dict[str, Any] = {
        "found": writer.found,
        "kept": writer.kept,
        "duplicates": 0,
        "quarantined": writer.quarantined,
        "labels": dict(sorted(writer.labels.items())),
        "splits": dict(sorted(writer.splits.items())),
        "reasons": dict(sorted(writer.reasons.items())),
        "unlabelled": writer.unlabelled,
        "passed_over": {file_name(name): count for name, count in sorted(passed_over.items())},
        "warnings": warnings,
    }
    if report["found"] != report["kept"] + report["duplicates"] + report["quarantined"]:
        raise AssertionError(f"records were lost: {report}")
    log.info("ingest: %s", equation(report))
    return report


def equation(report: dict[str, Any]) -> str:
    """Write where the records went: found = kept + duplicates + quarantined (with the reasons)."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in report["reasons"].items())
    return (
        f"{report['found']:,} found = {report['kept']:,} kept + {report['duplicates']:,} duplicates"
        f" + {report['quarantined']:,} quarantined" + (f" ({reasons})" if reasons else "")
    )


def _present(found: Input, raw: Path | None, progress: Progress) -> Input:
    if found.path is not None:
        return found
    if raw is None:
        raise RequestError("no archive is given and there is no folder to download it into; give --ingest.archive FILE")
    return found._replace(path=download(URL, raw / FILE, md5=MD5, progress=progress))


def _read(
    found: Input,
    config: IngestConfig,
    writer: Writer,
    progress: Progress,
    passed_over: Counter[bytes],
    warnings: list[str],
) -> None:
    parquet = found.layout == "parquet"
    tally = Tally("utf-8" if parquet else found.settings(config).encoding, "" if parquet else found.encoding_option)
    writer.begin_input()
    first = first_row(found, config)
    for record in records(found, config, passed_over=passed_over, say=warnings.append):
        if not config.with_unlabelled and found.labelled and _is_unlabelled(record):
            continue
        writer.add(record, tally)
        if writer.found % _PROGRESS_EVERY == 0:
            progress.advance(writer.found, None, "documents", str(found.layout))
    progress.advance(writer.found, None, "documents", str(found.layout))
    if found.path is not None:
        if not tally.found:
            raise RequestError(f"{found.path}: {nothing_in(found, config)}")
        tally.check(found.path)
        warnings += tally.warnings(found.path)
        warnings += _of_labels(found, config, writer, first)


def _of_labels(found: Input, config: IngestConfig, writer: Writer, first: tuple[str, str] | None) -> list[str]:
    """What one input's labels make one doubt: spellings read as one, folders without a document, a header read as a row."""
    said = []
    for label, written in writer.spellings().items():
        shown = " and ".join(repr(way[:40]) for way in written[:3])
        said.append(f"{found.path}: labels {shown} are read as one label, {label[:40]!r}")
    if found.layout == "folder" and found.path is not None:
        kept = writer.labels.keys()
        empty = [name for name in folder_labels(found.path) if spelled(name) not in kept and config.label_names is None]
        if empty := [name for name in empty if not writer.accepted or spelled(name) in writer.accepted]:
            said.append(f"{found.path}: no document of {', '.join(empty[:_SHOWN])}: empty, or all in it was refused")
    rows, alike = sum(writer.labels.values()), 0 if first is None else writer.labels.get(spelled(first[1]), 0)
    if first is not None and 0 < alike <= _HEADERS and alike * _FEW <= rows:
        others = "no other row has" if alike == 1 else f"only {alike} rows have"
        said.append(
            f"{found.path}: the first row is read as a document, {first[0]!r} with the label {first[1]!r}, which {others}; "
            "if it names the columns, use --ingest.header true"
        )
    return said


def _refused(config: IngestConfig, writer: Writer) -> list[str]:
    """That many records are refused, apart from labels that are not asked for."""
    reasons = {reason: count for reason, count in writer.reasons.items() if reason != "unknown_label" or not config.labels}
    number = sum(reasons.values())
    if not number or writer.found < _FEW or _MANY_REFUSED * number < writer.found:
        return []
    told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    where = config.path or config.archive or URL
    return [f"{where}: {number:,} of {writer.found:,} records are refused ({told}); the first, {writer.first_refused}"]


def _doubts(writer: Writer) -> list[str]:
    """Labels that look like missing values, and labels that differ in case, width or blanks alone."""
    alike: dict[str, list[str]] = {}
    for label in sorted(writer.labels):
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", label).casefold().split()), []).append(label)
    said = [
        f"labels {' and '.join(map(repr, labels[:_SHOWN]))} differ only in how they are written and are {len(labels)} classes; "
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
    return record.label is None and record.reason is None and record.split != "test"


def _check(config: IngestConfig, writer: Writer) -> None:
    where = config.path or config.archive or URL
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in writer.reasons.most_common())
    first = f"; the first, {writer.first_refused}" if writer.first_refused else ""
    if not writer.kept:
        raise RequestError(f"{where}: none of {writer.found:,} records can be used ({reasons}){first}")
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
    if config.dataset is None and rows >= _FEW and 2 < len(writer.train_labels) >= 2 * len(writer.texts):
        raise RequestError(
            f"{where}: {rows:,} rows have {len(writer.texts):,} different texts and {len(writer.train_labels):,} labels; are "
            "--ingest.text and --ingest.label the right way round?"
        )
    if len(writer.train_labels) == 1:
        only = next(iter(writer.train_labels))
        raise RequestError(f"{where}: one class only ({only[:40]!r}); a classifier needs records of at least two labels{first}")
    check_labels(writer.labels, config, where)
