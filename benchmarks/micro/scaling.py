"""What prepare, finetune (bag) and score cost on IMDB's labelled train reviews repeated once, 4 or 40 times: up to a million.

    python -m benchmarks.micro.scaling aclImdb_v1.tar.gz --times 40 --folder EMPTY_FOLDER

Every copy has 7% of its words exchanged for words drawn from the whole text, so that none duplicates another; the rarest n-gram
that is kept grows with the number of copies, so that the vocabulary does not. Each stage runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import measure
from benchmarks.passages import exchanged, word_pool
from benchmarks.peers.corpus import Columns, Document, read_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EPOCHS = 2
# A word triple stays whole in 0.93^3 = 80% of the copies, so what stood in two reviews stands in about 1.6 a copy.
MIN_DOCUMENTS_A_COPY = 1.5
STAGES = ("prepare", "finetune", "score")
ROWS_AT_ONCE = 1000


def write_corpus(archive: Path, times: int, folder: Path, limit: int | None) -> int:
    """Write ingest's Parquet table with each labelled train review `times` times; return the number of rows."""
    from tasks.ingest.schema import CORPUS, CORPUS_SCHEMA, QUARANTINE, QUARANTINE_SCHEMA

    documents = read_corpus(archive, None, Columns()).train
    documents = documents[:: max(1, len(documents) // limit)] if limit else documents
    folder.mkdir(parents=True)
    pq.write_table(QUARANTINE_SCHEMA.empty_table(), folder / QUARANTINE)
    with pq.ParquetWriter(folder / CORPUS, CORPUS_SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for rows in _copies(documents, times):
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=CORPUS_SCHEMA))
    return len(documents) * times


def _copies(documents: Sequence[Document], times: int) -> Iterator[list[dict[str, Any]]]:
    random = np.random.default_rng(13)
    pool = word_pool(documents)
    for copy in range(times):
        for start in range(0, len(documents), ROWS_AT_ONCE):
            rows = []
            for number, (text, label) in enumerate(documents[start : start + ROWS_AT_ONCE], start):
                text = exchanged(text, pool, random)
                digest = hashlib.sha256(text.encode()).hexdigest()
                source = f"{copy}/{number}"
                rows.append({"id": source, "text": text, "label": label, "split": None, "source": source, "sha256": digest})
            yield rows


def prepare(folder: Path, times: int) -> dict[str, Any]:
    """Corpus to dataset, a process a core."""
    from tasks.engine.engines import open_engine
    from tasks.prepare.dataset import write_dataset
    from tasks.prepare.settings import PrepareConfig

    (folder / "prepared").mkdir()
    report = write_dataset(PrepareConfig(), folder / "corpus", folder / "prepared", engine=open_engine())
    return {"documents": report["found"], "kept": report["kept"]}


def finetune(folder: Path, times: int) -> dict[str, Any]:
    """Dataset to a bag of n-grams, two epochs."""
    from tasks.finetune.settings import FinetuneConfig
    from tasks.finetune.train import write_model

    for name in ("model", "scratch"):
        (folder / name).mkdir()
    min_documents = max(2, round(MIN_DOCUMENTS_A_COPY * times))
    config = FinetuneConfig(model="bag", bag={"epochs": EPOCHS, "min_documents": min_documents})
    report = write_model(config, folder / "prepared" / "dataset", None, folder / "model", folder / "scratch")
    return {"valid_accuracy": report["valid_accuracy"], "parameters": report["parameters"]}


def score(folder: Path, times: int) -> dict[str, Any]:
    """Every text of the corpus to a label, with the model as a package serves it."""
    from tasks.engine.engines import open_engine
    from tasks.ingest.settings import IngestConfig
    from tasks.model.serving import TEXT, TextClassifier
    from tasks.register.models import LoadedModel
    from tasks.score.score import score_file

    package = folder / "package"
    package.mkdir()
    (package / "model").symlink_to(folder / "model")
    shutil.copyfile(folder / "prepared" / "dataset" / TEXT, package / TEXT)
    loaded = LoadedModel("bag", 1, TextClassifier(package))
    source, target = folder / "corpus" / "corpus.parquet", folder / "labels.parquet"
    report = score_file(source, target, reading=IngestConfig(), loaded=loaded, engine=open_engine())
    return {"scored": report["scored"]}


def main() -> None:
    """Measure the three stages, or be one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="read only about so many reviews")
    parser.add_argument("--stage", choices=STAGES)
    arguments = parser.parse_args()
    if arguments.stage:
        stage = {"prepare": prepare, "finetune": finetune, "score": score}[arguments.stage]
        print(json.dumps(stage(arguments.folder, arguments.times)))
        return
    num_rows = write_corpus(arguments.archive, arguments.times, arguments.folder / "corpus", arguments.limit)
    answer: dict[str, Any] = {"corpus": num_rows}
    for name in STAGES:
        answer[name] = measure_stage(name, sys.argv[1:])
    print(json.dumps(answer))


def measure_stage(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Run this program again as one stage; its seconds, memory in MB, and what it prints."""
    with tempfile.TemporaryFile() as output:
        done = measure([sys.executable, "-m", "benchmarks.micro.scaling", *words, "--stage", name], stdout=output)
        if done.returncode:
            sys.exit(done.returncode)
        output.seek(0)
        said = json.loads(output.read().splitlines()[-1])
    names = ("seconds", "cpu_seconds", "peak_mb", "tree_peak_mb")
    return {name: round(getattr(done, name), 2) for name in names} | said


if __name__ == "__main__":
    main()
