"""Write a stream of short documents for `textmill refresh`: halves of the sample's sentences, spread evenly over two years.

    python -m benchmarks.stream 1000000 news.csv
    python -m benchmarks.measure textmill refresh --collect.source news.csv --collect.text headline --collect.time when

Each document has a number at its end, so no two are the same. The same number gives the same file.
"""

from __future__ import annotations

import argparse
import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIRST, DAYS = datetime(2018, 1, 1), 731
MAX_CHARS = 160


def texts(num_documents: int) -> Iterator[tuple[str, str]]:
    """The times (ISO 8601) and texts of so many documents, oldest first."""
    source = random.Random(1)
    sentences = [file.read_text().split() for file in sorted((CHECKOUT / "data" / "sample").glob("*/*.txt"))]
    seconds = DAYS * 86_400 / num_documents
    for number in range(num_documents):
        one, other = source.choices(sentences, k=2)
        text = " ".join(one[: len(one) // 2] + other[len(other) // 2 :])[:MAX_CHARS]
        yield (FIRST + timedelta(seconds=int(number * seconds))).isoformat(), f"{text} {number}"


def write_stream(path: Path, num_documents: int) -> None:
    """A CSV with the columns when and headline, oldest first."""
    write_rows(path, texts(num_documents))


def write_rows(path: Path, documents: Iterable[tuple[str, str]]) -> None:
    """The same of documents of one's own: times and texts."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["when", "headline"])
        rows.writerows(documents)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", type=int)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    write_stream(arguments.file, arguments.documents)
