"""Many texts cut at once: tokens as places in one text, found and looked up by arrays, with no Python loop over all of them.

Shapes: N documents, P pieces between blanks, T tokens one after another, R of the pieces that Python cuts, B bytes, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, overload

import numpy as np

from ..key_table import KeyTable
from ..padding import ragged

if TYPE_CHECKING:
    from .tokenizer import CutAtBlanks

LINE_FEED = 0x0A
BLANK, LETTER, CLOSING, OTHER = range(4)  # kinds of bytes
WIDTH = 8  # bytes compared at a time
LONG = 3 * WIDTH  # bytes of a word; longer ones are looked up one by one
MASKS = np.array([(1 << 8 * bytes_) - 1 for bytes_ in range(WIDTH + 1)], np.uint64)
FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)  # odd; the last two of xxHash
MOST_OTHER = 8  # a text of which one byte in so many is no ASCII is cut faster piece by piece


class TokenBatch(Sequence[list[str]]):
    """The tokens of documents as places in one UTF-8 text: document n has those from `offsets[n]` to `offsets[n + 1]`.

    `utf8` uint8 [B], with at least LONG bytes behind the last token; `starts_T`, `ends_T` int64; `offsets` int64 [N + 1], from
    0 on.
    """

    def __init__(self, utf8: np.ndarray, starts_T: np.ndarray, ends_T: np.ndarray, offsets: np.ndarray) -> None:
        self.utf8, self.starts_T, self.ends_T, self.offsets = utf8, starts_T, ends_T, offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: int) -> list[str]: ...

    @overload
    def __getitem__(self, row: slice) -> TokenBatch: ...

    def __getitem__(self, row: int | slice) -> list[str] | TokenBatch:
        if isinstance(row, int):
            row = range(len(self))[row]
            return self.words(slice(self.offsets[row], self.offsets[row + 1]))
        start, stop, step = row.indices(len(self))
        if step != 1:
            raise ValueError("documents are taken one after another")
        offsets = self.offsets[start : max(start, stop) + 1]
        here = slice(offsets[0], offsets[-1])
        return TokenBatch(self.utf8, self.starts_T[here], self.ends_T[here], offsets - offsets[0])

    def words(self, rows: slice | np.ndarray) -> list[str]:
        """Those of the tokens, as strings."""
        utf8 = self.utf8.data
        places = zip(self.starts_T[rows].tolist(), self.ends_T[rows].tolist(), strict=True)
        return [str(utf8[start:end], "utf-8") for start, end in places]

    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """The tokens one after another, each with a line feed behind it, and where each document ends in them.

        Uint8 and int64 [N].
        """
        lengths_T = self.ends_T - self.starts_T + 1
        ends_T = np.cumsum(lengths_T)
        before_T = self.starts_T - (ends_T - lengths_T)  # of a token's bytes, what is in front of them there and not here
        lines = self.utf8.take(np.repeat(before_T, lengths_T) + np.arange(lengths_T.sum()))
        lines[ends_T - 1] = LINE_FEED
        return lines, np.append(0, ends_T)[self.offsets[1:]]


class WordTable:
    """Words by their bytes: the number of each token of a batch among them."""

    def __init__(self, words: Sequence[str]) -> None:
        encoded = [word.encode() for word in words]
        lengths_W = np.fromiter(map(len, encoded), np.int64, len(encoded))
        starts_W = np.cumsum(lengths_W) - lengths_W
        utf8 = np.frombuffer(b"".join([*encoded, bytes(LONG)]), np.uint8)
        (short_W,) = np.nonzero(lengths_W <= LONG)
        own = _bytes(utf8, starts_W[short_W], lengths_W[short_W])
        self._table = KeyTable(_keys(own))
        # The last entries stand for no word: no token is empty.
        self._own, self._numbers = [np.append(each, np.uint64(0)) for each in own], np.append(short_W, -1).astype(np.int32)
        self._long = {words[number]: number for number in np.flatnonzero(lengths_W > LONG).tolist()}

    def find(self, batch: TokenBatch) -> np.ndarray:
        """The number of the word that each token is, -1 where it is none: int32 [T]."""
        lengths_T = batch.ends_T - batch.starts_T
        asked = _bytes(batch.utf8, batch.starts_T, lengths_T)
        found_T = self._table.find(_keys(asked))
        for own, other in zip(self._own, asked, strict=True):  # two words may have one key
            found_T[own.take(found_T, mode="wrap") != other] = -1
        number_T = self._numbers.take(found_T, mode="wrap")
        (long,) = np.nonzero(lengths_T > LONG)
        number_T[long] = [self._long.get(word, -1) for word in batch.words(long)]
        return number_T


def _bytes(utf8: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """The first LONG bytes of words, WIDTH at a time, zeros after their end: uint64, as many as there are words, each."""
    at_B = np.ndarray((len(utf8) - WIDTH + 1,), "<u8", utf8, strides=(1,))
    parts = [at_B.take(starts) & MASKS.take(lengths, mode="clip")]
    for done in range(WIDTH, LONG, WIDTH):
        part = np.zeros(len(starts), np.uint64)
        (longer,) = np.nonzero(lengths > done)
        part[longer] = at_B.take(starts[longer] + done) & MASKS.take(lengths[longer] - done, mode="clip")
        parts.append(part)
    return parts


def _keys(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One number for the bytes of each word: int64, none negative."""
    mixed = parts[0] * FACTORS[0]
    for part, factor in zip(parts[1:], FACTORS[1:], strict=True):
        mixed += part * factor
    return (mixed >> np.uint64(1)).view(np.int64)


