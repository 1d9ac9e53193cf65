"""Names that were seen before, in little memory."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left

import numpy as np


class Names:
    """The names seen so far, in 16 bytes each: 64-bit digests in sorted runs that are merged as they grow."""

    RUN = 4096

    def __init__(self) -> None:
        self._fresh: set[int] = set()
        self._runs: list[array[int]] = []  # not of NumPy, whose single numbers are slow to compare

    def add(self, name: bytes) -> bool:
        """Remember a name; False if it was seen before."""
        digest = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
        if digest in self._fresh or any(_holds(run, digest) for run in self._runs):
            return False
        self._fresh.add(digest)
        if len(self._fresh) >= self.RUN:
            self._settle()
        return True

    def _settle(self) -> None:
        self._runs.append(_sorted(np.fromiter(self._fresh, dtype=np.uint64, count=len(self._fresh))))
        self._fresh = set()
        while len(self._runs) > 1 and len(self._runs[-1]) * 2 > len(self._runs[-2]):
            last = self._runs.pop()
            self._runs[-1] = _sorted(np.concatenate([np.frombuffer(run, np.uint64) for run in (self._runs[-1], last)]))


def _sorted(digests: np.ndarray) -> array[int]:
    return array("Q", np.sort(digests).tobytes())


def _holds(run: array[int], digest: int) -> bool:
    at = bisect_left(run, digest)
    return at < len(run) and run[at] == digest
