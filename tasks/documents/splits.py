"""The splits that a data set names, as the Hugging Face Hub and its library write them, in the words of a corpus."""

from __future__ import annotations

import re

SPLITS = {
    "train": "train",
    "test": "test",
    "validation": "valid",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "unsupervised": "unlabelled",
    "unlabelled": "unlabelled",
    "unlabeled": "unlabelled",
}
_SHARD = re.compile(r"(?:.*/)?([a-z]+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.parquet")


def split_of_shard(name: str) -> str | None:
    """The split of a file that is called as the Hub calls them, or lies in a folder of that name; None for another.

    `data/test-00000-of-00001.parquet`, or `default/test/0000.parquet` of the files that the Hub converts.
    """
    found = _SHARD.fullmatch(name)
    named = [found[1]] if found else []
    return next((SPLITS[each] for each in [*named, *name.split("/")[-2::-1]] if each in SPLITS), None)
