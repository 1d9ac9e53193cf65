"""Positions of integers in a table, built and read by arrays. Shapes: K keys, Q of them that are asked for."""

from __future__ import annotations

import numpy as np

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
        return ((keys.view(np.uint64) * MULTIPLIER) >> self.shift).view(np.int64)

    def find(self, keys_Q: np.ndarray) -> np.ndarray:
        """The position of each key among those the table was built from, -1 where absent; int32 [Q]."""
        slots = self._slots(keys_Q)
        stored = self.keys.take(slots)
        hit = stored == keys_Q
        found = np.where(hit, self.values.take(slots), np.int32(-1))
        (waiting,) = np.nonzero(~hit & (stored >= 0))  # another key has the slot: look in the next one
        slots, wanted = slots[waiting], keys_Q[waiting]
        while len(waiting):
            slots = (slots + 1) & self.mask
            stored = self.keys.take(slots)
            hit = stored == wanted
            found[waiting[hit]] = self.values.take(slots[hit])
            further = ~hit & (stored >= 0)
            waiting, wanted, slots = waiting[further], wanted[further], slots[further]
        return found
