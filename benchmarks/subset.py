"""Write a part of a corpus: for quick runs in its own layout, or test texts as a table.

    python -m benchmarks.subset imdb aclImdb_v1.tar.gz small.tar.gz --each 150
    python -m benchmarks.subset few aclImdb_v1.tar.gz few.tar.gz --each 500 --seed 1
    python -m benchmarks.subset lines Sentences_50Agree.txt small.txt --each 300
    python -m benchmarks.subset texts aclImdb_v1.tar.gz texts.csv --each 300

`imdb`: the first documents of each folder of the archive. `few`: as many labelled train reviews of each class, drawn by the
seed; the other train reviews beside the unlabelled ones; and 2,500 test reviews of each class, or as many as `--test-each`
says, the same for every seed.
`lines`: lines at even distances over the file. `texts`: the first documents of each folder of the archive's test part, a column
`text`.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import tarfile
from collections import Counter
from pathlib import Path

FEW_TEST = 2500  # test reviews of a class that are taken by default


def write_imdb(source: Path, target: Path, each: int) -> None:
    """Copy the first `each` documents of every folder of the archive."""
    taken: Counter[str] = Counter()
    with tarfile.open(source, "r|gz") as archive, tarfile.open(target, "w:gz", compresslevel=1) as copy:
        for member in archive:
            folder = member.name.rpartition("/")[0]
            if member.isfile() and taken[folder] < each:
                taken[folder] += 1
                copy.addfile(member, archive.extractfile(member))


def write_few(source: Path, target: Path, each: int, seed: int, test_each: int = FEW_TEST) -> None:
    """Copy `each` train reviews of a class with their label, the others without, and `test_each` test reviews a class."""
    with tarfile.open(source, "r|gz") as archive:
        names = sorted(member.name for member in archive if member.isfile())
    kept: set[str] = set()
    for label in ("pos", "neg"):
        of_train, of_test = ([name for name in names if f"/{split}/{label}/" in name] for split in ("train", "test"))
        kept |= {*random.Random(f"{label} {seed}").sample(of_train, each), *random.Random(label).sample(of_test, test_each)}
    with tarfile.open(source, "r|gz") as archive, tarfile.open(target, "w:gz", compresslevel=1) as copy:
        for member in archive:
            read = archive.extractfile(member) if member.isfile() else None
            if read is None or (member.name not in kept and "/test/" in member.name):
                continue
            if member.name not in kept:
                member.name = re.sub("/train/(pos|neg)/", r"/train/unsup/\1-", member.name)
            copy.addfile(member, read)


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
    parser.add_argument("layout", choices=[*WRITE, "few"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--each", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1, help="of the reviews that `few` draws")
    parser.add_argument("--test-each", type=int, default=FEW_TEST, help="test reviews of a class that `few` takes")
    arguments = parser.parse_args()
    if arguments.layout == "few":
        write_few(arguments.source, arguments.target, arguments.each, arguments.seed, arguments.test_each)
    else:
        WRITE[arguments.layout](arguments.source, arguments.target, arguments.each)
