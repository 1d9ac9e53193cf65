"""Read a whole corpus, whatever its layout, into one table and a quarantine."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.ingest.download import download
from tasks.ingest.imdb import FILE, MD5, URL
from tasks.ingest.inputs import Input, check_input, label_names, plan, records
from tasks.ingest.labels import check_labels
from tasks.ingest.writer import Tally, Writer
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.ingest.record import Record

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 1024


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
    (rows without one under `unsplit`), `reasons` of quarantine, and the number `unlabelled`.
    """
    check_request(config)
    with Writer(config, label_names(config), folder) as writer:
        for found in plan(config):
            _read(_present(found, raw, progress), config, writer, progress)
    _check(config, writer)
    report: dict[str, Any] = {
        "found": writer.found,
        "kept": writer.kept,
        "duplicates": 0,
        "quarantined": writer.quarantined,
        "labels": dict(sorted(writer.labels.items())),
        "splits": dict(sorted(writer.splits.items())),
        "reasons": dict(sorted(writer.reasons.items())),
        "unlabelled": writer.unlabelled,
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


def _read(found: Input, config: IngestConfig, writer: Writer, progress: Progress) -> None:
    tally = Tally("utf-8" if found.layout == "parquet" else found.settings(config).encoding, found.encoding_option)
    for record in records(found, config):
        if not config.with_unlabelled and found.labelled and _is_unlabelled(record):
            continue
        writer.add(record, tally)
        if writer.found % _PROGRESS_EVERY == 0:
            progress.advance(writer.found, None, "documents", str(found.layout))
    progress.advance(writer.found, None, "documents", str(found.layout))
    if found.path is not None:
        if not tally.found:
            raise RequestError(f"{found.path}: no record in it (it was read as {found.layout})")
        tally.check(found.path)


def _is_unlabelled(record: Record) -> bool:
    return record.label is None and record.reason is None and record.split != "test"


def _check(config: IngestConfig, writer: Writer) -> None:
    where = config.path or config.archive or URL
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in writer.reasons.most_common())
    if not writer.kept:
        hint = "; text full of NUL bytes is UTF-16: try --ingest.encoding utf-16" if writer.reasons["nul"] else ""
        raise RequestError(f"{where}: none of {writer.found:,} records can be used ({reasons}){hint}")
    if not writer.train_labels:
        raise RequestError(
            f"{where}: no labelled record to train on"
            + (f" ({reasons})" if reasons else "")
            + "; check --ingest.label and --ingest.labels"
        )
    if len(writer.train_labels) == 1:
        only = next(iter(writer.train_labels))
        raise RequestError(f"{where}: one class only ({only[:40]!r}); a classifier needs records of at least two labels")
    check_labels(writer.labels, config, where)
