"""A folder that `save_to_disk` of Hugging Face's library wrote, in the form that version 5.2 of it writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tasks.documents.inputs import input_of
from tasks.documents.layout import Asked, Notes
from tasks.documents.reading import Reading
from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import SimpleNamespace


def save(folder: Path, rows: Sequence[tuple[str, int]], shards: int = 1, **state: Any) -> Path:
    """Write one split: Arrow streams, and what is said of them."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05}-of-{shards:05}.arrow" for number in range(shards)]
    size = -(-len(rows) // shards)
    for number, name in enumerate(names):
        texts, labels = zip(*rows[number * size : (number + 1) * size], strict=True)
        table = pa.table(
            {"text": pa.array(texts, pa.string()), "label": pa.array(labels, pa.int64()), "year": [2024] * len(texts)}
        )
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, max_chunksize=2)
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "year": {"dtype": "int64", "_type": "Value"},
    }
    (folder / "dataset_info.json").write_text(json.dumps({"citation": "", "features": features, "license": ""}))
    files = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "17cb0f1944a0c97a", "_split": None}
    (folder / "state.json").write_text(json.dumps(files | state))
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A set with four splits."""
    folder = tmp_path / "set"
    for split in ("train", "validation", "test"):
        save(folder / split, [(f"{split} {n}", n % 2) for n in range(6)], shards=2 if split == "train" else 1)
    save(folder / "unsupervised", [("nobody knows", -1)])
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "validation", "test", "unsupervised"]}')
    return folder


def test_splits_and_names_of_classes_are_those_of_the_set(saved: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    found = ingest(path=saved, keep=("year",))
    assert found.report["splits"] == {"test": 6, "train": 6, "unlabelled": 1, "valid": 6}
    assert found.labels["train/data-00001-of-00002.arrow:0"] == "pos"
    assert found.labels["unsupervised/data-00000-of-00001.arrow:0"] is None
    assert found.report["columns"] == {"year": "number"}
    one = ingest(path=saved / "train", test_path=saved / "test", valid_path=saved / "validation")
    assert one.report["splits"] == {"test": 6, "train": 6, "valid": 6}


def test_texts_of_a_set_are_scored(saved: Path) -> None:
    records = input_of(Asked(saved, Reading(second="none"))).records(Notes())
    assert sum(1 for _ in records) == 19


def test_what_is_wrong_with_a_set_is_one_line(saved: Path, tmp_path: Path) -> None:
    def said(**options: Any) -> str:
        with pytest.raises(RequestError) as raised:
            check_request(IngestConfig(**options))
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert "has a split test; leave the option out" in said(path=saved, test_path=saved / "test")
    assert "has a split validation; leave the option out" in said(path=saved, valid_path=saved / "validation")
    assert "no column 'words'" in said(path=saved, text="words")
    assert "neither dataset_dict.json nor state.json" in said(path=tmp_path, source="datasets")
    early = save(tmp_path / "early", [("a", 0)], _indices_data_files=[{"filename": "indices.arrow"}])
    assert "an early version saved it with an index" in said(path=early)
    (early / "state.json").write_text((saved / "test/state.json").read_text())
    (early / "dataset_info.json").write_text('{"features": [1]}')
    assert "its features are not an object" in said(path=early)
    (saved / "train/data-00001-of-00002.arrow").unlink()
    assert "data-00001-of-00002.arrow: state.json lists it, and it is not there" in said(path=saved)
    (saved / "dataset_dict.json").write_text('{"splits": ["train", "extra"]}')
    assert "split 'extra' is not one of train, test" in said(path=saved)
    (saved / "dataset_dict.json").write_text("{")
    assert "not readable JSON" in said(path=saved)
    (early / "state.json").write_text('{"_data_files": [{"filename": "../train.arrow"}]}')
    assert "it lists no files of this folder" in said(path=early)


def test_a_stream_that_ends_half_way_is_told(saved: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = saved / "test/data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(RequestError, match=r"data-00000-of-00001\.arrow: .*after row"):
        ingest(path=saved)
