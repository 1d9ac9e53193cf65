"""The dataset as ids: read in batches, kept on disk, mapped into memory.

Shapes: N documents, T ids of all of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.finetune.batches import Documents
from tasks.finetune.ngrams import NgramVocabulary, build_ngrams, chunks, flatten, index_of
from tasks.finetune.words import WordEncoder
from tasks.prepare.read import iter_batches
from tasks.progress import SILENT, Progress
from tasks.token_counts import TokenCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tasks.align.subword import Subwords
    from tasks.align.vocabulary import Vocabulary


def encode_split(
    dataset: Path,
    split: str,
    labels: Sequence[str],
    encode: Callable[[pa.Array], tuple[np.ndarray, np.ndarray]],
    path: Path,
) -> Documents:
    """The rows of `split` by `encode` (tokens to flat ids and offsets); the ids go to `path` and come back as a memory map."""
    known = pa.array(labels, pa.string())
    lengths, numbers, names = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [pa.array([], pa.string())]
    with path.open("wb") as file:
        for batch in iter_batches(dataset, (split,), ["id", "label", "tokens"], dictionary=True):
            # A label that train does not have cannot be scored.
            batch = batch.filter(pc.is_in(batch.column("label"), value_set=known))
            ids, offsets = encode(batch.column("tokens"))
            file.write(ids.astype(np.int32, copy=False).tobytes())
            lengths.append(np.diff(offsets))
            numbers.append(pc.index_in(batch.column("label"), value_set=known).to_numpy(zero_copy_only=False).astype(np.int64))
            names.append(batch.column("id"))
    offsets_N1 = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths), dtype=np.int64)])
    # An empty file cannot be mapped.
    ids_T = np.memmap(path, np.int32, "r") if offsets_N1[-1] else np.zeros(0, np.int32)
    return Documents(ids_T, offsets_N1, np.concatenate(numbers), pa.chunked_array(names).combine_chunks())


def encode_ngrams(
    dataset: Path,
    labels: Sequence[str],
    scratch: Path,
    *,
    longest: int,
    min_documents: int,
    progress: Progress = SILENT,
) -> tuple[NgramVocabulary, Documents, Documents]:
    """The vocabulary of train's n-grams, and train and valid as sets of them."""
    progress.advance(0, 3, "steps", "counting words")
    known = NgramVocabulary(frequent_words(dataset, min_documents), [])
    words = encode_split(dataset, "train", labels, known.word_ids, scratch / "train.words")
    progress.advance(1, 3, "steps", "counting n-grams")
    vocabulary = build_ngrams(
        known.words.to_pylist(),
        lambda: chunks(words.ids, words.offsets),
        longest=longest,
        min_documents=min_documents,
        num_tokens=len(words.ids),
    )
    progress.advance(2, 3, "steps", f"reading {len(words):,} documents as sets of {len(vocabulary):,} n-grams")
    path, lengths = scratch / "train.ngrams", [np.zeros(1, np.int64)]
    with path.open("wb") as file:
        for piece in chunks(words.ids, words.offsets):
            ids, offsets = vocabulary.encode_words(*piece)
            file.write(ids.tobytes())
            lengths.append(np.diff(offsets))
    offsets_N1 = np.cumsum(np.concatenate(lengths), dtype=np.int64)
    ids_T = np.memmap(path, np.int32, "r") if offsets_N1[-1] else np.zeros(0, np.int32)
    train = replace(words, ids=ids_T, offsets=offsets_N1)
    return vocabulary, train, encode_split(dataset, "valid", labels, vocabulary.encode, scratch / "valid.ngrams")


def encode_in_order(
    dataset: Path, labels: Sequence[str], scratch: Path, vocabulary: Vocabulary, subwords: Subwords | None
) -> tuple[Documents, Documents]:
    """Train and valid as rows of the vocabulary; unseen words of valid as they will be read when the model is used."""
    train = encode_split(dataset, "train", labels, vocabulary.encode, scratch / "train.rows")
    encoder = WordEncoder(vocabulary, subwords)
    valid = encode_split(dataset, "valid", labels, encoder.encode, scratch / "valid.rows")
    return train, replace(valid, unseen=encoder.unseen)


def frequent_words(dataset: Path, min_documents: int) -> list[str]:
    """Words that stand in at least that many train documents, in code point order."""
    counts = TokenCounts()
    for batch in iter_batches(dataset, ("train",), ["tokens"], dictionary=True):
        counts.add(once_a_document(batch.column("tokens")))
    counted = counts.table()
    return sorted(counted.filter(pc.greater_equal(counted["count"], min_documents))["token"].to_pylist())


def once_a_document(tokens: pa.Array) -> pa.Array:
    """The tokens of all documents one after another, each once a document."""
    flat, lengths_N = flatten(tokens)
    if not isinstance(flat, pa.DictionaryArray):
        flat = flat.dictionary_encode()
    # A batch's dictionary may name a word twice; equal words get the number of the first.
    codes_T = index_of(flat, flat.dictionary).astype(np.int64)
    size = max(len(flat.dictionary), 1)
    pairs = np.unique(np.repeat(np.arange(len(lengths_N)), lengths_N) * size + codes_T)
    return pa.DictionaryArray.from_arrays(pa.array((pairs % size).astype(np.int32)), flat.dictionary)


def content_digest(*splits: Documents) -> str:
    """SHA-256 over all ids, offsets and labels: what a checkpoint belongs to."""
    digest = hashlib.sha256()
    for documents in splits:
        for values in (documents.ids, documents.offsets, documents.labels):
            digest.update(np.ascontiguousarray(values).data)
            digest.update(str(len(values)).encode())
    return digest.hexdigest()


def label_counts(documents: Documents, labels: Sequence[str]) -> dict[str, int]:
    """How many documents each label has."""
    return dict(zip(labels, np.bincount(documents.labels, minlength=len(labels)).tolist(), strict=True))


def slices(documents: Documents, size: int = 4096) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(ids, offsets from 0, labels) of consecutive documents."""
    for start in range(0, len(documents), size):
        offsets = documents.offsets[start : start + size + 1]
        yield documents.ids[offsets[0] : offsets[-1]], offsets - offsets[0], documents.labels[start : start + size]
