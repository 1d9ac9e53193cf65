"""The salt of a new name: of a hundred splits by rule 2 the one with the most even shares of classes.

It is chosen once, from ingest's corpus, before anything is tokenized. Near-duplicates, and texts that cleaning makes equal,
are not known then, so shares are exact only where few rows are duplicates.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.prepare.schema import open_reader
from tasks.prepare.sides import RARE, Rule, digest_words, draws, sides_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Set
    from pathlib import Path

    from tasks.prepare.settings import PrepareConfig

log = logging.getLogger(__name__)

CANDIDATES = 100
MOST_ROWS = 200_000  # rows to look at, those of the smallest classes: shares of larger ones are even by chance
GIVEN = ("test", "valid")  # sides whose rows may be given
_READ_ROWS = 65_536


def choose_salt(corpus: Path, labels: Mapping[str, int], config: PrepareConfig) -> int:
    """Find the salt below 100 whose split of corpus.parquet in folder `corpus` is the most even; of equal ones the smallest.

    `labels` are the rows of each class, as in ingest's report. The chi-square of the rows by class and side is minimised.
    """
    sizes = sorted((count, name) for name, count in labels.items())
    within = int(np.searchsorted(np.cumsum([count for count, _ in sizes]), MOST_ROWS, side="right"))
    code, digest, given = _read(corpus / "corpus.parquet", [name for _, name in sizes[:within]])
    if not len(code):
        return 0
    even = [unevenness(code, digest, _rule(config, salt, given)) for salt in range(CANDIDATES)]
    best = int(np.argmin(even))
    log.info("salt %d: chi-square of classes and sides %.2f, of salt 0 %.2f", best, even[best], even[0])
    return best


def unevenness(code: np.ndarray, digest: np.ndarray, rule: Rule) -> float:
    """Chi-square of the numbers of rows by class and side, and by side in all, against the shares of the rule.

    `code` int64 [M] is the class, `digest` uint64 [M]. Classes too rare to be left to their draws count only in all.
    """
    shares = np.array([1 - rule.test_share - rule.valid_share, rule.valid_share, rule.test_share])
    num = int(code.max()) + 1
    counts = np.bincount(code * 3 + sides_of(draws(digest, rule), rule), minlength=3 * num).reshape(num, 3)
    counts = np.vstack([counts[counts.sum(axis=1) >= RARE], counts.sum(axis=0)])
    wanted = counts.sum(axis=1, keepdims=True) * shares
    return float((np.square(counts - wanted)[:, shares > 0] / wanted[:, shares > 0]).sum())


def _rule(config: PrepareConfig, salt: int, given: Set[str]) -> Rule:
    asked = config.model_copy(update={"split_rule": 2, "salt": salt})
    return Rule.from_config(asked, official="test" in given, official_valid="valid" in given)


def _read(path: Path, names: list[str]) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """Class and digest of each distinct labelled text of these classes that is drawn, and the sides whose rows are given."""
    value_set = pa.array(names, pa.string())
    codes, digests = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    sides: set[str] = set()
    with open_reader(path) as file:
        for batch in file.iter_batches(_READ_ROWS, columns=["label", "split", "sha256"], use_threads=False):
            fixed = pc.is_in(batch.column("split"), value_set=pa.array(GIVEN))
            sides |= {*pc.unique(batch.column("split").filter(fixed)).to_pylist()}
            code = pc.index_in(batch.column("label"), value_set=value_set)
            chosen = pc.and_(pc.is_valid(code), pc.invert(fixed))
            codes.append(code.filter(chosen).to_numpy().astype(np.int64))
            digests.append(digest_words(batch.column("sha256").filter(chosen)))
    code, digest = np.concatenate(codes), np.concatenate(digests)
    digest, first, place = np.unique(digest, return_index=True, return_inverse=True)
    alike = np.ones(len(digest), bool)
    alike[place[code != code[first][place]]] = False  # texts with several labels are left out, or stay for one of them
    return code[first][alike], digest[alike], sides
