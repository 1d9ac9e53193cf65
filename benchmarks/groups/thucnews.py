"""THUCNews titles, Chinese: trained on the official dev part, tested on the official test part, by characters."""

from __future__ import annotations

from benchmarks.rows import Group, Row

SCORES = ("accuracy", "macro_f1")


def group(quick: bool) -> Group:
    """The rows; quick ones read small subsets."""
    train, test = ("$GROUP/dev.txt", "$GROUP/test.txt") if quick else ("$DATA/thucnews/dev.txt", "$DATA/thucnews/test.txt")
    setup = tuple(
        f"python -m benchmarks.subset lines $DATA/thucnews/{part}.txt $GROUP/{part}.txt --each 400" for part in ("dev", "test")
    )
    names = " --ingest.label-names $DATA/thucnews/class.txt"
    common = f"--ingest.path {train} --ingest.test-path {test}{names} --runtime.data-root $OWN --json"

    def peer(name: str, module: str, options: str = "") -> Row:
        return Row(name, f"python -m benchmarks.peers.{module} {train} --test {test}{options}", SCORES, setup if quick else ())

    return Group(
        name="thucnews",
        title="THUCNews titles, 10 classes (10,000 train, 10,000 test)",
        about=(
            "Short Chinese titles. textmill's yardstick, TF-IDF + logistic regression on one and two characters, reads the "
            "same train rows. Published figures train on 180,000 titles and cannot be compared."
        ),
        rows=(
            peer("TF-IDF of 1 to 3 characters + logistic regression", "tfidf", " --characters"),
            Row(
                "textmill thucnews",
                f"textmill train --preset thucnews {common}",
                (*SCORES, "yardstick.accuracy", "yardstick.macro_f1", "startup_seconds"),
                setup if quick else (),
            ),
        ),
        base=("TF-IDF of 1 to 3 characters + logistic regression",),
    )
