"""The imports of labels of one name, beside its corpus: a file for each, written whole and never changed.

    <data root>/labels/<name>/<id>.parquet    the labels of one import (IMPORT_SCHEMA), and how they came in its metadata
    <data root>/labels/<name>/<id>.undone     when that import was undone
    <data root>/labels/.writing/              the lock of each name, and a file on its way

An id is the time of the import in UTC and four digits of its content. Nothing is removed: an import that is undone stays to be
looked at, and its labels count no more.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crash import crash_point
from tasks.durable import PRIVATE, flush, locked, replaced
from tasks.errors import RequestError
from tasks.labels.given import Given
from tasks.shown import json_text
from tasks.store.artifact import Store
from tasks.store.digests import sha256_file
from tasks.writable import REMEDY, reason, writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LABELS, WRITING, UNDONE = "labels", ".writing", ".undone"
FACTS = b"textmill.import"
BATCH_ROWS = 65_536
# One label; see tasks/labels/given.py. key: tasks/labels/content.py; at: null = when it was imported.
IMPORT_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("annotator", pa.string()),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("previous", pa.string()),
        pa.field("suggested", pa.string()),
        pa.field("why", pa.string()),
        pa.field("row", pa.string()),
    ]
)


@dataclass(frozen=True)
class Import:
    """One import: where its file is, when it came (ISO 8601, UTC) from which file, and what it holds.

    With `only_known` its labels are for texts that the corpus has; others are not added. `undone` is when it was undone.
    """

    path: Path
    id: str
    imported: str
    file: str
    file_sha256: str
    only_known: bool
    labels: int
    annotators: tuple[str, ...]
    undone: str | None

    def rows(self) -> list[Given]:
        """Its labels, in the order of the file; OSError if a page is damaged."""
        with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            table = file.read(IMPORT_SCHEMA.names)
        return [Given(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def imports_folder(data_root: Path, name: str) -> Path:
    """Where the imports of a name are, or would be."""
    return data_root / LABELS / name


def list_imports(folder: Path) -> list[Import]:
    """All imports of a folder, the earliest first; RequestError for a file in it that is not one."""
    return [_opened(path) for path in sorted(folder.glob("*.parquet"))]


def in_use(folder: Path) -> list[Import]:
    """The imports of a folder that are not undone, the earliest first."""
    return [each for each in list_imports(folder) if each.undone is None]


def write_import(data_root: Path, name: str, labels: Sequence[Given], source: Path, *, only_known: bool) -> tuple[Import, bool]:
    """Keep the labels of a file; returns the import, and whether it is new: a file that is in use already is not kept twice.

    Other columns of the same file are other labels. RequestError if the folder cannot be written.
    """
    folder, digest = imports_folder(data_root, name), sha256_file(source)
    with _writing(data_root, name) as writing:
        for each in in_use(folder):
            if (each.file_sha256, each.only_known) == (digest, only_known) and each.rows() == list(labels):
                return each, False
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        identity = next(
            made
            for size in range(4, 65)
            if not (folder / f"{(made := f'{now:%Y%m%d-%H%M%S}-{digest[:size]}')}.parquet").exists()
        )
        facts = {
            "id": identity,
            "imported": now.isoformat(timespec="seconds"),
            "file": source.name,
            "file_sha256": digest,
            "only_known": only_known,
            "annotators": sorted({each.annotator for each in labels if each.annotator}),
        }
        schema = IMPORT_SCHEMA.with_metadata({FACTS: json_text(facts).encode()})
        waits = writing / f"{name}.parquet"
        with replaced(waits, mode=PRIVATE, flushed=True) as path:
            columns = zip(zip(*labels, strict=True), IMPORT_SCHEMA, strict=True)
            table = pa.Table.from_arrays([pa.array(column, field.type) for column, field in columns], schema=schema)
            pq.write_table(table, path, compression="zstd", write_page_checksum=True)
        crash_point("labels.written")
        os.replace(waits, folder / f"{identity}.parquet")
        flush(folder)
        crash_point("labels.imported")
        return _opened(folder / f"{identity}.parquet"), True


def undo_import(data_root: Path, name: str, identity: str) -> Import:
    """Mark an import as undone; RequestError for an id that is not there, or one that is undone already."""
    folder = imports_folder(data_root, name)
    known = {each.id: each for each in list_imports(folder)}
    if identity not in known:
        there = ", ".join(each for each in known if known[each].undone is None) or "none"
        raise RequestError(f"{identity} is not an import of labels for {name}; there are: {there}")
    if known[identity].undone is not None:
        raise RequestError(f"import {identity} of {name} was undone {known[identity].undone}; import its file again to use it")
    with _writing(data_root, name):
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with replaced(folder / f"{identity}{UNDONE}", mode=PRIVATE, flushed=True) as path:
            path.write_text(json_text({"undone": when}), encoding="utf-8")
    return _opened(folder / f"{identity}.parquet")


def names_with_labels(data_root: Path) -> list[str]:
    """The names that have imports."""
    return sorted(path.name for path in (data_root / LABELS).glob("[!.]*") if path.is_dir())


@contextmanager
def importing(data_root: Path) -> Iterator[None]:
    """Hold off `textmill forget`, as a run does, from the look at the list of forgotten texts until the labels are written.

    RequestError if the data root cannot be written.
    """
    _check_writable(data_root)
    with Store(data_root).reading():
        yield


def _check_writable(data_root: Path) -> Path:
    writing = data_root / LABELS / WRITING
    if not writable(writing):
        raise RequestError(f"--runtime.data-root {data_root} cannot be written ({writing} is {reason(writing)}); {REMEDY}")
    return writing


@contextmanager
def _writing(data_root: Path, name: str) -> Iterator[Path]:
    """Hold the lock of a name's imports; gives the folder for files on their way."""
    writing = _check_writable(data_root)
    writing.mkdir(parents=True, exist_ok=True)
    with locked(writing / f"{name}.lock"):
        yield writing


def _opened(path: Path) -> Import:
    try:
        schema = pq.read_schema(path)
        facts: dict[str, Any] = json.loads(schema.metadata[FACTS])
        undone = _undone(path.with_suffix(UNDONE))
        return Import(
            path,
            facts["id"],
            facts["imported"],
            facts["file"],
            facts["file_sha256"],
            facts["only_known"],
            pq.read_metadata(path).num_rows,
            tuple(facts["annotators"]),
            undone,
        )
    except (pa.ArrowInvalid, KeyError, ValueError, TypeError) as error:
        raise RequestError(
            f"{path} is not an import of labels ({type(error).__name__}); restore it from a backup, or move it away"
        ) from error


def _undone(path: Path) -> str | None:
    return str(json.loads(path.read_bytes())["undone"]) if path.is_file() else None
