"""A corpus in partitions, and one partition in each pass of prepare. This is what worker processes run.

A partition is a few row groups of the corpus' file, and the first pass takes it in pieces. Where they end follows from the file
alone. A call names rows and reads them itself, so that whoever hands out the calls never holds a text.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.prepare.documents import tokenize_documents
from tasks.prepare.read import DATASET, HOLDOUT, TEXTS
from tasks.prepare.schema import SCHEMA, SPLITS, TEST, TEXTS_SCHEMA, RowGroups, open_reader
from tasks.prepare.sides import digest_words
from tasks.prepare.split import LABELLED, NO_LABEL, OFFICIAL_TEST, REJECTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from tasks.store.shared.exchange import Sent

PART_ROWS, PART_BYTES = 16_384, 64 << 20  # bytes of the columns in memory
PIECE_ROWS, PIECE_BYTES = 4096, 16 << 20
PARTS = {  # folder, file and schema of each part of the result with rows
    "dataset": (DATASET, SCHEMA),
    "holdout": (HOLDOUT, SCHEMA),
    "texts": (TEXTS, TEXTS_SCHEMA),
    "holdout_texts": (TEXTS, TEXTS_SCHEMA),
}
_READ_ROWS = 256
_BATCH_ROWS = 2048
_BATCH_BYTES = 4 << 20  # of text, so that a batch of long documents stays small
_COLUMNS = ("id", "text", "label", "split", "sha256")


class Partition(NamedTuple):
    """Rows of a corpus from the one numbered `first` on, which are the row groups from `begin` to before `end` of its file."""

    corpus: Path
    first: int
    rows: int
    begin: int
    end: int

    def __str__(self) -> str:
        return f"documents {self.first + 1:,} to {self.first + self.rows:,} of the corpus"

    @property
    def slice(self) -> slice:
        """Its rows among those of the corpus."""
        return slice(self.first, self.first + self.rows)


class TokenizedPiece(NamedTuple):
    """What the first pass says of a piece of N documents; their tokens are in the files at `paths`, or in what was sent.

    `kind` uint8, `label` int32 (a position in `labels`, -1 for none), `sha256` uint64, `valid` bool and `num_tokens` int32, all
    [N], as `dataset.Tokenized` has them; `fingerprints`, `signatures` and `quarantine` as `Documents` has them.
    """

    paths: Sequence[str | Sent]
    labels: list[str]
    kind: np.ndarray
    label: np.ndarray
    sha256: np.ndarray
    valid: np.ndarray
    num_tokens: np.ndarray
    fingerprints: np.ndarray
    signatures: np.ndarray
    quarantine: list[pa.RecordBatch]


def partitions_of(corpus: Path) -> list[tuple[Partition, list[Partition]]]:
    """The partitions of a corpus' file, each with its pieces; a corpus of one partition is one piece."""
    with open_reader(corpus) as file:
        metadata: pq.FileMetaData = file.metadata
    whole = Partition(corpus, 0, metadata.num_rows, 0, metadata.num_row_groups)
    partitions = list(_cut(metadata, whole, PART_ROWS, PART_BYTES))
    if len(partitions) == 1:
        return [(partitions[0], partitions)]
    return [(partition, list(_cut(metadata, partition, PIECE_ROWS, PIECE_BYTES))) for partition in partitions]


def _cut(metadata: pq.FileMetaData, whole: Partition, most_rows: int, most_bytes: int) -> Iterator[Partition]:
    """Cut a partition: each part ends with the row group in which it reaches so many rows or bytes."""
    first, begin = whole.first, whole.begin
    rows = size = 0
    for group in range(whole.begin, whole.end):
        rows += metadata.row_group(group).num_rows
        size += metadata.row_group(group).total_byte_size
        full = rows >= most_rows or size >= most_bytes
        if full or (rows and group + 1 == whole.end):
            yield Partition(whole.corpus, first, rows, begin, group + 1)
            first, rows, size, begin = first + rows, 0, 0, group + 1


def tokenize_piece(
    piece: Partition, scratch: str, settings: Mapping[str, Any], min_tokens: int, with_signatures: bool
) -> TokenizedPiece:
    """Clean and tokenize the rows of a piece; their tokens go to files in the folder `scratch`.

    RequestError for a test row without a label. OSError if the file lacks rows.
    """
    codes: dict[str, int] = {}
    described, found, paths = [], [], []
    for number, batch in enumerate(_batches(piece, _COLUMNS)):
        paths.append(str(Path(scratch) / f"{piece.begin:06d}-{number:04d}.arrow"))
        described.append(_describe(batch, codes))
        texts = batch.select(["id", "text", "split"])
        with _whole(paths[-1]) as path:
            found.append(tokenize_documents(texts, path, settings, min_tokens, with_signatures))
        described[-1][0][found[-1].rejected] = REJECTED
    rows = sum(len(each.num_tokens) for each in found)
    if rows != piece.rows:
        raise OSError(f"{piece.corpus} is damaged: {piece.rows - rows} of {piece.rows} rows are missing")
    kind, label, sha256, valid = map(np.concatenate, zip(*described, strict=True))
    return TokenizedPiece(
        paths,
        list(codes),
        kind,
        label,
        sha256,
        valid,
        np.concatenate([each.num_tokens for each in found]),
        np.concatenate([each.fingerprints for each in found]),
        np.concatenate([each.signatures for each in found]),
        [each.quarantine for each in found],
    )


