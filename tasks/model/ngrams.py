"""A vocabulary of word n-grams, looked up by integer arithmetic.

An n-gram of n words is the pair (id of its first n - 1 words, its last word), packed into one int64 key: keys cannot overflow
for any n, and no Python loop runs per token.

Ids: words are 0 .. W - 1, then all pairs, then all triples, each level in the order of its keys. -1 is "not in the vocabulary".
Shapes: N documents, T tokens of them one after another, K n-grams of one level.
"""

from __future__ import annotations

import json
from functools import cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from safetensors.numpy import load_file, save_file

from .key_table import KeyTable
from .text.token_batch import TokenBatch, WordTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WORDS_FILE = "ngrams.json"
KEYS_FILE = "ngrams.safetensors"
NARROW = 1 << 32  # what is less fits 32 bits
CHUNK_TOKENS = 500_000  # of one vectorised step: a few arrays of 4 MB stay in the processor's cache


class NgramVocabulary:
    """Words and the keys of longer n-grams; `encode` turns documents into sets of n-gram ids."""

    def __init__(self, words: Sequence[str], keys: Sequence[np.ndarray]) -> None:
        self.words = words
        self.keys = [np.asarray(level, np.int64) for level in keys]

    @cached_property
    def tables(self) -> list[KeyTable]:
        """A table of the keys of each level: made when asked for, since a vocabulary that is only written needs none."""
        return [KeyTable(level) for level in self.keys]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def _word_table(self) -> WordTable:
        return WordTable(self.words)

    @cached_property
    def arrow_words(self) -> pa.Array:
        """The words in Arrow: made when asked for, since `pa.array` imports pandas, which takes longer than a few texts do."""
        return pa.array(self.words, pa.string())

    def __len__(self) -> int:
        return len(self.words) + sum(map(len, self.keys))

    @classmethod
    def load(cls, folder: Path) -> NgramVocabulary:
        """Read what `save` wrote."""
        words = json.loads((folder / WORDS_FILE).read_text(encoding="utf-8"))["words"]
        stored = load_file(folder / KEYS_FILE)
        return cls(words, [stored[name] for name in sorted(stored) if name != "none"])

    def save(self, folder: Path) -> None:
        """Write the words as JSON and the keys as safetensors."""
        (folder / WORDS_FILE).write_text(json.dumps({"words": list(self.words)}, ensure_ascii=False), encoding="utf-8")
        levels = {f"keys_{n}": level for n, level in enumerate(self.keys, start=2)}
        save_file(levels or {"none": np.zeros(1, np.int64)}, folder / KEYS_FILE)

    def word_ids(self, tokens: pa.ListArray | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all words one after another (int32 [T], -1 unknown) and where documents begin (int64 [N + 1])."""
        if isinstance(tokens, TokenBatch):
            return self._word_table.find(tokens), tokens.offsets
        if not isinstance(tokens, pa.Array | pa.ChunkedArray):
            lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
            # Without a step of the interpreter for each token.
            flat = map(self._index.get, chain.from_iterable(tokens), repeat(-1))
            return np.fromiter(flat, np.int32, int(lengths.sum())), _offsets(lengths)
        flat_array, lengths = flatten(tokens)
        return index_of(flat_array, self.arrow_words), _offsets(lengths)

    def encode(self, tokens: pa.ListArray | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """The distinct n-grams of each document: ids (int32, ascending inside a document) and offsets (int64 [N + 1])."""
        words_T, offsets = self.word_ids(tokens)
        parts = [self.encode_words(*piece) for piece in chunks(words_T, offsets)]
        if not parts:
            return np.zeros(0, np.int32), np.zeros(len(offsets), np.int64)
        return np.concatenate([ids for ids, _ in parts]), _offsets(np.concatenate([np.diff(at) for _, at in parts]))

    def encode_words(self, words_T: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`encode` for word ids (int32 [T], -1 unknown): the distinct n-grams of each document."""
        num_documents, bits = len(offsets) - 1, len(self).bit_length()
        # A document and one of its n-grams are one number; half the bytes are sorted in less than two thirds of the time.
        kind: type[np.integer] = np.uint32 if num_documents << bits <= NARROW else np.int64
        document_T = np.repeat(np.arange(num_documents, dtype=kind), np.diff(offsets))
        base, marked = 0, []
        for size, starts, ids in self.levels(words_T, document_T):
            marked.append((document_T.take(starts) << bits) + (ids + base).astype(kind))
            base += size
        marks = np.sort(np.concatenate(marked))
        marks = marks[first_of_runs(marks)]
        ids = (marks & ((1 << bits) - 1)).astype(np.int32)
        return ids, _offsets(np.bincount(marks >> bits, minlength=num_documents))

    def levels(self, words_T: np.ndarray, document_T: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Per level: its size, where its n-grams start, and their numbers inside the level."""
        (starts,) = np.nonzero(words_T >= 0)
        ids = words_T[starts]
        yield len(self.words), starts, ids
        for n, table in enumerate(self.tables, start=2):
            starts, keys = longer(starts, ids, words_T, document_T, n, len(self.words))
            ids = table.find(keys)
            kept = ids >= 0
            starts, ids = starts[kept], ids[kept]
            yield len(self.keys[n - 2]), starts, ids


def longer(
    starts: np.ndarray, ids: np.ndarray, words_T: np.ndarray, document_T: np.ndarray, n: int, num_words: int
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and int64 keys of the n-grams whose first and last n - 1 words are both known (`starts`, `ids`, ascending)."""
    (at,) = np.nonzero(starts[1:] == starts[:-1] + 1)
    candidate = starts.take(at)
    last = candidate + (n - 1)
    inside = document_T.take(candidate) == document_T.take(last)
    candidate, last = candidate[inside], last[inside]
    return candidate, ids.take(at[inside]).astype(np.int64) * num_words + words_T.take(last)


def flatten(tokens: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """All tokens one after another, and each document's number of tokens (int64 [N]); a null document has none."""
    if isinstance(tokens, pa.ChunkedArray):
        tokens = tokens.combine_chunks() if tokens.num_chunks != 1 else tokens.chunk(0)
    lengths = pc.fill_null(pc.list_value_length(tokens), 0)
    return tokens.flatten(), lengths.to_numpy(zero_copy_only=False).astype(np.int64)


def index_of(flat: pa.Array, words: pa.Array) -> np.ndarray:
    """Position of each token among `words`, -1 where absent; int32 [T]. Tokens may be dictionary-encoded."""
    if isinstance(flat, pa.DictionaryArray):
        # One look-up a distinct word; a null token has no code and takes the entry after the last.
        found = np.append(index_of(flat.dictionary, words), np.int32(-1))
        return found[pc.fill_null(flat.indices, len(flat.dictionary)).to_numpy(zero_copy_only=False)]
    found = pc.index_in(flat, value_set=words.cast(flat.type))
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)


def chunks(words_T: np.ndarray, offsets: np.ndarray, size: int = CHUNK_TOKENS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut flat documents into pieces of about `size` tokens at document boundaries, each with its own offsets from 0."""
    start, num_documents = 0, len(offsets) - 1
    while start < num_documents:
        stop = int(np.searchsorted(offsets, offsets[start] + size, side="right")) - 1
        stop = min(max(stop, start + 1), num_documents, start + 100_000)
        yield np.asarray(words_T[offsets[start] : offsets[stop]]), offsets[start : stop + 1] - offsets[start]
        start = stop


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def first_of_runs(values: np.ndarray) -> np.ndarray:
    """Which of sorted values differ from the one before; bool, the first is True."""
    first = np.ones(len(values), bool)
    first[1:] = values[1:] != values[:-1]
    return first
