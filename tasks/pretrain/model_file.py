"""Read fastText's `.bin` without fastText: its words, counts and input matrix, as a memory map.

Three reasons: a damaged file ends the process that loads it by fastText with SIGFPE, and here it is a ValueError; the matrix
is not copied; and the word vectors are the mean of a word's rows, as fastText itself defined and wrote them, where
`get_word_vector` of fasttext-community (since 0.11.1) scales them to length 1. The layout is that of `FastText::saveModel`,
`Args::save`, `Dictionary::save` and `DenseMatrix::save`.

Shapes: V words, B bucket rows, D dimensions.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tasks.model.character_ngrams import END_OF_SENTENCE, sum_ngram_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

MAGIC, VERSION = 793712314, 12
MAGIC_BYTES = struct.pack("<i", MAGIC)
HEADER = struct.Struct("<ii")
# dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate, t
ARGUMENTS = struct.Struct("<12id")
# size, nwords, nlabels, ntokens, pruneidx_size
DICTIONARY = struct.Struct("<iiiqq")
# count, type (0: word, 1: label); they follow the word and its NUL
ENTRY = struct.Struct("<qb")
SHAPE = struct.Struct("<qq")
NOT_PRUNED = -1


@dataclass(frozen=True)
class ModelFile:
    """A fastText model: words in the model's order, by frequency, the end-of-sentence mark among them.

    If only some words were wanted, `words` are those of them that the model has.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    rows: Sequence[int]  # of `words` in the matrix
    num_words: int  # V, of the whole model
    matrix: np.ndarray  # [V + B, D]: word rows, then bucket rows
    minn: int
    maxn: int

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self.matrix.shape[1])

    @property
    def buckets(self) -> np.ndarray:
        """The rows that n-grams are hashed into; none for a model without subwords."""
        return self.matrix[self.num_words :]

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word, without the end-of-sentence mark."""
        return {word: row for word, row in zip(self.words, self.rows, strict=True) if word != END_OF_SENTENCE}

    def vectors(self, words: Sequence[str]) -> np.ndarray:
        """The vectors of words of the model: the mean of the word's row and its n-grams' rows, float32 [N, D].

        Raises KeyError for a word that the model does not have.
        """
        rows = [self.index[word] for word in words]
        sums_ND, num_ngrams_N = sum_ngram_rows(words, self.buckets, self.minn, self.maxn)
        return (sums_ND + self.matrix[rows]) / (num_ngrams_N + 1).astype(np.float32)[:, None]


def read_model_file(path: Path, wanted: Collection[str] | None = None) -> ModelFile:
    """Open a `.bin` of fastText's current format, its dictionary in memory only as far as it is `wanted` (None: all of it).

    Raises ValueError, with the reason, for anything else.
    """
    try:
        return _read(path, None if wanted is None else frozenset(word.encode("utf-8", "replace") for word in wanted))
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} is not a whole fastText model: {error}") from error


def all_finite(matrix: np.ndarray, block: int = 100_000) -> bool:
    """Whether every number of a memory-mapped matrix is finite, looking at `block` rows at a time."""
    return all(bool(np.isfinite(matrix[start : start + block]).all()) for start in range(0, len(matrix), block))


def _read(path: Path, wanted: frozenset[bytes] | None) -> ModelFile:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if HEADER.unpack_from(data, 0) != (MAGIC, VERSION):
            raise ValueError("another magic number or version")
        at = HEADER.size
        dim, *_, bucket, minn, maxn, _, _ = ARGUMENTS.unpack_from(data, at)
        at += ARGUMENTS.size
        rows, words, counts, num_words, at = _dictionary(data, at, wanted)
        quantized, num_rows, columns = data[at], *SHAPE.unpack_from(data, at + 1)
        at += 1 + SHAPE.size
        if quantized:
            raise ValueError("quantized models (.ftz) hold no word vectors; use the .bin")
        if columns != dim or num_rows != num_words + bucket or dim < 1:
            raise ValueError(f"the matrix is {num_rows} x {columns}, the header says {num_words} + {bucket} rows of {dim}")
        end = at + 4 * num_rows * dim
        if end >= len(data):
            raise ValueError("it ends inside the matrix")
        output_quantized, (rows_out, columns_out) = data[end], SHAPE.unpack_from(data, end + 1)
        if not output_quantized and end + 1 + SHAPE.size + 4 * rows_out * columns_out != len(data):
            raise ValueError("it ends too early or too late")
    matrix_RD = np.memmap(path, dtype="<f4", mode="r", offset=at, shape=(num_rows, dim))
    return ModelFile(tuple(words), tuple(counts), rows, num_words, matrix_RD, minn, maxn if bucket else 0)


def _dictionary(
    data: mmap.mmap, at: int, wanted: frozenset[bytes] | None
) -> tuple[Sequence[int], list[str], list[int], int, int]:
    """Rows, words and counts that are wanted, the number of all words, and where the dictionary ends."""
    size, num_words, num_labels, _, num_pruned = DICTIONARY.unpack_from(data, at)
    at += DICTIONARY.size
    if size != num_words + num_labels or min(num_words, num_labels) < 0 or num_pruned != NOT_PRUNED:
        raise ValueError("its dictionary is pruned or does not add up")
    rows, words, counts = [], [], []
    for number in range(size):
        end = data.find(b"\0", at)
        if end < 0:
            raise ValueError("it ends inside the dictionary")
        count, kind = ENTRY.unpack_from(data, end + 1)
        if (kind != 0) != (number >= num_words):
            raise ValueError("words and labels are out of order")
        if number < num_words and (wanted is None or data[at:end] in wanted):
            # One token cut in the middle of a character must not make a whole model unreadable.
            rows.append(number)
            words.append(data[at:end].decode("utf-8", "backslashreplace"))
            counts.append(count)
        at = end + 1 + ENTRY.size
    return range(num_words) if wanted is None else rows, words, counts, num_words, at
