"""Turn a corpus of any layout that textmill reads into train.jsonl and test.jsonl, so that every peer gets the same rows.

    python -m benchmarks.tables reviews.csv --text body --label stars --folder FOLDER [--test test.csv]

The rows are those that prepare keeps: duplicates of other rows are left out, and without a test part a fifth is held out, with
nearly equal texts on one side.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from tasks.ingest.corpus import write_corpus
from tasks.ingest.schema import CORPUS
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import iter_batches
from tasks.prepare.settings import PrepareConfig


def write_tables(config: IngestConfig, folder: Path) -> dict[str, int]:
    """Write both tables (columns text and label); return their numbers of rows."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        corpus, prepared = Path(name, "corpus"), Path(name, "prepared")
        corpus.mkdir()
        prepared.mkdir()
        write_corpus(config, corpus)
        write_dataset(PrepareConfig(), corpus, prepared)
        part_of = {
            identity: part
            for part, found, splits in (("train", "dataset", ("train", "valid")), ("test", "holdout", ("test",)))
            for batch in iter_batches(prepared / found, splits, ["id"])
            for identity in batch.column("id").to_pylist()
        }
        counts = {"train": 0, "test": 0}
        files = {part: (folder / f"{part}.jsonl").open("w", encoding="utf-8") for part in counts}
        for batch in pq.ParquetFile(corpus / CORPUS).iter_batches(columns=["id", "text", "label"]):
            for row in batch.to_pylist():
                if part := part_of.get(row.pop("id")):  # no row that prepare drops, such as one that repeats a test row
                    files[part].write(json.dumps(row, ensure_ascii=False) + "\n")
                    counts[part] += 1
        for file in files.values():
            file.close()
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    ingest = IngestConfig(path=given.corpus, test_path=given.test, text=given.text, label=given.label)
    print(json.dumps(write_tables(ingest, given.folder)))
