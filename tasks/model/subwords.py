"""A vector for any word from its character n-grams, as fastText computes it, without fastText.

Shapes: N words, B bucket rows of T dimensions, mapped to F, D dimensions of a vector.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .character_ngrams import sum_ngram_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TABLE, SETTINGS = "subwords.npy", "subwords.json"
FILES = (TABLE, SETTINGS)

# Rows converted to float16 at a time.
BLOCK = 100_000


@dataclass(frozen=True)
class Subwords:
    """The bucket rows of a fastText model (float16 or float32 [B, T]) and the lengths of n-grams that reach them.

    `turn` (float32 [T, F]) brings rows into the space of other vectors. A vector has `leading` zeros before its own numbers
    and `padding` zeros behind them, D dimensions in all: zeros take the place of other vectors that were joined to these.
    """

    table: np.ndarray
    minn: int
    maxn: int
    padding: int = 0
    leading: int = 0
    turn: np.ndarray | None = None

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self.leading + int((self.table if self.turn is None else self.turn).shape[1]) + self.padding

    def padded(self, padding: int) -> Subwords:
        """These subwords with `padding` more dimensions behind, all zeros."""
        return replace(self, padding=self.padding + padding)

    def led(self, leading: int) -> Subwords:
        """These subwords with `leading` more dimensions in front, all zeros."""
        return replace(self, leading=self.leading + leading)

    def turned(self, turn_TF: np.ndarray) -> Subwords:
        """These subwords in another space; nothing is computed before a vector is asked for: the table may take gigabytes."""
        return replace(self, turn=turn_TF)

    @classmethod
    def load(cls, folder: Path) -> Subwords | None:
        """Open the table in `folder` as a memory map; None if the vectors there were trained without subwords."""
        if not (folder / TABLE).is_file():
            return None
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        table_BD = np.load(folder / TABLE, mmap_mode="r", allow_pickle=False)
        if table_BD.shape != (settings["bucket"], settings["dim"]):
            raise ValueError(f"{folder / TABLE} has shape {table_BD.shape}, {SETTINGS} says otherwise")
        padding, leading = (int(settings.get(name, 0)) for name in ("padding", "leading"))
        return cls(table_BD, int(settings["minn"]), int(settings["maxn"]), padding, leading)

    def save(self, folder: Path) -> None:
        """Write the table, mapped, as float16, and its settings, into `folder`."""
        bucket, dim = len(self.table), self.dim - self.leading - self.padding
        halves = np.lib.format.open_memmap(folder / TABLE, mode="w+", dtype=np.float16, shape=(bucket, dim))
        for start in range(0, bucket, BLOCK):
            block = self.table[start : start + BLOCK]
            halves[start : start + BLOCK] = block if self.turn is None else block @ self.turn
        halves.flush()
        settings = {"bucket": bucket, "dim": dim, "maxn": self.maxn, "minn": self.minn}
        settings |= {name: zeros for name, zeros in (("padding", self.padding), ("leading", self.leading)) if zeros}
        (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")

    def vector(self, word: str) -> np.ndarray:
        """Return the word's vector, the mean of its n-grams' rows: float32 [D]; zeros for a word without n-grams."""
        return self.vectors([word])[0]

    def vectors(self, words: Sequence[str]) -> np.ndarray:
        """Return one vector a word, float32 [N, D]; zeros for a word without n-grams."""
        sums_ND, num_ngrams_N = sum_ngram_rows(words, self.table, self.minn, self.maxn)
        means_ND = sums_ND / np.maximum(num_ngrams_N, 1).astype(np.float32)[:, None]
        if self.turn is not None:
            means_ND = means_ND @ self.turn
        return np.pad(means_ND, ((0, 0), (self.leading, self.padding))) if self.leading or self.padding else means_ND
