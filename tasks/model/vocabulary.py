"""The words a neural model has a row for, in a fixed order, and the way from tokens to row numbers.

Row 0 is padding, row 1 every unknown word. The text itself can never name either: a document that holds the token `<pad>`
reads as an unknown word in `encode`. Looked up by name, as code does (`vocabulary["<pad>"]`), they are rows 0 and 1: those
methods are named and behave as torchtext.vocab.Vocab's do.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

PAD, UNK = "<pad>", "<unk>"
PAD_ID, UNK_ID = 0, 1
RESERVED = (PAD, UNK)
FILE = "vocabulary.json"

# Below this many documents a dictionary lookup beats building Arrow's hash table of the whole vocabulary (about 5 ms).
SMALL_BATCH = 256


@dataclass(frozen=True)
class Vocabulary:
    """Words by row number. `counts[i]` is how often `tokens[i]` stood in the train text; `counts[1]` counts all others."""

    tokens: tuple[str, ...]
    counts: tuple[int, ...]
    _default_index: int | None = field(default=UNK_ID, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.tokens[:2] != RESERVED or len(self.tokens) != len(self.counts):
            raise ValueError(f"a vocabulary starts with {PAD} and {UNK} and has one count a word")

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.index or token in RESERVED

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __getitem__(self, token: str) -> int:
        """The row of a token; of an unknown one the default index, and RuntimeError where that is None, as in torchtext."""
        row = self.index.get(token)
        if row is None:
            row = RESERVED.index(token) if token in RESERVED else self._default_index
        if row is None:
            raise RuntimeError(f"token {token!r} is not in the vocabulary, and there is no default index")
        return row

    def __call__(self, tokens: Sequence[str]) -> list[int]:
        """The rows of tokens; TypeError for one text, whose characters were hardly meant, as in torchtext."""
        if isinstance(tokens, str):
            raise TypeError(f"a list of tokens is looked up, and this is one text: {tokens[:40]!r}")
        return [self[token] for token in tokens]

    lookup_indices = __call__

    def lookup_token(self, index: int) -> str:
        """The token of a row; RuntimeError for one that is not there, as in torchtext."""
        if not 0 <= index < len(self):
            raise RuntimeError(f"row {index} is outside of the vocabulary's {len(self)} rows")
        return self.tokens[index]

    def lookup_tokens(self, indices: Sequence[int]) -> list[str]:
        """The tokens of rows."""
        return [self.lookup_token(index) for index in indices]

    def get_itos(self) -> list[str]:
        """All tokens, by row."""
        return list(self.tokens)

    def get_stoi(self) -> dict[str, int]:
        """All rows, by token; the reserved names too."""
        return {token: row for row, token in enumerate(self.tokens)}

    def get_default_index(self) -> int | None:
        """The row that a look-up by name gives for an unknown token: 1 unless it was set."""
        return self._default_index

    def set_default_index(self, index: int | None) -> None:
        """Set the row of unknown tokens in look-ups by name; None: they raise. `encode` and the models always read row 1."""
        object.__setattr__(self, "_default_index", index)

    @classmethod
    def from_torchtext(cls, vocab: Any) -> Vocabulary:
        """The words of a torchtext.vocab.Vocab, or of anything with `get_itos`, in their order; counts are unknown, so 0.

        Padding and unknown become rows 0 and 1, wherever they stood. ``[vocabulary[t] for t in vocab.get_itos()]`` is where
        each of its rows has gone. Its default index goes along, none too; without `get_default_index` it is row 1.
        """
        itos = vocab.get_itos()
        words = [token for token in itos if token not in RESERVED]
        vocabulary = cls((*RESERVED, *words), (0,) * (len(words) + len(RESERVED)))
        if hasattr(vocab, "get_default_index"):
            index = vocab.get_default_index()
            inside = index is not None and 0 <= index < len(itos)
            vocabulary.set_default_index(vocabulary[itos[index]] if inside else index)
        return vocabulary

    def to_torchtext(self, build: Callable[..., Any] | None = None) -> Any:
        """The same words in the same rows as a torchtext.vocab.Vocab, with the same default index.

        `build` makes it, as torchtext.vocab.vocab does, which it is by default; ImportError says how to get that.
        """
        build = build or _torchtext_vocab()
        counted = OrderedDict((token, max(count, 1)) for token, count in zip(self.tokens[2:], self.counts[2:], strict=True))
        vocab = build(counted, min_freq=1, specials=list(RESERVED), special_first=True)
        vocab.set_default_index(self._default_index)
        return vocab

    @classmethod
    def from_counts(cls, counted: pa.Table, *, min_count: int = 1, max_size: int | None = None) -> Vocabulary:
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

    @property
    def num_train_tokens(self) -> int:
        """Tokens of the train text, those outside the vocabulary included."""
        return sum(self.counts)

    def encode(self, documents: pa.Array | pa.ChunkedArray | Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Turn N documents into row numbers: all of them flat (int32 [T]) and where each starts (int64 [N + 1]).

        Unknown words become 1. A null document is an empty one, a null token an unknown word.
        """
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
    def load(cls, folder: Path) -> Vocabulary:
        """Read `vocabulary.json` from `folder`; ValueError if it is none."""
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(tuple(values["tokens"]), tuple(values["counts"]))


def _torchtext_vocab() -> Callable[..., Any]:
    try:
        import torchtext

        torchtext.disable_torchtext_deprecation_warning()
        from torchtext.vocab import vocab
    except (ImportError, OSError) as error:  # OSError: its library was made for another torch
        raise ImportError(
            f"torchtext cannot be used here ({error}); in an environment of its own, "
            "pip install '.[torchtext]' --constraint constraints-torchtext.txt gives it the torch 2.3 that it loads with"
        ) from error
    build: Callable[..., Any] = vocab
    return build


def _offsets(lengths_N: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths_N, dtype=np.int64)])
