"""The Large Movie Review Dataset in its official layout (Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis").

    aclImdb/{train,test}/{pos,neg}/ID_RATING.txt     labelled reviews, split by their authors
    aclImdb/train/unsup/ID_0.txt                     reviews without a label

All other files there (vocabulary, URLs, bags of words) are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.documents.archive import Placed, archive_kind, archive_records
from tasks.documents.files import as_bytes, file_record
from tasks.documents.layout import Asked, Layout, Notes, Remote
from tasks.documents.walk import walk
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.record import Record

REMOTE = Remote(
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz", "aclImdb_v1.tar.gz", "7c2ac02c03563afcf9b574c7e56c153a"
)

_TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2")
_REVIEW = re.compile(rb"(?:.*/)?((train|test)/(pos|neg|unsup)/[^/]+\.txt)", re.DOTALL)


class ImdbLayout(Layout):
    """The reviews, of an archive in its order, of a folder by name."""

    name = "imdb"
    note = "for an archive"
    remote = REMOTE
    takes_archive = True

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self.encoding, self.encoding_flag = asked.reading.encoding, asked.reading.flags.encoding
        if asked.path is None:
            return
        if asked.path.is_dir():
            if imdb_root(asked.path) is None:
                raise RequestError(
                    f"{asked.option} {asked.path}: no train/pos and train/neg below this folder, as IMDB's official layout has"
                )
        elif archive_kind(asked.path) is None:
            raise RequestError(
                f"{asked.option} {asked.path}: not a readable tar archive; give aclImdb_v1.tar.gz or its unpacked folder"
            )

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """A place that is named as an archive, a tar archive, or a folder that is unmistakably IMDB."""
        if asked.path is None or asked.is_archive:
            return asked.is_archive
        return is_imdb_folder(asked.path) if asked.path.is_dir() else asked.path.name.lower().endswith(_TAR_SUFFIXES)

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the reviews."""
        if self.path.is_dir():
            return self._folder_records()
        # The bytes of a review without a label need not be read if they are not wanted.
        return archive_records(self.path, self.reading.text_bytes, place if self.asked.with_unlabelled else place_labelled)

    def own_test_split(self) -> str:
        """Always."""
        return "IMDB has its own test split"

    def _folder_records(self) -> Iterator[Record]:
        root, limit = imdb_root(self.path) or self.path, self.reading.text_bytes
        for part in (b"test", b"train"):
            for found in walk(as_bytes(root / part.decode()), part + b"/"):
                placed = place(found.name)
                if placed is not None:
                    yield file_record(found, limit, label=placed.label, split=placed.split)
                elif found.kind != "file":
                    yield file_record(found, limit, label=None, split=None)


def place(name: bytes) -> Placed | None:
    """Read label and split from a member's name; None if it is not a review."""
    match = _REVIEW.fullmatch(name)
    if match is None:
        return None
    label = match[3].decode()
    if label == "unsup":
        return Placed(match[1], None, "unlabelled")
    return Placed(match[1], label, match[2].decode())


def imdb_root(folder: Path) -> Path | None:
    """Give the folder that holds train/pos: this one or aclImdb/ below it; None if neither does."""
    for root in (folder, folder / "aclImdb"):
        if (root / "train" / "pos").is_dir() and (root / "train" / "neg").is_dir():
            return root
    return None


def is_imdb_folder(folder: Path) -> bool:
    """Whether a folder is unmistakably IMDB: aclImdb/ with train/pos below it, or unlabelled reviews beside pos and neg."""
    root = imdb_root(folder)
    return root is not None and (root != folder or (root / "train" / "unsup").is_dir())


def place_labelled(name: bytes) -> Placed | None:
    """As `place`, but None for a review without a label."""
    placed = place(name)
    return None if placed is None or placed.label is None else placed
