"""How rows are dealt into folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.ingest.kept import KIND, PREFIX
from tasks.tune.deal import deal, levelled, read_deal, write_deal
from tasks.tune.groups import read_rows
from tasks.tune.settings import DealConfig
from tests.writers import Row, write_dataset

if TYPE_CHECKING:
    from pathlib import Path

SAID = [
    "profit",
    "of",
    "the",
    "company",
    "rose",
    "to",
    "a",
    "million",
    "euros",
    "from",
    "half",
    "a",
    "million",
    "in",
    "the",
    "third",
    "quarter",
    "of",
    "the",
    "year",
]


def rows_of(number: int) -> list[Row]:
    """So many rows, the second half validation rows, each fifth a near-duplicate of the one before it."""
    rows: list[Row] = []
    for at in range(number):
        tokens = [*SAID, f"word{at - (at % 5 == 4)}"] * 2
        tokens = [*tokens, "indeed"] if at % 5 == 4 else [f"{token}{at}" for token in tokens] if at % 5 < 3 else tokens
        rows.append((f"row/{at}", "train" if at < number // 2 else "valid", "ab"[at % 2], tokens))
    return [*rows, ("blind", "unlabelled", None, SAID)]


@given(
    groups=st.lists(st.integers(0, 12), min_size=30, max_size=80),
    folds=st.integers(2, 6),
    seed=st.integers(0, 3),
    labels=st.data(),
)
def test_a_group_is_in_one_fold_and_rows_that_are_alone_level_the_labels(
    groups: list[int], folds: int, seed: int, labels: st.DataObject
) -> None:
    whole = np.array([*groups, *range(100, 160)])
    names = [labels.draw(st.sampled_from("abc")) for _ in groups] + ["abc"[at % 3] for at in range(60)]
    dealt = deal(names, whole, folds, seed)
    assert all(len(set(dealt[whole == group])) == 1 for group in set(whole))
    assert set(dealt) <= set(range(folds))
    assert (deal(names, whole, folds, seed) == dealt).all()


def test_labels_of_rows_without_groups_are_as_even_as_they_can_be() -> None:
    names = ["rare"] * 7 + ["some"] * 23 + ["most"] * 71
    dealt = deal(names, np.arange(101), 5, 13)
    for name in ("rare", "some", "most"):
        counts = np.bincount(dealt[np.array(names) == name], minlength=5)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(dealt)
    assert sizes.max() - sizes.min() <= 1
    assert (deal(names, np.arange(101), 5, 14) != dealt).any()


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8), st.integers(0, 40))
def test_rows_level_the_counts(counts: list[int], number: int) -> None:
    added = levelled(np.array(counts), np.array(counts), number)
    after = np.array(counts) + added
    assert added.sum() == number
    assert (added >= 0).all()
    assert not added.any() or after[added > 0].max() - after.min() <= 1


def test_near_duplicates_share_a_fold_and_nothing_without_a_label_is_dealt(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", rows_of(60))
    assert write_deal(DealConfig(folds=3, seed=13, similarity=0.8), dataset, tmp_path)["groups"] < 60
    parts = [set(read_deal(tmp_path, fold)) for fold in range(3)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    for at in range(4, 60, 5):
        assert any({f"row/{at}", f"row/{at - 1}"} <= part for part in parts)


def test_rows_of_one_value_share_a_fold(tmp_path: Path) -> None:
    rows = [(f"row/{at}", "train", "ab"[at % 2], [f"word{at}"]) for at in range(40)]
    dataset, corpus = write_dataset(tmp_path / "dataset", rows), tmp_path / "corpus"
    (corpus / "kept").mkdir(parents=True)
    order = [*range(39, -1, -1), 40]  # the corpus has another order, and a row more
    pq.write_table(pa.table({"id": [f"row/{at}" for at in order]}), corpus / "corpus.parquet", write_page_checksum=True)
    column = pa.field(f"{PREFIX}company", pa.string(), metadata={KIND: b"text"})
    values = pa.array([f"company {at % 8}" if at % 10 else None for at in order])
    pq.write_table(pa.table([values], schema=pa.schema([column])), corpus / "kept/kept.parquet", write_page_checksum=True)
    report = write_deal(DealConfig(folds=2, seed=13, column="company"), dataset, tmp_path, corpus=corpus)
    assert report["groups"] == 8 + 4
    part = set(read_deal(tmp_path, 0))
    for company in range(8):
        own = {f"row/{at}" for at in range(40) if at % 8 == company and at % 10}
        assert own <= part or not own & part


def test_too_few_groups_are_refused_in_one_line(tmp_path: Path) -> None:
    rows: list[Row] = [(f"row/{at}", "train", "ab"[at % 2], SAID) for at in range(10)]
    dataset = write_dataset(tmp_path / "dataset", rows)
    with pytest.raises(RequestError, match=r"10 train and validation rows in 1 groups that stay together cannot fill 2 folds"):
        write_deal(DealConfig(folds=2, seed=13), dataset, tmp_path)
    assert len(read_rows(dataset, similarity=None).ids) == 10
