"""The dataset as ids: read in batches, kept on disk, mapped into memory.

Shapes: N documents, T ids of all of them, W distinct words.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.finetune.batches import Documents
from tasks.finetune.ngrams import NgramVocabulary, build_ngrams, chunks, first_of_runs, flatten, index_of
from tasks.finetune.words import WordEncoder
from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.align.subword import Subwords
    from tasks.align.vocabulary import Vocabulary

FITTED = ("train",)
REFITTED = ("train", "valid")


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
    lengths, numbers, names = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [pa.array([], pa.string())]
    with path.open("wb") as file:
        for batch in iter_batches(dataset, splits, ["id", "label", "tokens"], dictionary=True):
            # A label that train does not have cannot be scored; a row without one is there to be read.
            label = batch.column("label")
            batch = batch.filter(pc.or_(pc.is_in(label, value_set=known), pc.is_null(label)))
            if limit is not None:
                batch = batch.slice(0, limit - sum(map(len, names)))
                if not len(batch):
                    break
            ids, offsets = encode(batch.column("tokens"))
            file.write(ids.astype(np.int32, copy=False).tobytes())
            lengths.append(np.diff(offsets))
            number = pc.fill_null(pc.index_in(batch.column("label"), value_set=known), -1)
            numbers.append(number.to_numpy(zero_copy_only=False).astype(np.int64))
            names.append(batch.column("id"))
    offsets_N1 = _offsets(lengths)
    return Documents(_mapped(path, offsets_N1), offsets_N1, np.concatenate(numbers), pa.chunked_array(names).combine_chunks())


@dataclass(frozen=True)
class NumberedWords:
    """Rows as numbers of their words: read from the dataset once, whatever is fitted on them afterwards.

    `words` holds all distinct words by number, in the order in which they were met; `splits` the rows by split.
    """

    words: pa.Array
    splits: Mapping[str, Documents]

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
            return known_W[codes_T], _offsets([lengths_N])

        rows = {
            split: encode_split(dataset, (split,), labels, encode, scratch / f"{split}.words", most.get(split))
            for split in splits
        }
        return cls(pa.array(list(numbers), pa.string()), rows)

    def ngrams(self, splits: Sequence[str], *, longest: int, min_documents: int) -> NgramVocabulary:
        """The n-grams, up to `longest` words, that stand in at least `min_documents` documents of `splits`."""
        frequent = pc.filter(self.words, pa.array(self._document_frequency(splits) >= min_documents))
        words = frequent.take(pc.array_sort_indices(frequent))  # in code point order
        known_W = index_of(self.words, words)

        def stream() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for codes_T, offsets in self._chunks(splits):
                yield _taken(known_W, codes_T), offsets

        num_tokens = sum(len(self.splits[split].ids) for split in splits)
        return build_ngrams(words.to_pylist(), stream, longest=longest, min_documents=min_documents, num_tokens=num_tokens)

    def documents(self, splits: Sequence[str], vocabulary: NgramVocabulary, path: Path) -> Documents:
        """The rows of `splits`, one split after another, as sets of n-grams; the ids go to `path` as in `encode_split`."""
        known_W, lengths = index_of(self.words, vocabulary.words), []
        with path.open("wb") as file:
            for codes_T, at in self._chunks(splits):
                ids, offsets = vocabulary.encode_words(_taken(known_W, codes_T), at)
                file.write(ids.tobytes())
                lengths.append(np.diff(offsets))
        offsets_N1 = _offsets(lengths)
        parts = [self.splits[split] for split in splits]
        labels_N = np.concatenate([part.labels for part in parts])
        return Documents(_mapped(path, offsets_N1), offsets_N1, labels_N, pa.concat_arrays([part.names for part in parts]))

    def _chunks(self, splits: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for split in splits:
            yield from chunks(self.splits[split].ids, self.splits[split].offsets)

    def _document_frequency(self, splits: Sequence[str]) -> np.ndarray:
        """In how many documents each word stands, int64 [W]."""
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


def _mapped(path: Path, offsets_N1: np.ndarray) -> np.ndarray:
    # An empty file cannot be mapped.
    return np.memmap(path, np.int32, "r") if offsets_N1[-1] else np.zeros(0, np.int32)


def _offsets(lengths: Sequence[np.ndarray]) -> np.ndarray:
    return np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths]), dtype=np.int64)


def encode_in_order(
    dataset: Path, labels: Sequence[str], scratch: Path, vocabulary: Vocabulary, subwords: Subwords | None
) -> tuple[Documents, Documents]:
    """Train and valid as rows of the vocabulary; unseen words of valid as they will be read when the model is used."""
    train = encode_split(dataset, FITTED, labels, vocabulary.encode, scratch / "train.rows")
    encoder = WordEncoder(vocabulary, subwords)
    valid = encode_split(dataset, ("valid",), labels, encoder.encode, scratch / "valid.rows")
    return train, replace(valid, unseen=encoder.unseen)


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
