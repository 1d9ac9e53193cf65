"""A run finds the labels of its name, and says where models are measured by them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.given_labels import find_labels, tell_of_test_labels
from tasks.ingest.given import CHANGED, CHANGED_SCHEMA
from tasks.labels.import_file import import_labels
from tasks.labels.imports import undo_import
from tests.writers import write_holdout

if TYPE_CHECKING:
    from pathlib import Path


def recorded(root: Path) -> tuple[Any, list[str]]:
    warned: list[str] = []
    config, store = SimpleNamespace(name="news"), SimpleNamespace(data_root=root)
    return SimpleNamespace(config=config, run=SimpleNamespace(store=store), result={}, warn=warned.append), warned


def test_without_labels_in_use_a_run_is_as_it_was(tmp_path: Path) -> None:
    record, _ = recorded(tmp_path)
    assert find_labels(record) is None
    (tmp_path / "a.csv").write_text("text,label\nOne,good\n")
    undo_import(tmp_path, "news", import_labels(tmp_path / "a.csv", tmp_path, "news")["id"])
    assert find_labels(record) is None


def test_corrected_test_rows_are_counted_and_warned_of(tmp_path: Path) -> None:
    record, warned = recorded(tmp_path)
    holdout = write_holdout(tmp_path / "holdout", [(f"r/{at}", "test", "good", ["a"]) for at in range(4)])
    tell_of_test_labels(record, tmp_path, holdout)
    assert (record.result, warned) == ({}, [])
    (tmp_path / CHANGED).parent.mkdir()
    rows = [("r/1", "bad"), ("r/2", None), ("r/9", "bad")]
    changed = [{"id": row, "label": label, "given": "good"} for row, label in rows]
    pq.write_table(pa.Table.from_pylist(changed, CHANGED_SCHEMA), tmp_path / CHANGED)
    tell_of_test_labels(record, tmp_path, holdout)
    assert record.result["test_labels"] == {"corrected": 1, "added": 1}
    assert warned[0].startswith("1 test row has a label that was corrected by textmill label")
