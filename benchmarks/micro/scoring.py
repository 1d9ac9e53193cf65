"""Label a Parquet file of reviews with a model that is loaded already: textmill's beside fastText's predict.

    python -m benchmarks.micro.scoring reviews aclImdb_v1.tar.gz reviews.parquet
    python -m benchmarks.micro.scoring textmill reviews.parquet labels.parquet --model NAME@ALIAS --data-root FOLDER
    python -m benchmarks.micro.scoring fasttext reviews.parquet labels.parquet --model model.bin

The seconds are those from the file of raw texts to the file of labels: reading, cleaning, tokenizing, labelling, writing; of
several rounds (`--rounds`) the median. textmill's processes go on from one round to the next: each has the model loaded, as the
process of fastText has.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peers.corpus import Columns, read_corpus
from benchmarks.peers.words import line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Labeller = Callable[[Path, Path], int]


def write_reviews(archive: Path, target: Path) -> None:
    """Write the texts of IMDB's test part as a Parquet table."""
    corpus = read_corpus(archive, None, Columns())
    pq.write_table(pa.table({"text": [document.text for document in corpus.test]}), target)


@contextlib.contextmanager
def textmill_labeller(model: str, data_root: Path) -> Iterator[Labeller]:
    """Load a registered model, verified as `textmill score` does it; the processes that label with it end with the block."""
    from tasks.checkout import CHECKOUT
    from tasks.engine.engines import open_engine
    from tasks.ingest.settings import IngestConfig
    from tasks.register.models import load_model
    from tasks.score.score import score_file
    from tasks.tracking.tracker import Tracker

    loaded = load_model(Tracker.open(None, data_root, CHECKOUT, None), model)
    reading, engine = IngestConfig(), open_engine()
    with engine.kept():
        yield lambda source, target: score_file(source, target, reading=reading, loaded=loaded, engine=engine)["scored"]


@contextlib.contextmanager
def fasttext_labeller(model: Path) -> Iterator[Labeller]:
    """Load a fastText model; the texts are cut as it was trained on them."""
    import fasttext

    loaded = fasttext.load_model(str(model))

    def label(source: Path, target: Path) -> int:
        texts = pq.read_table(source)["text"].to_pylist()
        labels, probabilities = loaded.predict([line(text) for text in texts])
        first, confidence = [each[0] for each in labels], [float(each[0]) for each in probabilities]
        columns = {"text": texts, "label": first, "confidence": confidence}
        pq.write_table(pa.table(columns), target, compression="zstd")
        return len(texts)

    yield label


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["reviews", "textmill", "fasttext"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.what == "reviews":
        write_reviews(arguments.source, arguments.target)
        return
    ours = arguments.what == "textmill"
    took = []
    with textmill_labeller(arguments.model, arguments.data_root) if ours else fasttext_labeller(Path(arguments.model)) as label:
        for _ in range(arguments.rounds):
            start = time.monotonic()
            number = label(arguments.source, arguments.target)
            took.append(time.monotonic() - start)
    seconds = statistics.median(took)
    answer = {
        "documents": number,
        "label_seconds": round(seconds, 3),
        "least_seconds": round(min(took), 3),
        "most_seconds": round(max(took), 3),
        "documents_per_second": round(number / seconds),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
