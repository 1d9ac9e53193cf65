"""Read the vectors of a vocabulary out of a large file: textmill's reader beside gensim's.

    python -m benchmarks.micro.vectors generate vectors.vec --rows 300000 --dim 300
    python -m benchmarks.micro.vectors textmill vectors.vec --wanted 50000
    python -m benchmarks.micro.vectors gensim vectors.vec --wanted 50000

A file named `.bin` is written and read in word2vec's binary format, any other as text.
The wanted words are spread evenly over the file. Seconds are those of reading alone, without imports. Both print the sum of the
matrix that they made, so that it can be seen to be the same. Shapes: V wanted words, D dimensions.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[Path, list[str]], np.ndarray]

ROWS_AT_ONCE = 2000


def generate(path: Path, num_rows: int, dim: int) -> None:
    """Write `num_rows` random vectors, as text or in word2vec's binary format by the file's name."""
    write = write_binary if is_binary(path) else write_text
    write(path, num_rows, dim)


def is_binary(path: Path) -> bool:
    """Whether the file's name says that its numbers are float32 and no text."""
    return path.suffix == ".bin"


def write_binary(path: Path, num_rows: int, dim: int) -> None:
    """Write `num_rows` random vectors as gensim writes them in word2vec's binary format."""
    random = np.random.default_rng(13)
    with path.open("wb") as file:
        file.write(b"%d %d\n" % (num_rows, dim))
        for start in range(0, num_rows, ROWS_AT_ONCE):
            vectors_RD = random.standard_normal((min(ROWS_AT_ONCE, num_rows - start), dim), dtype=np.float32)
            file.write(b"".join(b"word%d %s" % (number, row.tobytes()) for number, row in enumerate(vectors_RD, start)))


def write_text(path: Path, num_rows: int, dim: int) -> None:
    """Write `num_rows` random vectors as fastText writes a .vec: a header, then a word and its numbers a line."""
    random = np.random.default_rng(13)
    with path.open("wb") as file:
        file.write(b"%d %d\n" % (num_rows, dim))
        for start in range(0, num_rows, ROWS_AT_ONCE):
            # Digits are drawn as bytes: formatting 90 million floats one by one would take longer than all that is measured.
            rows = min(ROWS_AT_ONCE, num_rows - start)
            digits = random.integers(ord("0"), ord("9") + 1, (rows, dim, 8), dtype=np.uint8)
            digits[:, :, 0] = random.choice(np.frombuffer(b" -", np.uint8), (rows, dim))
            digits[:, :, 1], digits[:, :, 2] = ord("0"), ord(".")
            digits[:, :, 7] = ord(" ")
            for number, row in enumerate(digits, start):
                numbers = b" ".join(row.tobytes().split())
                file.write(b"word%d %s\n" % (number, numbers))


def wanted_words(path: Path, count: int) -> list[str]:
    """`count` words of the file, at even distances."""
    with path.open("rb") as file:
        num_rows = int(file.readline().split()[0])
    return [f"word{number * num_rows // count}" for number in range(count)]


def textmill_reader() -> Reader:
    """The matrix [V, D] of the wanted words by textmill's reader."""
    from tasks.align.readers import VectorFile, read_vectors

    def read(path: Path, wanted: list[str]) -> np.ndarray:
        found = read_vectors(VectorFile(path), wanted, path.parent).found
        matrix_VD = np.empty((len(wanted), found.dim), np.float32)
        matrix_VD[found.positions] = found.vectors
        return matrix_VD

    return read


def gensim_reader() -> Reader:
    """The same by gensim, which loads the whole file first."""
    from gensim.models import KeyedVectors

    def read(path: Path, wanted: list[str]) -> np.ndarray:
        loaded = KeyedVectors.load_word2vec_format(str(path), binary=is_binary(path))
        return np.stack([loaded[word] for word in wanted])

    return read


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["generate", "textmill", "gensim"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--wanted", type=int, default=50_000)
    arguments = parser.parse_args()
    if arguments.what == "generate":
        generate(arguments.path, arguments.rows, arguments.dim)
        return
    read = textmill_reader() if arguments.what == "textmill" else gensim_reader()
    wanted = wanted_words(arguments.path, arguments.wanted)
    start, cpu = time.monotonic(), time.process_time()
    matrix_VD = read(arguments.path, wanted)
    answer = {
        "read_seconds": round(time.monotonic() - start, 3),
        "read_cpu_seconds": round(time.process_time() - cpu, 3),
        "file_mb": round(arguments.path.stat().st_size / 1e6),
        "sum": round(float(matrix_VD.sum(dtype=np.float64)), 2),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
