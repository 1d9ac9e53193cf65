"""Write the rows of a review in the format that a file's name asks for."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from tasks.durable import replaced
from tasks.errors import RequestError
from tasks.labels.cells import defused
from tasks.labels.imports import LABELS, in_use, names_with_labels
from tasks.labels.label_studio import labelling_config, tasks_of
from tasks.labels.read import read_labels
from tasks.labels.sheet import check_sheets, write_sheet
from tasks.review.schema import SCHEMA
from tasks.shown import json_text
from tasks.store.digests import sha256_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*DELIMITERS, ".jsonl", ".parquet", ".xlsx", ".json")


def check_output(output: Path) -> None:
    """Raise RequestError for a file that cannot be written, or whose suffix names no format."""
    if output.is_dir():
        raise RequestError(f"{output}: a folder; name the file to write, such as {output / 'review.csv'}")
    if not output.parent.is_dir():
        raise RequestError(f"{output.parent}: no such folder; create it first")
    if output.suffix.lower() not in SUFFIXES:
        raise RequestError(
            f"{output}: {output.suffix or 'no suffix'} is not a format of a review; end it in .csv, .tsv, .jsonl, .parquet, "
            ".xlsx, or .json for Label Studio"
        )
    if output.suffix.lower() == ".xlsx":
        check_sheets()


def check_not_filled(output: Path, data_root: Path) -> None:
    """Raise RequestError where `output` would replace labels that people gave and that are in no import yet."""
    if not output.is_file():
        return
    other = "name another file with --output"
    try:
        labels = read_labels(output)[0].labels
    except RequestError:
        if output.suffix.lower() == ".json":  # tasks without annotations
            return
        raise RequestError(f"{output}: it is there already and cannot be read as a review; {other}") from None
    if not labels:
        return
    digest, imports = sha256_file(output), data_root / LABELS
    if digest in {made.file_sha256 for name in names_with_labels(data_root) for made in in_use(imports / name)}:
        return
    raise RequestError(
        f"{output}: it holds {len(labels):,} label{'s' * (len(labels) != 1)} that people gave; read it with textmill label "
        f"first, or {other}"
    )


def write_review(rows: Sequence[dict[str, Any]], labels: Sequence[str], output: Path) -> list[Path]:
    """Write `output`, whole or not at all, and for Label Studio its configuration beside it as .xml; what was written.

    In .csv, .tsv and .xlsx a cell that a spreadsheet would take for a formula is marked (see tasks/labels/cells.py); .jsonl,
    .parquet and .json hold texts as they are.
    """
    suffix = output.suffix.lower()
    with replaced(output, flushed=True) as path:
        if suffix in DELIMITERS:
            _write_csv(rows, path, DELIMITERS[suffix])
        elif suffix == ".xlsx":
            write_sheet(rows, SCHEMA.names, labels, path)
        elif suffix == ".jsonl":
            path.write_text("".join(f"{json_text(row)}\n" for row in rows), encoding="utf-8")
        elif suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), path, compression="zstd", write_page_checksum=True)
        else:
            model = next((row["model"] for row in rows), None)
            path.write_text(json_text(tasks_of(rows, model), indent=1), encoding="utf-8")
    if suffix != ".json":
        return [output]
    config = output.with_suffix(".xml")
    with replaced(config, flushed=True) as path:
        path.write_text(labelling_config(labels), encoding="utf-8")
    return [output, config]


def _write_csv(rows: Sequence[dict[str, Any]], path: Path, delimiter: str) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # Excel takes UTF-8 without the mark for the locale's
        writer = csv.DictWriter(file, SCHEMA.names, delimiter=delimiter, lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: defused(value) if isinstance(value, str) else value for name, value in row.items()})
