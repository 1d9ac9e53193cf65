"""The bag's vocabulary: every word n-gram that stands in enough train documents, found and looked up by integer arithmetic.

An n-gram of n words is the pair (id of its first n - 1 words, its last word), packed into one int64 key. Every part of a
frequent n-gram is frequent itself (Agrawal & Srikant 1994), so each level is counted only where both of its shorter parts were
kept: the vocabulary is exact, keys cannot overflow for any n, and no Python loop runs per token.

Ids: words are 0 .. W - 1, then all pairs, then all triples, each level in the order of its keys. -1 is "not in the vocabulary".
Shapes: N documents, T tokens of them one after another, K n-grams of one level.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from safetensors.numpy import load_file, save_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

WORDS_FILE = "ngrams.json"
KEYS_FILE = "ngrams.safetensors"
CHUNK_TOKENS = 500_000  # of one vectorised step: a few arrays of 4 MB stay in the processor's cache
PART_TOKENS = 40_000_000  # tokens whose n-grams are counted at a time: bounds memory at about 1 GB for any corpus
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing, Knuth, TAOCP 3, 6.4


class KeyTable:
    """Positions of int64 keys by open addressing, built and read in vectorised rounds; keys must be distinct, none negative."""

    def __init__(self, keys_K: np.ndarray) -> None:
        bits = max(4, int(2 * max(len(keys_K), 1)).bit_length())  # at most half full: 1.5 rounds for a hit on average
        self.shift, self.mask = np.uint64(64 - bits), (1 << bits) - 1
        self.keys, self.values = np.full(1 << bits, -1, np.int64), np.full(1 << bits, -1, np.int32)
        waiting = np.arange(len(keys_K), dtype=np.int32)
        slots = self._slots(keys_K)
        while len(waiting):
            free = self.values[slots] < 0
            self.values[slots[free]] = waiting[free]  # where several want one slot the last one wins
            placed = self.values[slots] == waiting
            self.keys[slots[placed]] = keys_K[waiting[placed]]
            waiting, slots = waiting[~placed], (slots[~placed] + 1) & self.mask

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        return ((keys.astype(np.uint64) * MULTIPLIER) >> self.shift).astype(np.int64)

    def find(self, keys_Q: np.ndarray) -> np.ndarray:
        """The position of each key among those the table was built from, -1 where absent; int32 [Q]."""
        found = np.full(len(keys_Q), -1, np.int32)
        waiting, wanted, slots = np.arange(len(keys_Q)), keys_Q, self._slots(keys_Q)
        while len(waiting):
            stored = self.keys[slots]
            hit = stored == wanted
            found[waiting[hit]] = self.values[slots[hit]]
            further = ~hit & (stored >= 0)
            waiting, wanted, slots = waiting[further], wanted[further], (slots[further] + 1) & self.mask
        return found


class NgramVocabulary:
    """Words and the keys of longer n-grams; `encode` turns documents into sets of n-gram ids."""

    def __init__(self, words: Sequence[str], keys: Sequence[np.ndarray]) -> None:
        self.words = pa.array(words, pa.string())
        self.keys = [np.asarray(level, np.int64) for level in keys]
        self.tables = [KeyTable(level) for level in self.keys]
        self._index: dict[str, int] | None = None

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
        (folder / WORDS_FILE).write_text(json.dumps({"words": self.words.to_pylist()}, ensure_ascii=False), encoding="utf-8")
        levels = {f"keys_{n}": level for n, level in enumerate(self.keys, start=2)}
        save_file(levels or {"none": np.zeros(1, np.int64)}, folder / KEYS_FILE)

    def word_ids(self, tokens: pa.ListArray | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all words one after another (int32 [T], -1 unknown) and where documents begin (int64 [N + 1])."""
        if not isinstance(tokens, pa.Array | pa.ChunkedArray):
            lengths = np.fromiter((len(document) for document in tokens), np.int64, len(tokens))
            if self._index is None:
                self._index = {word: number for number, word in enumerate(self.words.to_pylist())}
            index = self._index
            flat = (index.get(token, -1) for document in tokens for token in document)
            return np.fromiter(flat, np.int32, int(lengths.sum())), _offsets(lengths)
        flat_array, lengths = flatten(tokens)
        return index_of(flat_array, self.words), _offsets(lengths)

    def encode(self, tokens: pa.ListArray | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """The distinct n-grams of each document: ids (int32, ascending inside a document) and offsets (int64 [N + 1])."""
        words_T, offsets = self.word_ids(tokens)
        parts = [self.encode_words(*piece) for piece in chunks(words_T, offsets)]
        if not parts:
            return np.zeros(0, np.int32), np.zeros(len(offsets), np.int64)
        return np.concatenate([ids for ids, _ in parts]), _offsets(np.concatenate([np.diff(at) for _, at in parts]))

    def encode_words(self, words_T: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`encode` for word ids (int32 [T], -1 unknown): the distinct n-grams of each document."""
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        base, marked = 0, []
        for size, starts, ids in self._levels(words_T, document_T):
            marked.append(document_T[starts] * np.int64(len(self)) + (ids + base))
            base += size
        marks = np.sort(np.concatenate(marked))
        marks = marks[first_of_runs(marks)]
        documents, ids = np.divmod(marks, max(len(self), 1))
        return ids.astype(np.int32), _offsets(np.bincount(documents, minlength=len(offsets) - 1))

    def _levels(self, words_T: np.ndarray, document_T: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
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
    follows = starts[1:] == starts[:-1] + 1
    candidate, prefix = starts[:-1][follows], ids[:-1][follows]
    last = candidate + (n - 1)
    inside = document_T[candidate] == document_T[last]
    candidate, prefix, last = candidate[inside], prefix[inside], last[inside]
    return candidate, prefix.astype(np.int64) * num_words + words_T[last]


def build_ngrams(
    words: Sequence[str],
    stream: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
    *,
    longest: int,
    min_documents: int,
    num_tokens: int,
) -> NgramVocabulary:
    """The vocabulary of all n-grams up to `longest` words in at least `min_documents` documents.

    `words` are those in enough documents, in their final order; `stream()` gives (word ids, offsets) chunks of the train
    documents from the start each time it is called. Memory is bounded by counting a part of the keys at a time.
    """
    keys: list[np.ndarray] = []
    for n in range(2, longest + 1):
        known = NgramVocabulary(words, keys)
        num_parts = -(-num_tokens // PART_TOKENS) or 1
        parts = [_frequent(known, stream, n, min_documents, part, num_parts) for part in range(num_parts)]
        level = np.sort(np.concatenate(parts))
        keys.append(level)
    return NgramVocabulary(words, keys)


def _frequent(
    known: NgramVocabulary,
    stream: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
    n: int,
    min_documents: int,
    part: int,
    num_parts: int,
) -> np.ndarray:
    """Keys of the n-grams whose prefix falls in `part` and that occur in enough documents."""
    keys, counts, waiting, size = [], [], 0, 0
    for words_T, offsets in stream():
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        *_, (_, starts, ids) = known._levels(words_T, document_T)
        starts, grams = longer(starts, ids, words_T, document_T, n, len(known.words))
        if num_parts > 1:
            chosen = grams % num_parts == part
            starts, grams = starts[chosen], grams[chosen]
        num_documents = max(len(offsets) - 1, 1)
        pairs = np.sort(grams * num_documents + document_T[starts])
        distinct = pairs[first_of_runs(pairs)] // num_documents
        first = first_of_runs(distinct)
        keys.append(distinct[first])
        counts.append(_run_lengths(first))
        waiting += len(keys[-1])
        if waiting > max(4_000_000, 2 * size):
            keys, counts = _merged(keys, counts)
            waiting, size = 0, len(keys[0])
    keys, counts = _merged(keys, counts)
    return keys[0][counts[0] >= min_documents]


def _merged(keys: list[np.ndarray], counts: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One sorted array of distinct keys, and the sum of each one's counts."""
    if not keys:
        return [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    all_keys, all_counts = np.concatenate(keys), np.concatenate(counts)
    order = np.argsort(all_keys, kind="stable")
    all_keys, all_counts = all_keys[order], all_counts[order]
    first = first_of_runs(all_keys)
    if not len(all_keys):
        return [all_keys], [all_counts]
    return [all_keys[first]], [np.add.reduceat(all_counts, np.nonzero(first)[0])]


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


def _run_lengths(first: np.ndarray) -> np.ndarray:
    return np.diff(np.append(np.nonzero(first)[0], len(first)))
