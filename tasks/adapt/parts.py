"""Texts as parts that a network reads, and the pieces of them that it is to tell: those that are masked, or the next ones.

In go texts and the weights' own tokenizer; out come rows of pieces, and for some rows what is read, where, and what is right.

Shapes: N parts, B parts of a batch, L pieces of the longest, M pieces to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tasks.finetune.documents import Documents
from tasks.model.padding import padded
from tasks.model.views.encoder import Pieces, cleaned
from tasks.prepare.read import iter_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MASKS = ("[MASK]", "<mask>")
MASKED, OTHER = 0.8, 0.1  # of the chosen pieces; the rest stay as they are (Devlin et al. 2019, section 3.1)
NOTHING = -1


@dataclass(frozen=True)
class Special:
    """Numbers of special pieces: the mask, padding, and those that are never filled in; `pieces` is how many there are."""

    mask: int
    pad: int
    never: frozenset[int]
    pieces: int


@dataclass(frozen=True)
class Filling:
    """Ids [B, L] as they are read, a mask of what is text [B, L], and where [M] in the flat ids what [M] is to be told."""

    ids_BL: np.ndarray  # noqa: N815
    text_BL: np.ndarray  # noqa: N815
    at_M: np.ndarray  # noqa: N815
    was_M: np.ndarray  # noqa: N815


def special_of(pieces: Pieces, pad: int | None) -> Special:
    """The special pieces of a tokenizer; without a mask `mask` is NOTHING."""
    found = [number for name in MASKS if (number := pieces.number(name)) is not None]
    before, after = pieces.ends
    return Special(found[0] if found else NOTHING, pad or 0, frozenset({*before, *after, *found}), pieces.size)


def read_parts(texts: Path, splits: Sequence[str], pieces: Pieces) -> Documents:
    """The texts of some splits, each once; a text that is too long is cut into parts, each between the special pieces."""
    before, after = pieces.ends
    room = pieces.reading.max_len - len(before) - len(after)
    rows: list[np.ndarray] = []
    seen: set[str] = set()
    for batch in iter_texts(texts, splits):
        for text in map(cleaned, batch.column("text").to_pylist()):
            if text in seen:
                continue
            seen.add(text)
            own = pieces.own(text)
            rows += [np.array([*before, *own[at : at + room], *after], np.int32) for at in range(0, len(own), room)]
    lengths_N = np.fromiter(map(len, rows), np.int64, len(rows))
    ids = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    names = pa.array([f"part {number + 1}" for number in range(len(rows))], pa.string())
    return Documents(ids, np.concatenate([[0], lengths_N.cumsum()]), np.zeros(len(rows), np.int64), names)


def following(rows: Documents, rows_B: np.ndarray, special: Special) -> Filling:
    """Of some parts each piece but the last, and the one that follows it."""
    ids_BL, text_BL = _read(rows, rows_B, special)
    at_M = np.flatnonzero(np.pad(text_BL[:, 1:], ((0, 0), (0, 1))))
    return Filling(ids_BL, text_BL, at_M, ids_BL.reshape(-1)[at_M + 1])


def masked(rows: Documents, rows_B: np.ndarray, share: float, special: Special, random: np.random.Generator) -> Filling:
    """Choose pieces of some parts to fill in, at least one of each, and mask them; all follows from `random`."""
    ids_BL, text_BL = _read(rows, rows_B, special)
    free_BL = text_BL & ~np.isin(ids_BL, list(special.never))
    drawn_BL = np.where(free_BL, random.random(ids_BL.shape), np.inf)
    chosen_BL = drawn_BL < share
    first_B = drawn_BL.argmin(1)  # one of each part, however short
    chosen_BL[np.arange(len(rows_B)), first_B] |= free_BL.any(1)
    at_M = np.flatnonzero(chosen_BL)
    flat = ids_BL.reshape(-1)
    was_M, kind_M = flat[at_M].copy(), random.random(len(at_M))
    flat[at_M[kind_M < MASKED]] = special.mask
    other = (kind_M >= MASKED) & (kind_M < MASKED + OTHER)
    flat[at_M[other]] = random.integers(0, special.pieces, int(other.sum()))
    return Filling(ids_BL, text_BL, at_M, was_M)


def _read(rows: Documents, rows_B: np.ndarray, special: Special) -> tuple[np.ndarray, np.ndarray]:
    """Ids [B, L] of some parts, and where they are text."""
    lengths_B = rows.offsets[rows_B + 1] - rows.offsets[rows_B]
    ids_BL = padded(rows.ids, rows.offsets, rows_B, max_len=int(lengths_B.max(initial=1)), side="head").astype(np.int64)
    text_BL = np.arange(ids_BL.shape[1]) < lengths_B[:, None]
    ids_BL[~text_BL] = special.pad
    return ids_BL, text_BL
