"""Read vectors from word2vec's binary format: a line `count dim`, then each word, a space and its numbers as float32.

The layout is that of `word2vec.c`, which ends each vector with a line break, and of gensim, which does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.align.streams import BLOCK_BYTES
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.align.found import Collector, WordVectors
    from tasks.align.streams import Reading

MAX_WORD_BYTES = 1 << 16
LINE_END = ord("\n")


def read_word2vec(stream: Reading, name: str, collector: Collector, advance: Callable[[int], None]) -> WordVectors:
    """Find the vectors of the wanted words. RequestError for a cut file, a wrong count, and numbers that are not finite.

    Where a vector starts is known only once the word before it has been read, so words are looked at one by one; numbers are
    not, unless they are wanted. `advance` gets the bytes read so far.
    """
    block, expected, dim = _header(stream.read(BLOCK_BYTES), name)
    collector.start(dim, name)
    reader = _BinaryReader(name, collector, dim, expected)
    done, rest = 0, b""
    while True:
        rest = reader.take(rest, block)
        done += len(block)
        advance(done)
        if reader.num_read == expected:
            break
        if len(rest) > MAX_WORD_BYTES and b" " not in rest[:MAX_WORD_BYTES]:
            raise RequestError(f"{name}: no word where number {reader.num_read + 1:,} should be; the file is damaged")
        block = stream.read(BLOCK_BYTES)
        if not block:
            raise RequestError(
                f"{name} announces {expected:,} vectors and ends inside number {reader.num_read + 1:,}; it is cut"
            )
    if rest.strip() or stream.read(1).strip():
        raise RequestError(f"{name} announces {expected:,} vectors and holds more; its header or its data is damaged")
    return collector.finish(expected)


def _header(block: bytes, name: str) -> tuple[bytes, int, int]:
    line, _, rest = block.partition(b"\n")
    expected, dim = map(int, line.split())
    if not expected:
        raise RequestError(f"{name} announces 0 vectors; give a file with vectors")
    return rest, expected, dim


class _BinaryReader:
    def __init__(self, name: str, collector: Collector, dim: int, expected: int) -> None:
        self.name, self.collector, self.dim, self.expected = name, collector, dim, expected
        self.num_read = 0

    def take(self, rest: bytes, block: bytes) -> bytes:
        """Look at the vectors that end in `block`; the first of them began with `rest`. Return the start of the next one."""
        start = 0
        if rest:
            # Joining only this one: joining the blocks would copy the whole file once more.
            joined = rest + block[: MAX_WORD_BYTES + 4 * self.dim]
            end = self._scan(joined, 0, 1)
            if not end:
                return rest + block
            start = end - len(rest)
        return block[self._scan(block, start, self.expected - self.num_read) :]

    def _scan(self, block: bytes, start: int, most: int) -> int:
        """Keep the wanted ones of at most so many vectors from `start` on; where the last whole one ends."""
        lookup, find, size = self.collector.positions.get, block.find, len(block)
        skip = 4 * self.dim + 1
        starts, positions, number = [], [], 0
        for number in range(most):  # noqa: B007 it is how many were whole
            space = find(b" ", start)
            end = space + skip
            if space < 0 or end > size:
                break
            if block[start] == LINE_END:
                start += 1
            position = lookup(block[start:space])
            if position is not None:
                starts.append(space + 1)
                positions.append(position)
            start = end
        else:
            number = most
        self.num_read += number
        self._keep(block, starts, positions)
        return start

    def _keep(self, block: bytes, starts: list[int], positions: list[int]) -> None:
        first_row, claim = self.collector.num_found, self.collector.claim
        kept = [at for at, position in zip(starts, positions, strict=True) if claim(position) is not None]
        joined = b"".join([block[at : at + 4 * self.dim] for at in kept])
        self.collector.write(first_row, np.frombuffer(joined, dtype="<f4").reshape(len(kept), self.dim), self.name)
