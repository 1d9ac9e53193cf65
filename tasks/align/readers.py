"""Read vectors from text files (word2vec `.vec`, GloVe) without loading more than is wanted.

The file is read in blocks; a line costs a look at its first word unless that word is wanted. Everything that is wrong with
the file is a RequestError that names the file and the line.

Shapes: N wanted words, K words found, D dimensions.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import RequestError
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20
GZIP = b"\x1f\x8b"
FLOAT32_MAX = float(np.finfo(np.float32).max)
WRONG_WIDTH = "the file is cut, or holds no vectors"


@dataclass(frozen=True)
class WordVectors:
    """Vectors of K of the wanted words: where each stands among them (int64 [K]), and its vector (float32 [K, D])."""

    positions: np.ndarray
    vectors: np.ndarray
    num_lines: int = 0
    num_duplicates: int = 0

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self.vectors.shape[1])


def read_text_vectors(path: Path, wanted: Sequence[str], *, progress: Progress = SILENT) -> WordVectors:
    """Find the vectors of the `wanted` words in a text file with one `word number … number` a line.

    A first line `count dim` is a header and is checked. Of a word that stands there twice the first counts. Raises
    RequestError for a wrong width, count or number, and for a file that seems to be cut off.
    """
    try:
        with path.open("rb") as file:
            return _Reader(path, wanted).read(file, path.stat().st_size, progress)
    except OSError as error:
        raise RequestError(f"cannot read the vectors {path}: {error.strerror}; check --align.vectors") from error


@dataclass
class _Reader:
    path: Path
    wanted: Sequence[str]
    dim: int = 0
    expected: int | None = None  # lines of vectors, by the header
    num_lines: int = 0  # all lines so far, the header too
    num_duplicates: int = 0
    _positions: list[int] = field(default_factory=list)
    _blocks: list[np.ndarray] = field(default_factory=list)

    def read(self, file: BinaryIO, size: int, progress: Progress) -> WordVectors:
        missing = {word.encode("utf-8", "replace"): position for position, word in enumerate(self.wanted)}
        wanted = dict(missing)
        done = 0
        for lines in _line_blocks(file, self.path):
            if not self.num_lines:
                lines = self._start(lines)
            kept_lines, kept_numbers = self._select(lines, missing, wanted)
            if kept_numbers:
                self._blocks.append(self._parse(kept_lines, kept_numbers))
            done += sum(map(len, lines)) + len(lines)
            progress.advance(done / 1e6, size / 1e6, "MB", f"{len(self._positions):,} of {len(self.wanted):,} words found")
        num_vectors = self.num_lines - (self.expected is not None)
        if num_vectors < 1:
            raise RequestError(f"{self.path} holds no vectors; give a file with one word and its numbers a line")
        if self.expected is not None and num_vectors != self.expected:
            raise RequestError(f"{self.path} announces {self.expected} vectors and holds {num_vectors}; it seems cut")
        vectors_KD = np.concatenate(self._blocks) if self._blocks else np.empty((0, self.dim), dtype=np.float32)
        return WordVectors(np.array(self._positions, dtype=np.int64), vectors_KD, num_vectors, self.num_duplicates)

    def _start(self, lines: list[bytes]) -> list[bytes]:
        """Take the dimension from the header, or from the first vector where there is none."""
        first = lines[0].split()
        if lines[0].startswith(GZIP):
            raise RequestError(f"{self.path} is compressed; unpack it first (gunzip)")
        if len(first) == 2 and all(part.isdigit() for part in first):
            self.expected, self.dim = int(first[0]), int(first[1])
            self.num_lines = 1
            lines = lines[1:]
        else:
            self.dim = len(first) - 1
        if self.dim < 1:
            self._refuse(1, "no word with numbers", "give a .vec or GloVe text file")
        return lines

    def _select(self, lines: list[bytes], missing: dict[bytes, int], wanted: dict[bytes, int]) -> tuple[list[int], list[bytes]]:
        """Check each line's width, and pick out those of words that are still missing: line numbers and numbers."""
        dim, number = self.dim, self.num_lines
        kept_lines, kept_numbers = [], []
        for line in lines:
            number += 1
            word, _, numbers = line.partition(b" ")
            if numbers.count(b" ") != dim - 1 or not numbers:
                word, numbers = self._split(line, number)
            position = missing.pop(word, None)
            if position is not None:
                self._positions.append(position)
                kept_lines.append(number)
                kept_numbers.append(numbers)
            elif word in wanted:
                self.num_duplicates += 1
        self.num_lines = number
        return kept_lines, kept_numbers

    def _split(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """Part a line that is not plainly word, space, numbers: spaces at its end, tabs, or spaces inside the word."""
        parts = line.split()
        if len(parts) <= self.dim:
            self._refuse(number, f"{max(0, len(parts) - 1)} numbers in place of {self.dim}", WRONG_WIDTH)
        word, numbers = parts[: -self.dim], parts[-self.dim :]
        if len(word) > 1 and _is_number(word[-1]) and _is_number(word[1]):
            self._refuse(number, f"{len(parts) - 1} numbers in place of {self.dim}", WRONG_WIDTH)
        return b" ".join(word), b" ".join(numbers)

    def _parse(self, kept_lines: list[int], kept_numbers: list[bytes]) -> np.ndarray:
        try:
            block_KD = _numbers(kept_numbers, self.dim)
        except (pa.ArrowInvalid, ValueError):
            block_KD = None
        if block_KD is not None and np.isfinite(block_KD).all():
            return block_KD
        for line, numbers in zip(kept_lines, kept_numbers, strict=True):
            bad = [part for part in numbers.split(b" ") if not _is_number(part) or not abs(float(part)) <= FLOAT32_MAX]
            if bad:
                self._refuse(line, f"{bad[0][:40].decode('utf-8', 'replace')!r} is no finite number", "mend or drop that line")
        # Python reads a few spellings (+1, 1_0) that Arrow does not, and all were numbers.
        return np.array([[float(part) for part in numbers.split(b" ")] for numbers in kept_numbers], dtype=np.float32)

    def _refuse(self, line: int, what: str, remedy: str) -> NoReturn:
        raise RequestError(f"{self.path}, line {line}: {what}; {remedy}")


def _line_blocks(file: BinaryIO, path: Path) -> Iterator[list[bytes]]:
    """The file's lines without their ends, in lists of about BLOCK_BYTES; the last line too must have an end."""
    rest = b""
    while block := file.read(BLOCK_BYTES):
        block = rest + block
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        if len(rest) > MAX_LINE_BYTES:
            raise RequestError(f"{path} has no line breaks; give a .vec or GloVe text file")
        if end:
            lines = block[: end - 1].split(b"\n")
            yield [line.removesuffix(b"\r") for line in lines] if b"\r" in block else lines
    if rest:
        raise RequestError(f"{path} does not end with a line break, so it seems cut; if it is whole, add one")


def _numbers(rows: list[bytes], dim: int) -> np.ndarray:
    """Parse rows of `dim` numbers parted by single spaces: float32 [K, D]. ArrowInvalid or ValueError if one is none."""
    texts = pc.split_pattern(pa.array(rows, pa.large_binary()).cast(pa.large_string()), " ").flatten()
    return texts.cast(pa.float32()).to_numpy(zero_copy_only=False).reshape(len(rows), dim)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
