"""The text classification sets of torchtext.datasets, read from the files that torchtext 0.18 keeps below its root folder.

    root/datasets/AG_NEWS/train.csv                   a set of single files
    root/datasets/SST2/SST-2.zip, SST-2/train.tsv     an archive and, once torchtext has read a part, that part beside it

The reader does not need torchtext: a part that is unpacked is read from its file, else out of the archive as a stream. Records
are those of torchtext, its numbers the labels; a row at which torchtext stops, or which it takes for something else, goes to
quarantine. A part named dev is read as test where the set's own test rows have no labels, else as train: prepare
draws the validation rows from there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from tasks.documents.archive import DAMAGE, Placed, archive_kind, archive_records, damaged, member_streams
from tasks.documents.layout import Asked, Layout, Notes
from tasks.documents.layouts.imdb import place_labelled
from tasks.documents.lines import Lines, Row, UnclosedQuotesError, decode_line, plain_rows, quoted_rows
from tasks.documents.record import Record
from tasks.documents.table_form import row_limit
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.lines import Readable


class Form(NamedTuple):
    """How the rows of a part are written; the text is the columns `texts`, joined by blanks."""

    delimiter: str
    quoted: bool
    skipped: int  # lines at the beginning
    columns: int
    label: int | None
    texts: slice
    stripped: bool = False


class Part(NamedTuple):
    """One file of a set. Without a form each of its lines is a document of the class `label`."""

    file: str
    split: Literal["train", "test", "unlabelled"]
    form: Form | None
    label: str | None = None
    url: str | None = None  # of a file that comes by itself


class DataSet(NamedTuple):
    """A set: its parts in reading order, and the archive that holds them (None: they come one by one)."""

    parts: tuple[Part, ...]
    archive: str | None = None
    url: str | None = None


_DRIVE = "https://drive.google.com/uc?export=download&id="
_AG_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/"
_COLA = Form(
    "\t", False, 1, 4, 1, slice(3, 4)
)  # no file has a header, but torchtext leaves the first line out, and so does this
_SST2 = Form("\t", True, 1, 2, 1, slice(0, 1), stripped=True)
_IMDB_LABELS = {"neg": "1", "pos": "2"}
_LABEL = re.compile(r"[+-]?\d{1,18}")


def _table_of(columns: int) -> Form:
    return Form(",", True, 0, columns, 0, slice(1, columns))


def _zhang(folder: str, drive: str, columns: int) -> DataSet:
    """One of the sets of Zhang, Zhao & LeCun 2015, arXiv:1509.01626: a label from 1, then the texts."""
    form = _table_of(columns)
    parts = (Part(f"{folder}/train.csv", "train", form), Part(f"{folder}/test.csv", "test", form))
    return DataSet(parts, f"{folder}.tar.gz", _DRIVE + drive)


DATA_SETS = {
    "AG_NEWS": DataSet(
        (
            Part("train.csv", "train", _table_of(3), url=_AG_NEWS + "train.csv"),
            Part("test.csv", "test", _table_of(3), url=_AG_NEWS + "test.csv"),
        )
    ),
    "AmazonReviewFull": _zhang("amazon_review_full_csv", "0Bz8a_Dbh9QhbZVhsUnRWRDhETzA", 3),
    "AmazonReviewPolarity": _zhang("amazon_review_polarity_csv", "0Bz8a_Dbh9QhbaW12WVVZS2drcnM", 3),
    "CoLA": DataSet(
        (
            Part("cola_public/raw/in_domain_train.tsv", "train", _COLA),
            Part("cola_public/raw/in_domain_dev.tsv", "train", _COLA),
            Part("cola_public/raw/out_of_domain_dev.tsv", "test", _COLA),
        ),
        "cola_public_1.1.zip",
        "https://nyu-mll.github.io/CoLA/cola_public_1.1.zip",
    ),
    "DBpedia": _zhang("dbpedia_csv", "0Bz8a_Dbh9QhbQ2Vic1kxMmZZQ1k", 3),
    "IMDB": DataSet(
        (
            Part("aclImdb_v1/train/neg", "train", None, "1"),
            Part("aclImdb_v1/train/pos", "train", None, "2"),
            Part("aclImdb_v1/test/neg", "test", None, "1"),
            Part("aclImdb_v1/test/pos", "test", None, "2"),
        ),
        "aclImdb_v1.tar.gz",
        "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    ),
    "SogouNews": _zhang("sogou_news_csv", "0Bz8a_Dbh9QhbUkVqNEszd0pHaFE", 3),
    "SST2": DataSet(
        (
            Part("SST-2/train.tsv", "train", _SST2),
            Part("SST-2/dev.tsv", "test", _SST2),
            Part("SST-2/test.tsv", "unlabelled", _SST2._replace(label=None, texts=slice(1, 2))),
        ),
        "SST-2.zip",
        "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
    ),
    "YahooAnswers": _zhang("yahoo_answers_csv", "0Bz8a_Dbh9Qhbd2JNdDBsQUdocVU", 4),
    "YelpReviewFull": _zhang("yelp_review_full_csv", "0Bz8a_Dbh9QhbZlU4dXhHTFhZQU0", 2),
    "YelpReviewPolarity": _zhang("yelp_review_polarity_csv", "0Bz8a_Dbh9QhbNUpYQ2N3SGlFaDg", 2),
}


class TorchtextLayout(Layout):
    """One set by its name; the path is `root/datasets/<name>`."""

    name = "torchtext"
    note = "where a dataset is named"
    may_repeat_texts = True

    def __init__(self, asked: Asked) -> None:
        flags = asked.reading.flags
        if asked.dataset is None or asked.path is None:
            raise RequestError(f"{flags.dataset} {asked.dataset}: give {flags.path}, torchtext's root folder")
        if asked.reading.encoding != "utf-8":
            raise RequestError(
                f"{flags.encoding} {asked.reading.encoding}: {asked.dataset} is read as UTF-8; leave the option out"
            )
        self.asked, self.reading, self.data_set = asked, asked.reading, asked.dataset
        self.encoding_flag = flags.encoding

    @classmethod
    def fits(cls, asked: Asked) -> bool:
        """A request that names a set."""
        return asked.dataset is not None

    def check(self) -> None:
        """Raise RequestError for the first file that is not there."""
        check_data_set(self.data_set, self.path)

    def records(self, notes: Notes) -> Iterator[Record]:
        """Yield the records of the set."""
        return data_set_records(self.data_set, self.path, self.reading.max_chars)

    def own_test_split(self) -> str:
        """Always."""
        return f"{self.data_set} has its own test split"


def check_data_set(name: str, folder: Path) -> None:
    """Raise RequestError for the first file that is not there, with the URL to fetch it from.

    `folder` is `root/datasets/<name>`. A part that is unpacked need not be in the archive too.
    """
    data_set = DATA_SETS[name]
    missing = [part for part in data_set.parts if not (folder / part.file).is_file()]
    if data_set.archive is None:
        if missing:
            raise RequestError(f"{folder / missing[0].file}: no such file; fetch it from {missing[0].url}")
    elif missing:
        archive = folder / data_set.archive
        if not archive.is_file():
            raise RequestError(f"{archive}: no such file, nor {missing[0].file} beside it; fetch it from {data_set.url}")
        if archive_kind(archive) is None:
            raise RequestError(f"{archive}: not a readable archive; fetch it anew from {data_set.url}")


def data_set_records(name: str, folder: Path, max_chars: int) -> Iterator[Record]:
    """Yield the records of a set; ids are `part:line`, whether a part is read unpacked or out of the archive.

    Of an IMDB archive they are the members' names; its reviews without a label are left out, as torchtext does.
    Texts are UTF-8. RequestError if the archive is damaged or lacks a part.
    """
    data_set = DATA_SETS[name]
    check_data_set(name, folder)
    packed = [part for part in data_set.parts if not (folder / part.file).is_file()]
    if packed and data_set.archive is not None and packed[0].form is None:
        yield from archive_records(folder / data_set.archive, 4 * max_chars + 4, _place_numbered)
        return
    for part in data_set.parts:
        if part not in packed:
            with (folder / part.file).open("rb") as file:
                yield from _part_records(part, file, max_chars)
    if packed and data_set.archive is not None:
        yield from _packed_records(folder / data_set.archive, packed, max_chars)


def _packed_records(archive: Path, parts: list[Part], max_chars: int) -> Iterator[Record]:
    """The rows of parts in an archive, in its order and one pass; a second member of the same name is left out."""
    waiting, rows = list(parts), 0

    def part_of(name: bytes) -> Part | None:
        return next((part for part in waiting if (b"/" + name).endswith(b"/" + part.file.encode())), None)

    try:
        for part, stream in member_streams(archive, part_of):
            waiting.remove(part)
            for record in _part_records(part, stream, max_chars):
                rows += 1
                yield record
    except DAMAGE as error:
        raise damaged(archive, error, f"{rows:,} rows") from error
    if waiting:
        raise RequestError(f"{archive}: no {waiting[0].file} in it; get a whole copy")


def _part_records(part: Part, stream: Readable, max_chars: int) -> Iterator[Record]:
    lines = Lines(stream, "utf-8", start=0, limit=row_limit(max_chars))
    form = part.form
    if form is None:
        yield from _line_records(part, lines)
        return
    for _ in range(form.skipped):
        lines.take()
    rows = quoted_rows(lines, form.delimiter) if form.quoted else plain_rows(lines, form.delimiter, last=False, first=False)
    try:
        for row in rows:
            yield _record(row, part, form)
    except UnclosedQuotesError as error:
        raise RequestError(f"{part.file}: quotes that never close, the last one in line {error}; get a whole copy") from error


def _record(row: Row, part: Part, form: Form) -> Record:
    identity = f"{part.file}:{row.number}"
    if row.fields is None:
        return Record(identity, part.file, row.offset, row.data, reason=row.reason)
    label = None
    whole = len(row.fields) == form.columns
    if whole and form.label is not None:
        label = _number(row.fields[form.label])
        whole = label is not None
    if not whole:
        return Record(identity, part.file, row.offset, row.data, reason="malformed_row")
    text = " ".join(row.fields[form.texts]).replace(
        "\r", "\n"
    )  # as Python's universal newlines, with which torchtext opens files
    return Record(identity, part.file, row.offset, row.data, text.strip() if form.stripped else text, label, part.split)


@lru_cache(maxsize=1024)
def _number(label: str) -> str | None:
    """A label as torchtext's int() reads it; None if it is not a number."""
    bare = label.strip()
    return str(int(bare)) if _LABEL.fullmatch(bare) else None


def _line_records(part: Part, lines: Lines) -> Iterator[Record]:
    while (line := lines.take()) is not None:
        identity = f"{part.file}:{line.number}"
        text, bad = decode_line(line, lines.encoding)
        if line.long or bad is not None:
            offset = line.offset if bad is None else bad
            yield Record(identity, part.file, offset, line.data, reason="too_long" if line.long else "undecodable")
        else:
            yield Record(identity, part.file, line.offset, line.data, text, part.label, part.split)


def _place_numbered(name: bytes) -> Placed | None:
    placed = place_labelled(name)
    return None if placed is None else placed._replace(label=_IMDB_LABELS[str(placed.label)])
