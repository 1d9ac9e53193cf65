"""What tests make up and hand to the code: the formats that rooms give each other, by the code's own schemas, and archives."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.schema import CORPUS, CORPUS_SCHEMA, QUARANTINE, QUARANTINE_SCHEMA
from tasks.prepare.read import DATASET, HOLDOUT, LABELS, TEXT, TEXTS
from tasks.prepare.schema import SCHEMA, TEXTS_SCHEMA, open_writer
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.word_lists import text_to_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Row = tuple[str, str, str | None, list[str]]  # id, split, label, tokens
Document = tuple[str, str, str | None, str | None]  # id, text, label, split
REFUSED = {"source": "x", "offset": 0, "reason": "undecodable", "bytes": b"\xff"}


def write_corpus(folder: Path, documents: Iterable[Document], *, refused: int = 0, group: int | None = None) -> Path:
    """Write what ingest does, and `refused` records beside it; rows are in groups of `group`. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    full = [(*document, "made", hashlib.sha256(document[1].encode()).hexdigest()) for document in documents]
    _write(folder / CORPUS, CORPUS_SCHEMA, full, group)
    _write(folder / QUARANTINE, QUARANTINE_SCHEMA, [tuple(REFUSED.values())] * refused, None)
    return folder


def write_dataset(folder: Path, rows: Iterable[Row], labels: Sequence[str] | None = None, *, group: int | None = None) -> Path:
    """Write the part of prepare that finetune is handed; `labels` are those of the train rows if they are not given."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(rows)
    _write(folder / DATASET, SCHEMA, rows, group)
    names = sorted({row[2] for row in rows if row[1] == "train" and row[2] is not None}) if labels is None else list(labels)
    (folder / LABELS).write_text(json.dumps({"labels": names}), encoding="utf-8")
    (folder / TEXT).write_text(json.dumps(text_to_tokens(PrepareConfig(), "word").to_dict()), encoding="utf-8")
    return folder


def write_holdout(folder: Path, rows: Iterable[Row]) -> Path:
    """Write the part of prepare that evaluate is handed besides: the test rows."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / HOLDOUT, SCHEMA, rows, None)
    return folder


def write_texts(folder: Path, texts: Iterable[tuple[str, str, str]], *, group: int | None = None) -> Path:
    """Write the texts (id, split, text) beside a dataset or a holdout."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / TEXTS, TEXTS_SCHEMA, texts, group)
    return folder


def write_zip(path: Path, members: Mapping[str, bytes | str]) -> Path:
    """Write a ZIP archive of these files. Returns the path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, members: dict[str, bytes] | Sequence[tuple[Any, bytes]], mode: Any = "w:gz", **options: Any) -> Path:
    """Write a tar archive of regular files, and of any TarInfo given as it is. Returns the path."""
    with tarfile.open(path, mode, **options) as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def _write(path: Path, schema: pa.Schema, rows: Iterable[Sequence[Any]], group: int | None) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    if schema in (SCHEMA, TEXTS_SCHEMA):
        with open_writer(path, schema) as writer:
            writer.write_table(table, row_group_size=group)
    else:
        pq.write_table(table, path, row_group_size=group, compression="zstd", write_page_checksum=True)