def write_partition(
    partition: Partition,
    pieces: Sequence[tuple[Partition, Sequence[str]]],
    fate: np.ndarray,
    label: np.ndarray,
    labels: Sequence[str],
    scratch: str,
) -> list[str]:
    """Write the rows that stay, tokens from the files of the first pass, texts from the corpus, to a file for each of PARTS.

    `pieces` are those of the partition, each with the files that hold its tokens.
    `fate` [N] is a position in SPLITS for each row that stays, `label` int32 [N] one in `labels`, or -1. The corpus is read
    again rather than copied by the first pass: that costs less than writing and reading the copy.
    """
    names, done = pa.array(labels, pa.string()), 0
    targets = [str(Path(scratch) / f"{partition.begin:06d}.{part}.parquet") for part in PARTS]
    with contextlib.ExitStack() as stack:
        partial = [stack.enter_context(_whole(target)) for target in targets]
        writers = {
            part: stack.enter_context(RowGroups(Path(path), schema))
            for (part, (_, schema)), path in zip(PARTS.items(), partial, strict=True)
        }
        # Arrow compresses without Python's lock, so texts are written beside tokens, a batch at a time.
        beside = stack.enter_context(ThreadPoolExecutor(1))
        written: Future[None] | None = None
        for batch, texts in _tokens_and_texts(pieces):
            here, code = fate[done : done + len(batch)], label[done : done + len(batch)]
            split = pa.array(SPLITS, pa.string()).take(pa.array(np.minimum(here, len(SPLITS) - 1)))
            kept, held_out = pa.array((here < len(SPLITS)) & (here != TEST)), pa.array(here == TEST)
            rows = pa.record_batch([batch.column("id"), split, texts.column("text")], schema=TEXTS_SCHEMA)
            if written is not None:
                written.result()
            written = beside.submit(_add, rows, [(writers["texts"], kept), (writers["holdout_texts"], held_out)])
            named = names.take(pa.array(code, mask=code < 0))
            rows = pa.record_batch([batch.column("id"), split, named, batch.column("tokens")], schema=SCHEMA)
            _add(rows, [(writers["dataset"], kept), (writers["holdout"], held_out)])
            done += len(batch)
        if written is not None:
            written.result()
    return targets


def _tokens_and_texts(pieces: Sequence[tuple[Partition, Sequence[str]]]) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Batches of ids and tokens, each with the texts of the same rows."""
    for piece, paths in pieces:
        for path, texts in zip(paths, _batches(piece, ["text"]), strict=True):
            with pa.memory_map(path) as source:
                yield pa.ipc.open_file(source).get_batch(0), texts


def _batches(partition: Partition, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of bounded rows and bytes of text, which is among `columns`; their bounds depend on the file alone."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    with open_reader(partition.corpus) as file:
        groups = range(partition.begin, partition.end)
        for piece in file.iter_batches(_READ_ROWS, row_groups=groups, columns=list(columns), use_threads=False):
            waiting.append(piece)
            rows += len(piece)
            size += piece.column("text").nbytes
            if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
                yield pa.concat_batches(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.concat_batches(waiting)


def _describe(batch: pa.RecordBatch, codes: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Kind, label, digest and whether it is a validation row, of each row: what is known before a text is read."""
    encoded = batch.column("label").dictionary_encode()
    known = np.array([codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()] + [-1], np.int32)
    label = known[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    masks = [pc.equal(batch.column("split"), name).fill_null(False) for name in ("test", "valid", "unlabelled")]
    test, valid, unlabelled = (mask.to_numpy(zero_copy_only=False) for mask in masks)
    if (test & (label < 0)).any():
        row = int(np.flatnonzero(test & (label < 0))[0])
        raise RequestError(
            f"test row {batch.column('id')[row].as_py()} has no label; give it one or take it out of the test split"
        )
    label[unlabelled] = -1
    kind = np.where(test, OFFICIAL_TEST, np.where(label < 0, NO_LABEL, LABELLED)).astype(np.uint8)
    return kind, label, digest_words(batch.column("sha256")), valid


@contextlib.contextmanager
def _whole(path: str) -> Iterator[str]:
    """Give the name of a file that becomes `path` when the block ends: another worker may do the same call meanwhile."""
    partial = f"{path}.{secrets.token_hex(8)}"
    try:
        yield partial
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)


def _add(rows: pa.RecordBatch, parts: Sequence[tuple[RowGroups, pa.Array]]) -> None:
    """Write to each part the rows that its mask names."""
    for writer, chosen in parts:
        writer.add(rows.filter(chosen))
