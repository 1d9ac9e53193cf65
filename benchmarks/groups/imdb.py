"""IMDB's official split: textmill's presets and their peers, from the archive to test predictions."""

from __future__ import annotations

from benchmarks.rows import Group, Row

QUICK_SUBSET = "python -m benchmarks.subset imdb $DATA/imdb/aclImdb_v1.tar.gz $GROUP/aclImdb_v1.tar.gz --each 150"
SCORES = ("accuracy", "macro_f1")
TEXTMILL = (*SCORES, "intervals.accuracy", "yardstick.accuracy", "startup_seconds", "server_seconds")
TUNED = " --finetune.encoder.model $WEIGHTS --finetune.encoder.precision bfloat16"


def group(quick: bool) -> Group:
    """The rows; quick ones read a small subset of the archive."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    setup = (QUICK_SUBSET,) if quick else ()
    autotune = 5 if quick else 300

    def peer(name: str, module: str, options: str = "", runs: int = 1) -> Row:
        return Row(
            name, f"python -m benchmarks.peers.{module} {archive}{options}", SCORES, setup, limit_seconds=3600, runs=runs
        )

    def preset(name: str, options: str = "", *, runs: int = 1, limit: float = 3600) -> Row:
        command = f"textmill train --preset {name} --ingest.archive {archive}{options} --runtime.data-root $OWN --json"
        return Row(f"textmill {name}", command, TEXTMILL, setup, limit_seconds=limit, runs=runs)

    return Group(
        name="imdb",
        title="IMDB, official split (25,000 train, 25,000 test)",
        about=(
            "Wall and CPU seconds of the whole command, from the archive to accuracy on the test part. The textmill rows go "
            "further, to a registered model with its report, and their start-up (imports, Prefect server) is shown apart too. "
            "The last row adds all-MiniLM-L6-v2, tuned whole, which reads the first and the last 128 pieces of a longer review."
        ),
        rows=(
            peer("tutorial: fastText vectors, mean pooling", "tutorial"),
            peer("fastText supervised, bigrams", "fasttext_supervised"),
            peer(f"fastText supervised, autotuned for {autotune} s", "fasttext_supervised", f" --autotune {autotune}"),
            peer("TF-IDF + logistic regression", "tfidf", runs=3),
            peer("NB-weighted n-grams + logistic regression", "nbsvm"),
            peer("spaCy textcat", "spacy_textcat"),
            preset("imdb-fast", runs=3),
            preset("imdb"),
            preset("imdb-best"),
            preset("imdb-encoder", TUNED, limit=14_400),
        ),
        base=("tutorial: fastText vectors, mean pooling", "TF-IDF + logistic regression"),
    )
