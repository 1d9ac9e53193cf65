"""Read vectors from text: fastText's and word2vec's `.vec` (with a header), GloVe's (without).

The text is read in blocks; a line costs a look at its first word unless that word is wanted, and the numbers of those are
parsed by Arrow in a thread of its own. Widths are checked by block; a block whose lines are not plainly a word and numbers is
checked line by line, so that an error names its line.

Shapes: K words found, D dimensions.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.align.streams import BLOCK_BYTES, is_number
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.align.found import Collector, WordVectors
    from tasks.align.streams import Reading

MAX_LINE_BYTES = 64 << 20
PARSE_BYTES = 4 << 20  # of numbers handed to the parser at a time
WAITING = 2  # such batches at most: they bound memory
FLOAT32_MAX = float(np.finfo(np.float32).max)
WRONG_WIDTH = "the file is cut, or holds no vectors"
SPACE, LINE_END = ord(" "), ord("\n")


class _Line(NamedTuple):
    """A line of a wanted word: its number in the file, the word's place among the wanted, and its numbers as text."""

    number: int
    position: int
    numbers: bytes


def read_text(stream: Reading, name: str, collector: Collector, advance: Callable[[int], None]) -> WordVectors:
    """Find the vectors of the wanted words in lines `word number … number`.

    A first line `count dim` is a header and is checked. Of a repeated word the first counts; a word may hold
    spaces. Raises RequestError for a wrong width, count or number, and for a text that seems to be cut off. `advance` gets
    the bytes read so far.
    """
    reader = _TextReader(name, collector)
    with ThreadPoolExecutor(1, thread_name_prefix="vectors") as pool:
        for block in _blocks(stream, name):
            reader.take(block, pool)
            advance(reader.done)
        return reader.finish(pool)


def _blocks(stream: Reading, name: str) -> Iterator[bytes]:
    """The text in blocks of whole lines; the last line too must have an end."""
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        end = block.rfind(b"\n") + 1
        if not end:
            rest += block
        else:
            yield rest + block[:end]
            rest = block[end:]
        if len(rest) > MAX_LINE_BYTES:
            raise RequestError(f"{name} has no line breaks; give a .vec or GloVe text file")
    if rest:
        raise RequestError(f"{name} does not end with a line break, so it seems cut; if it is whole, add one")


