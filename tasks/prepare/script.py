"""The tokenizer that `prepare.tokenizer auto` chooses: it follows from the scripts that a corpus is written in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.model.text.scripts import UNSPACED
from tasks.prepare.schema import open_reader
from tasks.prepare.tokenizers import TOKENIZERS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SAMPLE_CHARS = 1000  # of each text that is looked at
_READ_ROWS = 256
_SAMPLE_GROUPS, _SAMPLE_STEP = 8, 8  # row groups, and rows from one text to the next


class ByScript(NamedTuple):
    """A tokenizer, and the share of letters in scripts without blanks, by which it was chosen."""

    tokenizer: str
    share: float


def choose_for_corpus(corpus: Path) -> ByScript:
    """Choose by texts from all over corpus.parquet in folder `corpus`."""
    return choose_tokenizer(sample_of(corpus))


def choose_tokenizer(texts: Iterable[str]) -> ByScript:
    """Choose by script: of the tokenizers whose `automatic_from` the share reaches, the one with the highest."""
    codes = "".join(text[:SAMPLE_CHARS] for text in texts).encode("utf-32-le", "surrogatepass")
    counts = np.bincount(np.frombuffer(codes, np.uint32))
    present = "".join(map(chr, np.flatnonzero(counts).tolist()))
    unspaced, others = (
        int(sum(counts[ord(letter)] for letter in re.findall(letters, present)))
        for letters in (f"[{UNSPACED}]", rf"[^\W\d_{UNSPACED}]")
    )
    share = unspaced / (unspaced + others) if unspaced else 0.0
    bounds = {name: each.automatic_from for name, each in TOKENIZERS.items() if each.automatic_from is not None}
    return ByScript(max((bound, name) for name, bound in bounds.items() if share >= bound)[1], share)


def settings_of_marks(sample: Iterable[str]) -> dict[str, bool]:
    """What text.json says where texts of a corpus have the name marked that their label is about; nothing elsewhere."""
    from tasks.towards.mark import MARK, MARKS_NAME

    return {MARKS_NAME: True} if any(MARK in text for text in sample) else {}


def sample_of(corpus: Path) -> list[str]:
    """Texts of corpus.parquet in folder `corpus`, chosen by position alone."""
    texts: list[str] = []
    path = corpus / "corpus.parquet"
    with open_reader(path) as file:
        groups = np.linspace(0, max(file.num_row_groups - 1, 0), min(file.num_row_groups, _SAMPLE_GROUPS)).astype(int).tolist()
        for batch in file.iter_batches(_READ_ROWS, row_groups=groups, columns=["text"], use_threads=False):
            texts += batch.column("text")[::_SAMPLE_STEP].to_pylist()
    return texts
