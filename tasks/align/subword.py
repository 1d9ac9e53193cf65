"""A vector for any word from its character n-grams, as fastText computes it, without fastText.

Shapes: N words, B bucket rows of T dimensions, D dimensions of a vector.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..pretrain.character_ngrams import sum_ngram_rows

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

    Vectors have D = T + `padding` dimensions; the last ones are zeros, the part of other vectors that were joined to these.
    """

    table: np.ndarray
    minn: int
    maxn: int
    padding: int = 0

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self.table.shape[1]) + self.padding

    def padded(self, padding: int) -> Subwords:
        """The same with so many more dimensions, all zeros."""
        return replace(self, padding=self.padding + padding)

    @classmethod
    def load(cls, folder: Path) -> Subwords | None:
        """Open the table in `folder` as a memory map; None if the vectors there were trained without subwords."""
        if not (folder / TABLE).is_file():
            return None
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        table_BD = np.load(folder / TABLE, mmap_mode="r", allow_pickle=False)
        if table_BD.shape != (settings["bucket"], settings["dim"]):
            raise ValueError(f"{folder / TABLE} has shape {table_BD.shape}, {SETTINGS} says otherwise")
        return cls(table_BD, int(settings["minn"]), int(settings["maxn"]), int(settings.get("padding", 0)))

    def save(self, folder: Path) -> None:
        """Write the table as float16, and its settings, into `folder`."""
        bucket, dim = self.table.shape
        halves = np.lib.format.open_memmap(folder / TABLE, mode="w+", dtype=np.float16, shape=(bucket, dim))
        for start in range(0, bucket, BLOCK):
            halves[start : start + BLOCK] = self.table[start : start + BLOCK]
        halves.flush()
        settings = {"bucket": bucket, "dim": dim, "maxn": self.maxn, "minn": self.minn}
        if self.padding:
            settings["padding"] = self.padding
        (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")

    def vector(self, word: str) -> np.ndarray:
        """Return the word's vector, the mean of its n-grams' rows: float32 [D]; zeros for a word without n-grams."""
        return self.vectors([word])[0]

    def vectors(self, words: Sequence[str]) -> np.ndarray:
        """Return one vector a word, float32 [N, D]; zeros for a word without n-grams."""
        sums_ND, num_ngrams_N = sum_ngram_rows(words, self.table, self.minn, self.maxn)
        means_ND = sums_ND / np.maximum(num_ngrams_N, 1).astype(np.float32)[:, None]
        return np.pad(means_ND, ((0, 0), (0, self.padding))) if self.padding else means_ND