def num_tokens(documents: Sequence[Sequence[str]]) -> np.ndarray:
    """How many tokens each document has: int64 [N]."""
    if isinstance(documents, TokenBatch):
        return np.diff(documents.offsets)
    return np.fromiter(map(len, documents), np.int64, len(documents))


def cut_batch(texts: Sequence[str], cut: CutAtBlanks) -> Sequence[list[str]]:
    """The tokens that `cut` makes of cleaned texts: a TokenBatch, if nearly all of them is ASCII.

    A piece of ASCII letters and digits, alone or with a closing mark, is a token where it stands in the joined texts. Other
    pieces are cut by Python, each once, and their tokens stand behind the texts.
    """
    encoded = [cut.before(text).encode() for text in texts]
    joined = b"\n".join([b"", *encoded, b""])
    if MOST_OTHER * np.count_nonzero(np.frombuffer(joined, np.int8) < 0) > len(joined):
        return [cut(text) for text in texts]
    kind_B = np.frombuffer(joined.translate(_kinds(cut.closing)), np.uint8)
    blank_B = kind_B == BLANK
    edges = np.flatnonzero(blank_B[1:] != blank_B[:-1]) + 1
    starts_P, ends_P = edges[::2], edges[1::2]
    marks_B = np.cumsum(kind_B > LETTER, dtype=np.int32)
    marks_P = marks_B.take(ends_P - 1) - marks_B.take(starts_P - 1)
    closed_P = (marks_P == 1) & (kind_B.take(ends_P - 1) == CLOSING) & (ends_P - starts_P > 1)
    (whole,) = np.nonzero((marks_P == 0) | closed_P)
    (rest,) = np.nonzero((marks_P > 0) & ~closed_P)

    numbers_D: dict[bytes, int] = {}
    places = zip(starts_P[rest].tolist(), ends_P[rest].tolist(), strict=True)
    numbers_R = np.array([numbers_D.setdefault(joined[start:end], len(numbers_D)) for start, end in places], np.int64)
    cut_D = [cut.piece(piece.decode()) if piece.isascii() else cut.pieces(piece.decode()) for piece in numbers_D]
    own = [token.encode() for token in chain.from_iterable(cut_D)]
    own_ends = len(joined) + np.cumsum(np.fromiter(map(len, own), np.int64, len(own)))
    own_starts = np.concatenate([[len(joined)], own_ends[:-1]]) if own else own_ends
    first_D = _offsets(np.fromiter(map(len, cut_D), np.int64, len(cut_D)))

    counts_P = 1 + (closed_P & cut.keeps_closing).astype(np.int64)
    counts_P[rest] = np.diff(first_D)[numbers_R]
    first_P = _offsets(counts_P)
    starts_T, ends_T = np.empty(first_P[-1], np.int64), np.empty(first_P[-1], np.int64)
    starts_T[first_P[whole]], ends_T[first_P[whole]] = starts_P[whole], (ends_P - closed_P)[whole]
    if cut.keeps_closing:
        (closed,) = np.nonzero(closed_P)
        starts_T[first_P[closed] + 1], ends_T[first_P[closed] + 1] = ends_P[closed] - 1, ends_P[closed]
    (at, _), (place, _) = ragged(first_P, rest), ragged(first_D, numbers_R)
    starts_T[at], ends_T[at] = own_starts[place], own_ends[place]
    begin_N = _offsets(np.fromiter(map(len, encoded), np.int64, len(encoded)) + 1)
    utf8 = np.frombuffer(b"".join([joined, *own, bytes(LONG)]), np.uint8)
    return TokenBatch(utf8, starts_T, ends_T, first_P[np.searchsorted(starts_P, begin_N)])


@cache
def _kinds(closing: str) -> bytes:
    """The kind of each byte."""
    kinds = np.full(256, OTHER, np.uint8)
    for code, character in enumerate(map(chr, range(128))):
        if character.isspace():
            kinds[code] = BLANK
        elif character.isalnum():
            kinds[code] = LETTER
        elif character in closing:
            kinds[code] = CLOSING
    return kinds.tobytes()


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
