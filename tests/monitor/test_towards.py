"""In the series of a name documents count by what they say of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tasks.monitor.aggregate import count_series
from tasks.monitor.state import MonitorState
from tasks.monitor.towards import about

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def toward(name: str, label: str, negative: float) -> dict[str, Any]:
    return {"name": name, "label": label, "negative": negative, "from": "clause"}


@pytest.fixture
def batch(make_batch: Callable[..., pa.RecordBatch]) -> pa.RecordBatch:
    """Two documents about A and B, of opposite sign, one of an earlier version about A, and one about nobody."""
    both = {"names": ["A", "B"], "towards": [toward("A", "positive", 0.25), toward("B", "negative", 0.75)]}
    batches = [
        make_batch(
            [("2024-03-01", "A rose, B fell", "negative", 0.5), ("2024-03-01", "B fell, A rose", "positive", 0.4)], **both
        ),
        make_batch([("2024-03-01", "A fell", "negative", 0.9)], names=["A"]),
        make_batch([("2024-03-01", "nobody", "positive", 0.1)], towards=[]),
    ]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def test_documents_count_by_what_they_say_of_a_name(batch: pa.RecordBatch) -> None:
    assert sorted(count_series(batch, "negative")) == [
        ("all", "2024-03-01", 4, 2, 1_900_000),
        ("name:A", "2024-03-01", 3, 1, 1_400_000),
        ("name:B", "2024-03-01", 2, 2, 1_500_000),
    ]
    assert sorted(count_series(batch.slice(1, 2), "negative")) == [
        ("all", "2024-03-01", 2, 1, 1_300_000),
        ("name:A", "2024-03-01", 2, 1, 1_150_000),
        ("name:B", "2024-03-01", 1, 1, 750_000),
    ]


def test_documents_about_a_name_have_the_probability_towards_it(batch: pa.RecordBatch) -> None:
    shown = ["text", "label", "negative"]
    assert [tuple(row.values()) for row in about(batch, "A").select(shown).to_pylist()] == [
        ("A rose, B fell", "positive", 0.25),
        ("B fell, A rose", "positive", 0.25),
        ("A fell", "negative", pytest.approx(0.9)),
    ]
    without = batch.select([name for name in batch.schema.names if name != "label"])
    assert about(without, "B")["negative"].to_pylist() == [0.75, 0.75]
    assert about(batch, "C").num_rows == 0


def test_the_latest_negative_documents_are_those_that_are_so_towards_a_name_too(tmp_path: Path, batch: pa.RecordBatch) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        with state.refresh() as transaction:
            transaction.add(batch)
        found = state.latest(10, label="negative")
    assert sorted(found["text"].to_pylist()) == ["A fell", "A rose, B fell", "B fell, A rose"]
