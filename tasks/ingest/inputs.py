"""What a request asks to be read: its inputs, each with its layout, found without reading more than their beginnings."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tasks.documents.archive import archive_kind
from tasks.documents.compressed import plain_suffix
from tasks.documents.encoding import advice, decode
from tasks.documents.files import without_binaries
from tasks.documents.layouts.folder import folder_labels, folder_records, holds_parquet, no_label_folders, split_folders
from tasks.documents.layouts.imdb import imdb_archive, imdb_folder, imdb_root, is_imdb_folder
from tasks.documents.layouts.torchtext_sets import check_data_set, data_set_records
from tasks.documents.parquet import parquet_columns, parquet_records
from tasks.documents.reasons import REASONS
from tasks.documents.spelling import spelled
from tasks.documents.table import ONE_COLUMN, PARQUET, TABLES, Table, open_table, table_records
from tasks.documents.unlabelled import check_lines, is_archive, text_archive, text_folder, text_lines
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.config import IngestConfig
    from tasks.documents.record import Record

Layout = Literal[
    "imdb archive", "imdb folder", "folder", "table", "parquet", "torchtext", "text folder", "text archive", "text lines"
]
_UNLABELLED, _TEST = "unlabelled:", "test:"
_SHARED = re.compile(r"--ingest\.(?:encoding|text|label|header|delimiter|quoting)(?![\w-])")
_FIRST_ROWS = 100  # that are looked at before the corpus is read
_FIRST_BYTES = 4 << 20
_WORDS_OF_A_NAME, _CHARS_OF_A_NAME = 3, 40  # a column's name has no more
_TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2")


class Input(NamedTuple):
    """One file or folder to read. `path` is None for the IMDB archive that has yet to be downloaded."""

    path: Path | None
    layout: Layout
    split: str | None  # of rows whose layout names none
    prefix: str  # of their ids, so that no two inputs share one

    @property
    def labelled(self) -> bool:
        """Whether its rows are to have labels."""
        return self.prefix != _UNLABELLED

    @property
    def encoding_option(self) -> str:
        """The option that declares its encoding."""
        return "--ingest.encoding" if self.labelled else "--ingest.unlabelled-encoding"

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Readers name the options of the corpus; the unlabelled text has its own, and the test split has none."""
        try:
            yield
        except RequestError as error:
            if self.prefix == _TEST and (named := _SHARED.search(str(error))):
                raise RequestError(f"{error}; but {named[0]} holds for --ingest.path too, so write both files alike") from error
            if self.labelled:
                raise
            message = str(error).replace(ONE_COLUMN, "").replace("--ingest.encoding", "--ingest.unlabelled-encoding")
            raise RequestError(message.replace("--ingest.text", "--ingest.unlabelled-text")) from error

    def settings(self, config: IngestConfig) -> IngestConfig:
        """The options that hold for this input: the unlabelled text has its own column and encoding, and plain defaults."""
        if self.labelled:
            return config
        text = config.unlabelled_text or config.text
        return config.model_copy(
            update={"text": text, "encoding": config.unlabelled_encoding, "delimiter": None, "header": None}
        )


def plan(config: IngestConfig) -> list[Input]:
    """List the inputs of a request in reading order; RequestError if a path or a pair of options is wrong."""
    corpus = _corpus(config)
    inputs = [corpus]
    if config.test_path is not None:
        if corpus.layout.startswith("imdb") or config.dataset is not None:
            name = config.dataset or "IMDB"
            raise RequestError(f"--ingest.test-path: {name} has its own test split; leave the option out")
        layout = _layout(config.test_path, "--ingest.test-path")
        if layout == "folder" and split_folders(config.test_path):
            raise RequestError(
                f"{config.test_path}: --ingest.test-path has train/ or test/ below; give the folder of the labels"
            )
        if corpus.layout == "folder" and corpus.path is not None and split_folders(corpus.path):
            raise RequestError(f"{corpus.path} has train/ or test/ below; leave out --ingest.test-path")
        inputs = [corpus._replace(split="train"), Input(config.test_path, layout, "test", _TEST)]
    if config.unlabelled is not None:
        inputs.append(Input(config.unlabelled, _unlabelled_layout(config.unlabelled), "unlabelled", _UNLABELLED))
    return inputs


def check_input(found: Input, config: IngestConfig) -> None:
    """Raise RequestError for what the beginning of an input shows to be wrong with it."""
    path, config = found.path, found.settings(config)
    if path is None:
        return
    with found.named():
        match found.layout:
            case "folder":
                _check_folder(found, path, config)
            case "torchtext":
                check_data_set(str(config.dataset), path)
            case "table":
                table = _table(found, path, config)
                _check_answer(path, config, label_in_text=table.columns.label_in_text)
                _check_rows(path, table_records(table, config.max_chars, None))
            case "parquet":
                columns = parquet_columns(path, config, labelled=found.labelled)
                _check_answer(path, config, label_in_text=columns.label in columns.texts)
            case "text lines":
                check_lines(path, config)
            case "text folder" if next(text_folder(path, 0, ""), None) is None:
                raise RequestError(f"{path}: no .txt file below this folder")


