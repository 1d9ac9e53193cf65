"""Write a small copy of a corpus in its own layout, for quick runs.

    python -m benchmarks.subset imdb aclImdb_v1.tar.gz small.tar.gz --each 150
    python -m benchmarks.subset lines Sentences_50Agree.txt small.txt --each 300

`imdb`: the first documents of each folder of the archive. `lines`: lines at even distances over the file.
"""

from __future__ import annotations

import argparse
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


def write_lines(source: Path, target: Path, each: int) -> None:
    """Copy about `each` lines, at even distances."""
    lines = source.read_bytes().split(b"\n")
    target.write_bytes(b"\n".join(lines[:: max(1, len(lines) // each)]) + b"\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("layout", choices=["imdb", "lines"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--each", type=int, required=True)
    arguments = parser.parse_args()
    write = write_imdb if arguments.layout == "imdb" else write_lines
    write(arguments.source, arguments.target, arguments.each)
