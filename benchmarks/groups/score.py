"""Labelling with a trained model."""

from __future__ import annotations

from benchmarks.groups.imdb import QUICK_SUBSET
from benchmarks.rows import Group, Row

FIGURES = ("documents", "label_seconds", "least_seconds", "most_seconds", "documents_per_second")
ROUNDS = "--rounds 3"


def group(quick: bool) -> Group:
    """The rows; quick ones label a small subset."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    reviews, root = "$GROUP/reviews.parquet", "$GROUP/data"
    subset = (QUICK_SUBSET,) if quick else ()
    write = f"python -m benchmarks.micro.scoring reviews {archive} {reviews}"
    train = (
        f"textmill train --name bag --ingest.archive {archive} --finetune.model bag --prepare.punctuation keep "
        f"--evaluate.yardstick false --runtime.data-root {root} --json"
    )
    fasttext = f"python -m benchmarks.peers.fasttext_supervised {archive} --save $GROUP/fasttext.bin"
    scoring = "python -m benchmarks.micro.scoring"
    return Group(
        name="score",
        title="Labelling the 25,000 reviews of IMDB's test part",
        about=(
            "The whole command is `textmill score`: imports, verification and loading of the model, reading, cleaning, "
            "tokenizing, labelling, writing Parquet. The other rows leave out what comes before the first text: imports and "
            "the model's loading; they label the file three times, all in their `CPU s`; `label seconds` is the median. "
            "textmill's two processes load the model in the first of these."
        ),
        rows=(
            Row(
                "textmill score, the whole command",
                f"textmill score {reviews} $OWN/labels.parquet --model bag@champion --runtime.data-root {root} --json",
                ("scored",),
                (*subset, write, train),
            ),
            Row(
                "textmill, model loaded",
                f"{scoring} textmill {reviews} $OWN/labels.parquet --model bag@champion --data-root {root} {ROUNDS}",
                FIGURES,
                (*subset, write, train),
            ),
            Row(
                "fastText predict, model loaded",
                f"{scoring} fasttext {reviews} $OWN/labels.parquet --model $GROUP/fasttext.bin {ROUNDS}",
                FIGURES,
                (*subset, write, fasttext),
            ),
        ),
    )