def _check_answer(path: Path, config: IngestConfig, *, label_in_text: bool) -> None:
    if label_in_text:
        raise RequestError(
            f"{path}: column {config.label!r} is the label, and also in --ingest.text, so that a model would read the answer; "
            "name other columns"
        )


def _check_folder(found: Input, path: Path, config: IngestConfig) -> None:
    accepted = set(map(spelled, config.labels))
    labels = [label for label in folder_labels(path) if not accepted or spelled(label) in accepted]
    if not labels:
        raise RequestError(f"{path}: no folder of a label in it; {no_label_folders(path)}")
    if (part := holds_parquet(path)) is not None:
        raise RequestError(f"{path}: {part} is a Parquet file, not a document; give one file: --ingest.path {path / part}")
    if len(labels) == 1 and found.split != "test" and config.label_names is None:
        raise RequestError(f"{path}: one class only ({labels[0]}); a classifier needs at least two folders of labels")


def _check_rows(path: Path, rows: Iterator[Record]) -> None:
    """Raise RequestError if none of the first rows has the table's form, or if most have several labels."""
    reasons: Counter[str] = Counter()
    first: dict[str, Record] = {}
    number = size = 0
    for record in rows:
        number, size = number + 1, size + len(record.data)
        if record.reason is not None:
            reasons[record.reason] += 1
            first.setdefault(record.reason, record)
        if size > _FIRST_BYTES:
            return  # too few were seen to judge
        if number == _FIRST_ROWS:
            break
    if reasons["several_labels"] * 2 > number:
        record = first["several_labels"]
        raise RequestError(
            f"{path}: {reasons['several_labels']:,} of the first {number:,} lines have several labels, and a document here has "
            f"one; the first, {record.id}: {record.detail}; keep one label a line"
        )
    if number and reasons.total() == number:
        told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        record = next(iter(first.values()))
        detail = record.detail or REASONS[str(record.reason)]
        which = f"the first {number:,}" if number == _FIRST_ROWS else f"{number:,}"
        raise RequestError(f"{path}: none of {which} records can be used ({told}); the first, {record.id}: {detail}")


def first_row(found: Input, config: IngestConfig) -> tuple[str, str] | None:
    """The first row of a table without a header, as text and label, where it is short enough to be a header after all."""
    if found.layout != "table" or found.path is None or not found.labelled:
        return None
    table = _table(found, found.path, found.settings(config))
    at, names = table.columns.label, table.first
    if table.header or not names or at is None or at >= len(names):
        return None
    text = names[table.columns.texts[0]]
    return (text, names[at]) if len(text.split()) <= _WORDS_OF_A_NAME and len(text) <= _CHARS_OF_A_NAME else None


def nothing_in(found: Input, config: IngestConfig) -> str:
    """Say what an input without a record is."""
    if found.layout == "table" and found.path is not None and _table(found, found.path, found.settings(config)).header:
        return "the header is its only line; there is no record in it"
    return f"no record in it (it was read as {found.layout})"


def _table(found: Input, path: Path, config: IngestConfig) -> Table:
    return open_table(path, config, labelled=found.labelled)


def records(
    found: Input,
    config: IngestConfig,
    *,
    passed_over: Counter[bytes] | None = None,
    say: Callable[[str], None] | None = None,
) -> Iterator[Record]:
    """Read an input whose path is known; `say` is told what a user should look at, `passed_over` counts files of no author."""
    config = found.settings(config)
    path, limit = _known(found.path), 4 * config.max_chars + 4  # no encoding of note takes more bytes; and a byte order mark
    match found.layout:
        case "imdb archive":
            return imdb_archive(path, limit, with_unlabelled=config.with_unlabelled)
        case "imdb folder":
            return imdb_folder(path, limit)
        case "folder":
            # Rows of a folder with train/ and test/ get their split from there, and then `split` is None.
            documents = without_binaries(folder_records(path, limit, found.prefix, passed_over), config.encoding)
            return _with_split(documents, found.split)
        case "table":
            return table_records(_table(found, path, config), config.max_chars, found.split, found.prefix, say)
        case "parquet":
            columns = parquet_columns(path, config, labelled=found.labelled)
            return parquet_records(path, columns, found.split, found.prefix)
        case "torchtext":
            return data_set_records(str(config.dataset), path, config.max_chars)
        case "text folder":
            return without_binaries(text_folder(path, limit, found.prefix), config.encoding)
        case "text archive":
            return text_archive(path, limit, found.prefix)
        case "text lines":
            return text_lines(path, config, found.prefix)


