"""Ingest and prepare an IMDB archive with the default settings, without Prefect.

python -m benchmarks.micro.preparation aclImdb_v1.tar.gz --folder EMPTY_FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from tasks.engine.local import LocalPool
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig


def main() -> None:
    """Run both, print seconds and rates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    corpus, prepared = arguments.folder / "corpus", arguments.folder / "prepared"
    corpus.mkdir()
    prepared.mkdir()
    start = time.monotonic()
    write_corpus(IngestConfig(source="imdb", archive=arguments.archive), corpus)
    ingested = time.monotonic()
    report = write_dataset(PrepareConfig(), corpus, prepared, engine=LocalPool(arguments.workers))
    seconds = time.monotonic() - ingested
    answer = {
        "documents": report["found"],
        "tokens": report["tokens"],
        "ingest_seconds": round(ingested - start, 2),
        "prepare_seconds": round(seconds, 2),
        "tokens_per_second": round(report["tokens"] / seconds),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
