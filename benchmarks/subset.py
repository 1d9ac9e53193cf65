"""Write a part of a corpus: for quick runs in its own layout, or test texts as a table.

    python -m benchmarks.subset imdb aclImdb_v1.tar.gz small.tar.gz --each 150
    python -m benchmarks.subset lines Sentences_50Agree.txt small.txt --each 300
    python -m benchmarks.subset texts aclImdb_v1.tar.gz texts.csv --each 300

`imdb`: the first documents of each folder of the archive. `lines`: lines at even distances over the file. `texts`: the first
documents of each folder of the archive's test part, a column `text`.
"""

from __future__ import annotations

import argparse
import csv
import tarfile
from collections import Counter
from pathlib import Path


def write_imdb(source: Path, target: Path, each: int) -> None:
    """Copy the first `each` documents of every folder of the archive."""
    taken: Counter[str] = Counter()
    with tarfile.open(source, "r|gz") as archive, tarfile.open(target, "w:gz", compresslevel=1) as copy:
        for member in archive:
            folder = member.name.rpartition("/")[0]
            if member.isfile() and taken[folder] < each:
                taken[folder] += 1
                copy.addfile(member, archive.extractfile(member))


def write_texts(source: Path, target: Path, each: int) -> None:
    """Write the first `each` documents of every labelled folder of the archive's test part as a table."""
    taken: Counter[str] = Counter()
    with tarfile.open(source, "r|gz") as archive, target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text"])
        for member in archive:
            folder = member.name.rpartition("/")[0]
            if member.isfile() and folder.endswith(("/test/pos", "/test/neg")) and taken[folder] < each:
                taken[folder] += 1
                read = archive.extractfile(member)
                assert read is not None
                table.writerow([read.read().decode("utf-8")])


def write_lines(source: Path, target: Path, each: int) -> None:
    """Copy about `each` lines, at even distances."""
    lines = source.read_bytes().split(b"\n")
    target.write_bytes(b"\n".join(lines[:: max(1, len(lines) // each)]) + b"\n")


WRITE = {"imdb": write_imdb, "lines": write_lines, "texts": write_texts}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("layout", choices=list(WRITE))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--each", type=int, required=True)
    arguments = parser.parse_args()
    WRITE[arguments.layout](arguments.source, arguments.target, arguments.each)