def label_names(config: IngestConfig) -> dict[str, str] | None:
    """Read the file that names label numbers: its line 0 names label 0, unless it is empty. None if no file is asked for.

    Empty lines at the start leave their numbers without a name, since many sets count from 1; those at the end say nothing.
    """
    path = config.label_names
    if path is None:
        return None
    if not path.is_file():
        raise RequestError(f"--ingest.label-names {path}: no such file")
    try:
        names = [name.strip() for name in decode(path.read_bytes(), config.encoding).rstrip().split("\n")]
    except UnicodeDecodeError as error:
        told = advice(path.read_bytes(), "--ingest.encoding")
        raise RequestError(
            f"--ingest.label-names {path}: byte {error.start} is not {config.encoding}; {told}, as the corpus"
        ) from error
    first = next((number for number, name in enumerate(names) if name), len(names))
    named = {str(number): name for number, name in enumerate(names) if number >= first}
    if not named or not all(named.values()) or len(set(named.values())) < len(named):
        raise RequestError(
            f"{path}: a name is empty or repeated; write one name a line, the first for number 0, "
            "after an empty line where labels count from 1"
        )
    return named


def _corpus(config: IngestConfig) -> Input:
    if config.dataset is not None:
        return _torchtext(config)
    if config.archive is not None and config.path is not None:
        raise RequestError("--ingest.archive and --ingest.path are both given; keep the one to read")
    if config.source in ("folder", "table") and config.archive is not None:
        raise RequestError(f"--ingest.archive is for imdb; with --ingest.source {config.source} give --ingest.path")
    if config.archive is not None:
        return _imdb(_existing(config.archive, "--ingest.archive"), "--ingest.archive")
    if config.path is None:
        if config.source == "imdb":
            return Input(None, "imdb archive", None, "")
        raise RequestError("nothing to read: give --ingest.path FILE_OR_FOLDER, --ingest.archive FILE or --ingest.source imdb")
    path = _existing(config.path, "--ingest.path")
    if config.source == "imdb":
        return _imdb(path, "--ingest.path")
    if config.source == "auto" and ((path.is_dir() and is_imdb_folder(path)) or path.name.lower().endswith(_TAR_SUFFIXES)):
        return _imdb(path, "--ingest.path")
    layout = _layout(path, "--ingest.path")
    if config.source == "folder" and layout != "folder":
        raise RequestError(f"--ingest.path {path}: not a folder; for a file use --ingest.source table")
    if config.source == "table" and layout == "folder":
        raise RequestError(f"--ingest.path {path}: a folder; give the table's file, or --ingest.source folder")
    return Input(path, layout, None, "")


def _torchtext(config: IngestConfig) -> Input:
    if config.path is None or config.archive is not None:
        raise RequestError(f"--ingest.dataset {config.dataset}: give --ingest.path, torchtext's root folder, and no archive")
    if config.encoding != "utf-8":
        raise RequestError(f"--ingest.encoding {config.encoding}: {config.dataset} is read as UTF-8; leave the option out")
    return Input(config.path, "torchtext", None, "")


def _imdb(path: Path, option: str) -> Input:
    if path.is_dir():
        if imdb_root(path) is None:
            raise RequestError(f"{option} {path}: no train/pos and train/neg below this folder, as IMDB's official layout has")
        return Input(path, "imdb folder", None, "")
    if archive_kind(path) is None:
        raise RequestError(f"{option} {path}: not a readable tar archive; give aclImdb_v1.tar.gz or its unpacked folder")
    return Input(path, "imdb archive", None, "")


def _layout(path: Path, option: str) -> Layout:
    _existing(path, option)
    if path.is_dir():
        return "folder"
    return "parquet" if path.suffix.lower() in PARQUET else "table"


def _unlabelled_layout(path: Path) -> Layout:
    option = "--ingest.unlabelled"
    _existing(path, option)
    if path.is_dir():
        return "text folder"
    if is_archive(path):
        return "text archive"
    if path.name.lower().endswith((*_TAR_SUFFIXES, ".zip", ".zst", ".7z")):
        raise RequestError(f"{option} {path}: not a readable archive; give .tar, .tar.gz, .tar.bz2, .zip, or plain text")
    if plain_suffix(path) in TABLES:
        return _layout(path, option)
    return "text lines"


def _existing(path: Path, option: str) -> Path:
    try:
        path.stat()
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "special file"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RequestError(f"{option} {path}: {why}; check the path") from error
    if kind == "special file":
        raise RequestError(f"{option} {path}: neither a file nor a folder")
    return path


def _known(path: Path | None) -> Path:
    if path is None:
        raise ValueError("the archive has to be downloaded first")
    return path


def _with_split(found: Iterator[Record], split: str | None) -> Iterator[Record]:
    for record in found:
        yield record if record.split or split is None else record._replace(split=split)
