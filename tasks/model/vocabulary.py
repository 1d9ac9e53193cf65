"""The words that a neural model has a row for, in a fixed order, and the way from tokens to row numbers.

Row 0 is padding, row 1 every unknown word. The text itself can never name either: a document that holds the token `<pad>`
reads as an unknown word in `encode`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .text.token_batch import TokenBatch, WordTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAD, UNK = "<pad>", "<unk>"
PAD_ID, UNK_ID = 0, 1
RESERVED = (PAD, UNK)
FILE = "vocabulary.json"

# Below this many documents a dictionary lookup beats building Arrow's hash table of the whole vocabulary (about 5 ms).
SMALL_BATCH = 256


@dataclass(frozen=True)
class Vocabulary:
    """Words by row number. `counts[i]` is how often `tokens[i]` occurs in the train text; `counts[1]` counts all others."""

    tokens: tuple[str, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.tokens[:2] != RESERVED or len(self.tokens) != len(self.counts):
            raise ValueError(f"a vocabulary starts with {PAD} and {UNK} and has one count a word")

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def from_counts(cls, counted: pa.Table, *, min_count: int = 1, max_size: int | None = None) -> Self:
        """Keep the most frequent of the counted tokens (columns token and count, as `count_tokens` returns them).

        Ordered by count, then by token (code points), so equal texts in any order give equal vocabularies. `max_size`
        counts the two reserved rows too.
        """
        total = pc.sum(counted["count"]).as_py() or 0
        reserved = pc.is_in(counted["token"], value_set=pa.array(RESERVED))
        kept = counted.filter(pc.and_(pc.greater_equal(counted["count"], min_count), pc.invert(reserved)))
        kept = kept.take(pc.sort_indices(kept, sort_keys=[("count", "descending"), ("token", "ascending")]))
        if max_size is not None:
            kept = kept.slice(0, max(0, max_size - len(RESERVED)))
        tokens, counts = kept["token"].to_pylist(), kept["count"].to_pylist()
        return cls((*RESERVED, *tokens), (0, total - sum(counts), *counts))

    @cached_property
    def index(self) -> dict[str, int]:
        """Row number of each word; the reserved names are not in it, since no text may reach their rows."""
        return {token: row for row, token in enumerate(self.tokens) if row >= len(RESERVED)}

    @cached_property
    def _words(self) -> pa.Array:
        return pa.array(self.tokens[len(RESERVED) :], pa.string())

    @cached_property
    def _table(self) -> WordTable:
        return WordTable(self.tokens[len(RESERVED) :])

    @property
    def num_train_tokens(self) -> int:
        """Tokens of the train text, those outside the vocabulary included."""
        return sum(self.counts)

    def encode(self, documents: pa.Array | pa.ChunkedArray | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Turn N documents into row numbers: all of them flat (int32 [T]) and where each starts (int64 [N + 1]).

        Unknown words become 1. A null document is an empty one, a null token an unknown word.
        """
        if isinstance(documents, TokenBatch):
            found_T = self._table.find(documents)
            return np.where(found_T < 0, np.int32(UNK_ID), found_T + np.int32(len(RESERVED))), documents.offsets
        if isinstance(documents, pa.Array | pa.ChunkedArray):
            return self._encode_arrow(documents)
        if len(documents) > SMALL_BATCH:
            return self._encode_arrow(pa.array(documents, pa.large_list(pa.large_string())))
        index = self.index
        ids = [index.get(token, UNK_ID) for document in documents for token in document]
        return np.array(ids, dtype=np.int32), _offsets(np.array([len(document) for document in documents], dtype=np.int64))

    def _encode_arrow(self, documents: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(documents, pa.ChunkedArray) and documents.num_chunks != 1:
            # Combining would copy the text; row numbers are smaller, so it is they that are joined.
            parts = [self._encode_arrow(chunk) for chunk in documents.chunks]
            lengths = [np.diff(offsets) for _, offsets in parts]
            ids = np.concatenate([ids for ids, _ in parts]) if parts else np.empty(0, dtype=np.int32)
            return ids, _offsets(np.concatenate(lengths) if lengths else np.empty(0, dtype=np.int64))
        if isinstance(documents, pa.ChunkedArray):
            documents = documents.chunk(0)
        rows = self._rows(documents.flatten())
        lengths_N = pc.fill_null(pc.list_value_length(documents), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        return rows, _offsets(lengths_N)

    def _rows(self, flat: pa.Array) -> np.ndarray:
        if not len(flat):
            return np.empty(0, dtype=np.int32)
        if isinstance(flat, pa.DictionaryArray):
            # One look-up a distinct word; a null token has no number of its own and takes the one after the last.
            rows = np.append(self._rows(flat.dictionary), np.int32(UNK_ID))
            return rows[pc.fill_null(flat.indices, len(flat.dictionary)).to_numpy(zero_copy_only=False)]
        found = pc.index_in(flat, value_set=self._words.cast(flat.type))
        rows = pc.fill_null(found, UNK_ID - len(RESERVED)).to_numpy(zero_copy_only=False)
        return rows.astype(np.int32) + np.int32(len(RESERVED))

    def save(self, folder: Path) -> None:
        """Write `vocabulary.json` into `folder`."""
        text = json.dumps({"tokens": self.tokens, "counts": self.counts}, ensure_ascii=False)
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `vocabulary.json` from `folder`; ValueError if it does not hold a vocabulary."""
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(tuple(values["tokens"]), tuple(values["counts"]))


def _offsets(lengths_N: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths_N, dtype=np.int64)])
