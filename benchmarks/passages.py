"""Write a corpus of many short labelled rows: passages of IMDB's labelled train reviews, and copies with exchanged words.

    python -m benchmarks.passages aclImdb_v1.tar.gz 1000000 passages.csv
    python -m benchmarks.measure textmill train --ingest.path passages.csv --name passages --json

A passage is some 200 characters of one review, cut between words, and has the review's label. Where the reviews have too few
of them they are read again, each time with 7% of the words exchanged for words drawn from the whole text: no row is a
near-duplicate of another, but most have a like one among the train rows, so the accuracy says nothing. The same number gives
the same file.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.corpus import Columns, Document, read_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PASSAGE_CHARS, SHORTEST_CHARS = 200, 60
EXCHANGED_SHARE = 0.07


def passages(documents: Sequence[Document]) -> Iterator[Document]:
    """Passages of all documents again and again, from the second time on with exchanged words; does not end."""
    draw = np.random.default_rng(13)
    pool = word_pool(documents)
    for time in itertools.count():
        for document in documents:
            for passage in textwrap.wrap(document.text, PASSAGE_CHARS, break_on_hyphens=False):
                if len(passage) >= SHORTEST_CHARS:
                    yield document._replace(text=exchanged(passage, pool, draw) if time else passage)


def word_pool(documents: Sequence[Document]) -> np.ndarray:
    """The words of every twentieth document, each as often as it is there."""
    return np.array([word for document in documents[::20] for word in document.text.split()], object)


def exchanged(text: str, pool: np.ndarray, draw: np.random.Generator) -> str:
    """The text with EXCHANGED_SHARE of its words exchanged for words of the pool."""
    words = np.array(text.split(), object)
    changed = draw.random(len(words)) < EXCHANGED_SHARE
    words[changed] = pool[draw.integers(0, len(pool), int(changed.sum()))]
    return " ".join(words)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    documents = read_corpus(arguments.archive, None, Columns()).train
    with arguments.file.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        table.writerows(itertools.islice(passages(documents), arguments.rows))


if __name__ == "__main__":
    main()
