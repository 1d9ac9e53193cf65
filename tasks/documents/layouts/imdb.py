"""The Large Movie Review Dataset in its official layout (Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis").

    aclImdb/{train,test}/{pos,neg}/ID_RATING.txt     labelled reviews, split by their authors
    aclImdb/train/unsup/ID_0.txt                     reviews without a label

Whatever else stands there (vocabulary, URLs, bags of words) is no record.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.documents.archive import Placed, archive_records
from tasks.documents.files import as_bytes, file_record
from tasks.documents.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.record import Record

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
FILE = "aclImdb_v1.tar.gz"

_REVIEW = re.compile(rb"(?:.*/)?((train|test)/(pos|neg|unsup)/[^/]+\.txt)", re.DOTALL)


def place(name: bytes) -> Placed | None:
    """Read label and split from a member's name, or None if it is no review."""
    match = _REVIEW.fullmatch(name)
    if match is None:
        return None
    label = match[3].decode()
    if label == "unsup":
        return Placed(match[1], None, "unlabelled")
    return Placed(match[1], label, match[2].decode())


def imdb_root(folder: Path) -> Path | None:
    """The folder that holds train/pos: this one or aclImdb/ below it; None if neither does."""
    for root in (folder, folder / "aclImdb"):
        if (root / "train" / "pos").is_dir() and (root / "train" / "neg").is_dir():
            return root
    return None


def is_imdb_folder(folder: Path) -> bool:
    """Whether a folder is unmistakably IMDB: aclImdb/ with train/pos below it, or unlabelled reviews beside pos and neg."""
    root = imdb_root(folder)
    return root is not None and (root != folder or (root / "train" / "unsup").is_dir())


def place_labelled(name: bytes) -> Placed | None:
    """As `place`, but a review without a label is none: its bytes need not be kept."""
    placed = place(name)
    return None if placed is None or placed.label is None else placed


def imdb_archive(path: Path, limit: int, *, with_unlabelled: bool = True) -> Iterator[Record]:
    """Yield the reviews of the archive in its order, each of at most `limit` bytes."""
    return archive_records(path, limit, place if with_unlabelled else place_labelled)


def imdb_folder(folder: Path, limit: int) -> Iterator[Record]:
    """Yield the reviews of an unpacked archive, sorted by name."""
    root = imdb_root(folder) or folder
    for part in (b"test", b"train"):
        for found in walk(as_bytes(root / part.decode()), part + b"/"):
            placed = place(found.name)
            if placed is not None:
                yield file_record(found, limit, label=placed.label, split=placed.split)
            elif found.kind != "file":
                yield file_record(found, limit, label=None, split=None)
