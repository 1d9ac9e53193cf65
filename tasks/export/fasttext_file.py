"""A fastText model with the names of its labels. In goes the file of a package, whose labels are numbers; nothing else changes.

The layout is that of `FastText::saveModel` and `Dictionary::save`, as tasks/pretrain/model_file.py reads it.
"""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING

from tasks.model.fasttext_words import LABEL, plain_word
from tasks.pretrain.model_file import ARGUMENTS, DICTIONARY, ENTRY, HEADER, MAGIC, VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BLOCK = 1 << 20
_HIDDEN = re.compile(r"[\s\x00-\x20\x7f-\x9f]+")


def label_names(labels: Sequence[str]) -> list[str]:
    """Labels as fastText can hold them, without blanks and control characters; each is still another than the others."""
    names: list[str] = []
    for label in labels:
        name = plain_word(_HIDDEN.sub("_", label)) or "_"
        while name in names:
            name += "_"
        names.append(name)
    return names


def write_with_names(source: Path, target: Path, names: Sequence[str]) -> None:
    """Write the model anew with `names` for the labels 0, 1, 2 ...; ValueError for a file of another form."""
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, target.open("wb") as made:
        if HEADER.unpack_from(data, 0) != (MAGIC, VERSION):
            raise ValueError(f"{source} is not a fastText model of the current format")
        at = HEADER.size + ARGUMENTS.size
        size, num_words, *_ = DICTIONARY.unpack_from(data, at)
        at += DICTIONARY.size
        for _ in range(num_words):
            at = data.find(b"\0", at) + 1 + ENTRY.size
        made.write(data[:at])
        for _ in range(size - num_words):
            end = data.find(b"\0", at)
            number = int(data[at:end].decode().removeprefix(LABEL))
            at = end + 1 + ENTRY.size
            made.write(f"{LABEL}{names[number]}".encode() + data[end:at])
        while block := data[at : at + BLOCK]:
            made.write(block)
            at += len(block)
