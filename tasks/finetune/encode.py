"""The dataset as ids: read in batches, kept on disk, mapped into memory; what stays in memory does not grow with the rows.

Shapes: N documents, T ids of all of them, W distinct words.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.finetune.count_ngrams import build_ngrams
from tasks.finetune.documents import Documents
from tasks.finetune.in_threads import map_in_threads
from tasks.model.ngrams import NgramVocabulary, chunks, first_of_runs, flatten, index_of
from tasks.model.words import WordEncoder
from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.model.subwords import Subwords
    from tasks.model.vocabulary import Vocabulary

NAMES = pa.schema([("name", pa.string())])
FITTED = ("train",)
REFITTED = ("train", "valid")
UNLABELLED_SPLIT = "unlabelled"


def encode_split(
    dataset: Path,
    splits: Sequence[str],
    labels: Sequence[str],
    encode: Callable[[pa.Array], tuple[np.ndarray, np.ndarray]],
    path: Path,
    limit: int | None = None,
) -> Documents:
    """The rows of `splits` by `encode` (tokens to flat ids and offsets); the ids go to `path` and come back as a memory map.

    After `limit` rows no more are read.
    """
    known = pa.array(labels, pa.string())
    num_rows = 0
    with RowWriter(path) as writer:
        for batch in iter_batches(dataset, splits, ["id", "label", "tokens"], dictionary=True):
            # A label that train does not have cannot be scored; a row without one is there to be read.
            label = batch.column("label")
            batch = batch.filter(pc.or_(pc.is_in(label, value_set=known), pc.is_null(label)))
            if limit is not None:
                batch = batch.slice(0, limit - num_rows)
                if not len(batch):
                    break
            num_rows += len(batch)
            number = pc.fill_null(pc.index_in(batch.column("label"), value_set=known), -1)
            writer.add(*encode(batch.column("tokens")), number.to_numpy(zero_copy_only=False), batch.column("id"))
    return writer.documents()


class RowWriter:
    """Documents written batch by batch: ids to `path`, the rest beside it; `documents` gives them back as memory maps."""

    def __init__(self, path: Path) -> None:
        self._paths = [path, *(path.with_name(f"{path.name}.{part}") for part in ("offsets", "labels", "names"))]
        self._stack = ExitStack()
        self._ids, self._offsets, self._labels = (self._stack.enter_context(each.open("wb")) for each in self._paths[:3])
        self._names = self._stack.enter_context(pa.ipc.new_file(str(self._paths[3]), NAMES))
        self._offsets.write(np.zeros(1, np.int64).data)
        self._end = 0

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, ids_T: np.ndarray, offsets: np.ndarray, labels_N: np.ndarray, names: pa.Array | pa.ChunkedArray) -> None:
        """Write documents that begin at `offsets` [N + 1], from 0, of the ids."""
        self._ids.write(ids_T.astype(np.int32, copy=False).data)
        self._offsets.write((offsets[1:] + self._end).astype(np.int64, copy=False).data)
        self._labels.write(labels_N.astype(np.int64, copy=False).data)
        self._names.write_table(pa.table([names], schema=NAMES))
        self._end += len(ids_T)

    def documents(self) -> Documents:
        """All documents; the writer must have been left."""
        ids_T, offsets, labels_N = (_mapped(*each) for each in zip(self._paths, ("int32", "int64", "int64"), strict=False))
        with pa.memory_map(str(self._paths[3])) as source:
            names = pa.ipc.open_file(source).read_all().column(0)
        return Documents(ids_T, offsets, labels_N, names)


@dataclass(frozen=True)
class NumberedWords:
    """Rows as numbers of their words: read from the dataset once, whatever is fitted on them afterwards.

    `words` holds all distinct words by number, in the order in which they were met; `splits` the rows by split.
    """

    words: pa.Array
    splits: Mapping[str, Documents]
    scratch: Path

    @classmethod
    def read(
        cls,
        dataset: Path,
        labels: Sequence[str],
        scratch: Path,
        splits: Sequence[str] = REFITTED,
        limits: Mapping[str, int] | None = None,
    ) -> NumberedWords:
        """Number the words of the rows of `splits`, of each at most `limits` rows; the numbers are kept in `scratch`."""
        numbers, most = dict[str, int](), limits or {}

        def encode(tokens: pa.Array) -> tuple[np.ndarray, np.ndarray]:
            flat, lengths_N = flatten(tokens)
            if not isinstance(flat, pa.DictionaryArray):
                flat = flat.dictionary_encode()
            known_W = np.array(
                [numbers.setdefault(word, len(numbers)) for word in flat.dictionary.to_pylist()] + [-1], np.int32
            )
            codes_T = pc.fill_null(flat.indices, len(flat.dictionary)).to_numpy(zero_copy_only=False)
            return known_W[codes_T], np.append(0, np.cumsum(lengths_N))

        rows = {
            split: encode_split(dataset, (split,), labels, encode, scratch / f"{split}.words", most.get(split))
            for split in splits
        }
        return cls(pa.array(list(numbers), pa.string()), rows, scratch)

    @property
    def characters(self) -> bool:
        """Whether every word is a single character, as the tokenizer `char` cuts them."""
        return (pc.max(pc.utf8_length(self.words)).as_py() or 0) == 1

    def ngrams(
        self,
        splits: Sequence[str],
        *,
        longest: int,
        min_documents: int,
        word_min_documents: int | None = None,
        threads: int = 1,
    ) -> NgramVocabulary:
        """The n-grams, up to `longest` words, that are in at least `min_documents` documents of `splits`.

        Single words may have a bound of their own. The number of threads changes nothing.
        """
        least = min_documents if word_min_documents is None else word_min_documents
        frequent = pc.filter(self.words, pa.array(self._document_frequency(splits) >= least))
        words = frequent.take(pc.array_sort_indices(frequent))  # in code point order
        known_W = index_of(self.words, words)

        def stream() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for codes_T, offsets in self._chunks(splits):
                yield _taken(known_W, codes_T), offsets

        num_tokens = sum(len(self.splits[split].ids) for split in splits)
        return build_ngrams(
            words.to_pylist(),
            stream,
            self.scratch,
            longest=longest,
            min_documents=min_documents,
            num_tokens=num_tokens,
            threads=threads,
        )

    def documents(self, splits: Sequence[str], vocabulary: NgramVocabulary, path: Path, *, threads: int = 1) -> Documents:
        """The rows of `splits`, one split after another, as sets of n-grams; they go to `path` as in `encode_split`."""
        known_W = index_of(self.words, vocabulary.arrow_words)

        def sets(piece: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            return vocabulary.encode_words(_taken(known_W, piece[0]), piece[1])

        vocabulary.tables  # noqa: B018 made once, before the threads need them
        with RowWriter(path) as writer:
            for split in splits:
                rows, start = self.splits[split], 0
                for ids, offsets in map_in_threads(sets, chunks(rows.ids, rows.offsets), threads):
                    stop = start + len(offsets) - 1
                    writer.add(ids, offsets, rows.labels[start:stop], rows.names[start:stop])
                    start = stop
        return writer.documents()

    def _chunks(self, splits: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for split in splits:
            yield from chunks(self.splits[split].ids, self.splits[split].offsets)

    def _document_frequency(self, splits: Sequence[str]) -> np.ndarray:
        """In how many documents each word is, int64 [W]."""
        counts_W = np.zeros(len(self.words), np.int64)
        for codes_T, offsets in self._chunks(splits):
            documents_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
            known_T = codes_T >= 0
            pairs = np.sort(codes_T[known_T] * np.int64(len(offsets)) + documents_T[known_T])
            distinct = pairs[first_of_runs(pairs)] // len(offsets)
            first = first_of_runs(distinct)
            counts_W[distinct[first]] += np.diff(np.append(np.nonzero(first)[0], len(distinct)))
        return counts_W


def _taken(known_W: np.ndarray, codes_T: np.ndarray) -> np.ndarray:
    """`known_W` at each number; -1 stays -1."""
    return np.append(known_W, np.int32(-1))[codes_T]


def _mapped(path: Path, kind: str) -> np.ndarray:
    if not path.stat().st_size:  # an empty file cannot be mapped
        return np.zeros(0, kind)
    # Copy on write, since torch takes no array that cannot be written; as a plain array, since slices of np.memmap are slow.
    return np.asarray(np.memmap(path, kind, "c"))


def encode_in_order(
    dataset: Path, labels: Sequence[str], scratch: Path, vocabulary: Vocabulary, subwords: Subwords | None
) -> tuple[Documents, Documents]:
    """Train and valid as rows of the vocabulary; unseen words of valid as they will be read when the model is used."""
    train = encode_split(dataset, FITTED, labels, vocabulary.encode, scratch / "train.rows")
    encoder = WordEncoder(vocabulary, subwords)
    valid = encode_split(dataset, ("valid",), labels, encoder.encode, scratch / "valid.rows")
    return train, replace(valid, unseen=encoder.unseen)


def document_frequency(rows: Documents, num_ngrams: int) -> np.ndarray:
    """In how many of the rows, which are sets of n-grams, each n-gram is; int64 [K]."""
    counts_K = np.zeros(num_ngrams, np.int64)
    for ids_T, _, _ in slices(rows):
        counts_K += np.bincount(ids_T, minlength=num_ngrams)
    return counts_K


def restricted(rows: Documents, kept_K: np.ndarray, path: Path) -> Documents:
    """The rows with those n-grams alone that `kept_K` (bool [K]) names, which are numbered anew; they go to `path`."""
    number_K = np.where(kept_K, np.cumsum(kept_K) - 1, -1).astype(np.int32)
    with RowWriter(path) as writer:
        start = 0
        for ids_T, offsets, labels_N in slices(rows):
            numbers_T = number_K[ids_T]
            known_T = numbers_T >= 0
            ends = np.append(0, np.cumsum(known_T))[offsets]
            writer.add(numbers_T[known_T], ends, labels_N, rows.names[start : start + len(labels_N)])
            start += len(labels_N)
    return writer.documents()


def joined(parts: Sequence[Documents], path: Path) -> Documents:
    """All rows of several parts, one part after another; they go to `path` as in `encode_split`."""
    with RowWriter(path) as writer:
        for rows in parts:
            start = 0
            for ids_T, offsets, labels_N in slices(rows):
                writer.add(ids_T, offsets, labels_N, rows.names[start : start + len(labels_N)])
                start += len(labels_N)
    return writer.documents()


def content_digest(*splits: Documents) -> str:
    """SHA-256 over all ids, offsets and labels: what a checkpoint belongs to."""
    digest = hashlib.sha256()
    for documents in splits:
        for values in (documents.ids, documents.offsets, documents.labels):
            digest.update(np.ascontiguousarray(values).data)
            digest.update(str(len(values)).encode())
    return digest.hexdigest()


def slices(documents: Documents, size: int = 4096) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(ids, offsets from 0, labels) of consecutive documents."""
    for start in range(0, len(documents), size):
        offsets = documents.offsets[start : start + size + 1]
        yield documents.ids[offsets[0] : offsets[-1]], offsets - offsets[0], documents.labels[start : start + size]
