"""A text, planted in a file of every format in which it may lie in a data root."""

from __future__ import annotations

import bz2
import gzip
import html
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = 'Frau Müller said:\n"the <loan> of 40 % & more is late", 張先生 agreed — naïve 🙂 readers of the letter did not.'
OTHER = "Nobody else wrote anything that this file would have to be looked at for, so it stays as it is."


def _parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")


def _database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE notes (number INTEGER PRIMARY KEY, note TEXT, raw BLOB)")
        db.executemany(
            "INSERT INTO notes (note, raw) VALUES (?, ?)", [*[(OTHER, None)] * 25, (TEXT, b"\0\1"), *[(OTHER, None)] * 4]
        )
    db.close()


def _deleted_from_database(path: Path) -> None:
    _database(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("DELETE FROM notes WHERE number = 26")
    db.close()


def _archive(path: Path) -> None:
    inner = io.BytesIO()
    pq.write_table(pa.table({"text": [OTHER, TEXT]}), inner)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/rows.parquet", inner.getvalue())


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("news/1.txt")
        member.size = len(TEXT.encode())
        archive.addfile(member, io.BytesIO(TEXT.encode()))


def _arrow(path: Path) -> None:
    table = pa.table({"fields": pa.array([[("k", OTHER), ("v", TEXT)]], pa.map_(pa.string(), pa.string()))})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def _zstd(path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(TEXT.encode())


def _explained(path: Path) -> None:
    words = [{"word": word, "share": 0.1, "start": at} for at, word in enumerate(TEXT.split())]
    path.write_text(json.dumps({"explanation": words}))


_MARKED = "".join(f'<mark class="for1">{html.escape(word)}</mark> ' for word in TEXT.split())
PLANTED: dict[str, Callable[[Path], object]] = {
    "rows.parquet": lambda path: _parquet(pa.table({"text": [OTHER, TEXT]}), path),
    "words.parquet": lambda path: _parquet(
        pa.table({"said": [[{"word": word, "at": 1} for word in TEXT.split()], []], "n": [1, 2]}), path
    ),
    "tokens.parquet": lambda path: _parquet(pa.table({"tokens": [OTHER.split(), TEXT.lower().split()]}), path),
    "labels.parquet": lambda path: _parquet(
        pa.table({"label": pa.array([TEXT, OTHER]).dictionary_encode(), "b": [TEXT.encode(), b""]}), path
    ),
    "spool.arrow": _arrow,
    "notes.db": _database,
    "deleted.db": _deleted_from_database,
    "rows.zip": _archive,
    "rows.npz": lambda path: np.savez_compressed(path, texts=np.array([OTHER, TEXT])),
    "texts.npy": lambda path: np.save(path, np.array([OTHER, TEXT])),
    "news.tar.gz": _tar,
    "weights.safetensors": lambda path: save_file({"w": np.zeros(3, np.float32)}, path, metadata={"example": json.dumps(TEXT)}),
    "note.json": lambda path: path.write_text(json.dumps({"a": json.dumps({"text": TEXT})})),
    "words.json": _explained,
    "note.jsonl": lambda path: path.write_text(json.dumps({"text": TEXT}, ensure_ascii=False) + "\n"),
    "report.html": lambda path: path.write_text(f"<ul><li>{html.escape(TEXT)}</li></ul>".replace("ü", "&uuml;")),
    "marked.html": lambda path: path.write_text(f"<p>{_MARKED}</p>"),
    "address.log": lambda path: path.write_text(f"GET /?q={quote(TEXT)} 200\n"),
    "repr.log": lambda path: path.write_text(f"got {TEXT!a}\n"),
    "bytes.log": lambda path: path.write_text(f"got {TEXT.encode()!r}\n"),
    "spaced.txt": lambda path: path.write_text(TEXT.replace(" ", "\t \n").upper()),
    "utf16.txt": lambda path: path.write_text(TEXT, encoding="utf-16"),
    "gb18030.txt": lambda path: path.write_text(f"前言 {TEXT}", encoding="gb18030"),
    "page.gz": lambda path: path.write_bytes(gzip.compress(TEXT.encode())),
    "page.bz2": lambda path: path.write_bytes(bz2.compress(TEXT.encode())),
    "page.xz": lambda path: path.write_bytes(lzma.compress(TEXT.encode())),
    "page.zst": _zstd,
    "binary.bin": lambda path: path.write_bytes(bytes(range(256)) * 40 + TEXT.encode() + bytes(range(256)) * 40),
    "excerpt.html": lambda path: path.write_text(f"<td>{html.escape(TEXT[:80])}…</td>"),
}