class _TextReader:
    def __init__(self, name: str, collector: Collector) -> None:
        self.name, self.collector = name, collector
        self.dim = 0
        self.trailing = False  # whether lines end with a space
        self.expected: int | None = None  # vectors, by the header
        self.num_lines = 0  # so far, the header too
        self.done = 0  # bytes
        self._kept: list[_Line] = []
        self._kept_bytes = 0
        self._parsing: deque[tuple[int, Future[np.ndarray]]] = deque()

    def take(self, block: bytes, pool: ThreadPoolExecutor) -> None:
        """Look at the lines of a block and keep those of wanted words."""
        self.done += len(block)
        if not self.dim:
            block = self._start(block)
        bytes_ = np.frombuffer(block, dtype=np.uint8)
        num_lines = int(np.count_nonzero(bytes_ == LINE_END))
        num_spaces = int(np.count_nonzero(bytes_ == SPACE))
        # fastText ends its lines with a space; where the first vector does, all others must.
        plain = num_spaces == num_lines * (self.dim + self.trailing) and (not self.trailing or block.count(b" \n") == num_lines)
        lines = self._select(block) if plain else None
        for line in self._select_carefully(block) if lines is None else lines:
            if self.collector.claim(line.position) is not None:
                self._kept.append(line)
                self._kept_bytes += len(line.numbers)
                if self._kept_bytes > PARSE_BYTES:
                    self._submit(pool)
        self.num_lines += num_lines

    def finish(self, pool: ThreadPoolExecutor) -> WordVectors:
        """Parse the remaining lines, and check the count in the header."""
        self._submit(pool)
        self._collect(0)
        num_vectors = self.num_lines - (self.expected is not None)
        if num_vectors < 1:
            raise RequestError(f"{self.name} holds no vectors; give a file with one word and its numbers a line")
        if self.expected is not None and num_vectors != self.expected:
            raise RequestError(f"{self.name} announces {self.expected} vectors and holds {num_vectors}; it seems cut")
        return self.collector.finish(num_vectors)

    def _start(self, block: bytes) -> bytes:
        """Take the dimension from the header, or from the first vector where there is none; give what follows the header."""
        line, _, rest = block.partition(b"\n")
        first = line.split()
        header = len(first) == 2 and all(part.isdigit() for part in first)
        self.dim = int(first[1]) if header else len(first) - 1
        if self.dim < 1:
            self._refuse(1, "no word with numbers", "give a .vec or GloVe text file")
        if header:
            self.expected, self.num_lines = int(first[0]), 1
        self.collector.start(self.dim, self.name)
        vectors = rest if header else block
        self.trailing = vectors[: vectors.find(b"\n")].endswith(b" ")
        return vectors

    def _select(self, block: bytes) -> list[_Line] | None:
        """The lines of wanted words in a block whose lines are all plain; None if a wanted line is not plain."""
        lookup, find = self.collector.positions.get, block.find
        found, start, end, number = [], 0, block.find(b"\n"), self.num_lines
        while end >= 0:
            number += 1
            space = find(b" ", start, end)
            position = lookup(block[start:space])
            if position is not None:
                numbers = block[space + 1 : end].rstrip(b" \r")
                if numbers.count(b" ") != self.dim - 1:
                    return None
                found.append(_Line(number, position, numbers))
            start = end + 1
            end = find(b"\n", start)
        return found

    def _select_carefully(self, block: bytes) -> Iterator[_Line]:
        """The lines of wanted words in a block with other blanks: each line is checked, and a word may hold spaces."""
        for number, line in enumerate(block.removesuffix(b"\n").split(b"\n") if block else (), self.num_lines + 1):
            line = line.removesuffix(b"\r")
            word, _, numbers = line.partition(b" ")
            if numbers.count(b" ") != self.dim - 1 or not numbers:
                word, numbers = self._split(line, number)
            position = self.collector.positions.get(word)
            if position is not None:
                yield _Line(number, position, numbers)

    def _split(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """Split a line that is not plainly word, space, numbers: spaces at its end, tabs, or spaces inside the word."""
        parts = line.split()
        if len(parts) <= self.dim:
            self._refuse(number, f"{max(0, len(parts) - 1)} numbers in place of {self.dim}", WRONG_WIDTH)
        word, numbers = parts[: -self.dim], parts[-self.dim :]
        if len(word) > 1 and is_number(word[-1]) and is_number(word[1]):
            self._refuse(number, f"{len(parts) - 1} numbers in place of {self.dim}", WRONG_WIDTH)
        return b" ".join(word), b" ".join(numbers)

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        if not self._kept:
            return
        self._collect(WAITING - 1)
        # The claimed rows of the lines that wait follow one another.
        first_row = self.collector.num_found - len(self._kept)
        self._parsing.append((first_row, pool.submit(self._parse, self._kept)))
        self._kept, self._kept_bytes = [], 0

    def _collect(self, waiting: int) -> None:
        while len(self._parsing) > waiting:
            first_row, parsed = self._parsing.popleft()
            self.collector.write(first_row, parsed.result(), self.name)

    def _parse(self, lines: list[_Line]) -> np.ndarray:
        rows = [line.numbers for line in lines]
        try:
            block_KD = _numbers(rows, self.dim)
        except (pa.ArrowInvalid, ValueError):
            block_KD = None
        if block_KD is not None and np.isfinite(block_KD).all():
            return block_KD
        for line in lines:
            bad = [part for part in line.numbers.split(b" ") if not is_number(part) or not abs(float(part)) <= FLOAT32_MAX]
            if bad:
                shown = bad[0][:40].decode("utf-8", "replace")
                self._refuse(line.number, f"{shown!r} is not a finite number", "correct or remove that line")
        # Python reads a few spellings (+1, 1_0) that Arrow does not, and all were numbers.
        return np.array([[float(part) for part in numbers.split(b" ")] for numbers in rows], dtype=np.float32)

    def _refuse(self, line: int, what: str, remedy: str) -> NoReturn:
        raise RequestError(f"{self.name}, line {line}: {what}; {remedy}")


def _numbers(rows: list[bytes], dim: int) -> np.ndarray:
    """Parse rows of `dim` numbers parted by single spaces: float32 [K, D]. ArrowInvalid or ValueError for anything else."""
    texts = pc.split_pattern(pa.array(rows, pa.large_binary()).cast(pa.large_string()), " ").flatten()
    return texts.cast(pa.float32()).to_numpy(zero_copy_only=False).reshape(len(rows), dim)
