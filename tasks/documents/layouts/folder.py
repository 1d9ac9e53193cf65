"""A folder with one folder per label, with or without train/ and test/ above them.

    corpus/<label>/**                      or        corpus/{train,test}/<label>/**
    corpus/unlabelled/**                             corpus/unlabelled/**, corpus/train/unlabelled/**

Every regular file below a label's folder is one document, whatever its suffix; names that are passed over (see walk.py) and
files beside the labels' folders (a README, say) are no records, and a file that is no text is refused as `binary`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.documents.files import as_bytes, file_record
from tasks.documents.walk import Found, entries, kind_of, read_head, walk
from tasks.errors import RequestError
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.record import Record

UNLABELLED = frozenset({b"unlabelled", b"unlabeled", b"unsup"})
_SPLITS = (b"test", b"train")
_TABLES = (b".csv", b".tsv", b".jsonl", b".ndjson", b".json", b".parquet", b".pq")


def split_folders(folder: Path) -> tuple[bytes, ...]:
    """Which of test/ and train/ stand above the labels' folders; empty if none does. RequestError for folders beside them."""
    root = as_bytes(folder)
    names = _folders(root)
    splits = tuple(name for name in _SPLITS if name in names)
    if not any(_folders(os.path.join(root, name)) for name in splits):
        return ()  # a label may be called train
    beside = [name for name in names if name not in splits and name not in UNLABELLED]
    if beside:
        known = " and ".join(file_name(name) + "/" for name in splits)
        raise RequestError(
            f"{folder}: {file_name(beside[0])}/ stands beside {known}; only train/, test/ and unlabelled/ are read there"
        )
    return splits


def folder_labels(folder: Path) -> list[str]:
    """Names of the labels' folders, sorted. RequestError if the folder cannot be listed."""
    root = as_bytes(folder)
    roots = [os.path.join(root, split) for split in split_folders(folder)] or [root]
    return sorted({file_name(name) for each in roots for name in _folders(each) if name not in UNLABELLED})


def no_label_folders(folder: Path) -> str:
    """Say what is in a folder instead of folders of labels: links, tables, or files."""
    names = entries(as_bytes(folder))
    links = [name for name in names if kind_of(os.path.join(as_bytes(folder), name.rstrip(b"/"))) == "link"]
    if links:
        target = os.fsencode(os.readlink(os.path.join(as_bytes(folder), links[0])))
        more = f" and {len(links) - 1:,} more" if len(links) > 1 else ""
        return f"links are not followed: {file_name(links[0])} -> {file_name(target)}{more}; copy the folders here"
    tables = [name for name in names if name.lower().endswith(_TABLES)]
    if tables:
        return f"there is a table in it, {file_name(tables[0])}; give the file: --ingest.path {folder / file_name(tables[0])}"
    return "one folder per label is expected, with the documents inside"


def holds_parquet(folder: Path) -> str | None:
    """Name a Parquet file that is the first document of a label: such a folder is a table in parts, not documents."""
    for found in walk(as_bytes(folder)):
        if b"/" not in found.name:
            continue
        try:
            is_parquet = found.kind == "file" and read_head(found.path, 4) == b"PAR1"
        except OSError:
            return None
        return file_name(found.name) if is_parquet else None
    return None


def folder_records(folder: Path, limit: int, prefix: str = "", passed_over: Counter[bytes] | None = None) -> Iterator[Record]:
    """Yield the documents of a folder sorted by name, each of at most `limit` bytes.

    What is passed over is counted in `passed_over`.
    """
    root = as_bytes(folder)
    splits = split_folders(folder)
    yield from _links(root, b"", limit, prefix)
    for split in splits:
        yield from _links(os.path.join(root, split), split + b"/", limit, prefix)
        yield from _labelled(os.path.join(root, split), split + b"/", split.decode(), limit, prefix, passed_over)
    if splits:
        for name in sorted(UNLABELLED & set(_folders(root))):
            yield from _below(os.path.join(root, name), name + b"/", None, "unlabelled", limit, prefix, passed_over)
    else:
        yield from _labelled(root, b"", None, limit, prefix, passed_over)


def _labelled(
    root: bytes, above: bytes, split: str | None, limit: int, prefix: str, passed_over: Counter[bytes] | None
) -> Iterator[Record]:
    for name in _folders(root):
        unlabelled = name in UNLABELLED
        label = None if unlabelled else file_name(name)
        here = "unlabelled" if unlabelled else split
        yield from _below(os.path.join(root, name), above + name + b"/", label, here, limit, prefix, passed_over)


def _below(
    root: bytes,
    above: bytes,
    label: str | None,
    split: str | None,
    limit: int,
    prefix: str,
    passed_over: Counter[bytes] | None,
) -> Iterator[Record]:
    for found in walk(root, above, passed_over):
        yield file_record(found, limit, label=label, split=split, prefix=prefix)


def _links(root: bytes, above: bytes, limit: int, prefix: str) -> Iterator[Record]:
    """Links beside the labels' folders: each may stand for a whole label, so leaving it out has to be seen."""
    for name in entries(root):
        path = os.path.join(root, name)
        if not name.endswith(b"/") and kind_of(path) == "link":
            yield file_record(Found(above + name, path, "link"), limit, label=None, split=None, prefix=prefix)


def _folders(root: bytes) -> list[bytes]:
    try:
        return [name[:-1] for name in entries(root) if name.endswith(b"/")]
    except OSError as error:
        raise RequestError(f"{file_name(root)}: cannot be listed ({error.strerror}); check its permissions") from error
