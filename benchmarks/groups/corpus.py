"""textmill with its defaults and the quick peers on a corpus of the user's own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from benchmarks.rows import Group, Row

if TYPE_CHECKING:
    from pathlib import Path

SCORES = ("accuracy", "macro_f1", "test_rows")


def group(corpus: Path, text: str, label: str, test: Path | None) -> Group:
    """The rows. All read the same two tables, made by textmill's own reader: so any layout that it knows will do."""
    columns = f"--text {shlex.quote(text)} --label {shlex.quote(label)}"
    given = f" --test {shlex.quote(str(test.absolute()))}" if test else ""
    tables = f"python -m benchmarks.tables {shlex.quote(str(corpus.absolute()))} {columns}{given} --folder $GROUP"
    own = "--ingest.path $GROUP/train.jsonl --ingest.test-path $GROUP/test.jsonl --runtime.data-root $OWN"

    def peer(name: str, module: str, options: str = "") -> Row:
        command = f"python -m benchmarks.peers.{module} $GROUP/train.jsonl --test $GROUP/test.jsonl{options}"
        return Row(name, command, SCORES, (tables,))

    def textmill(name: str, options: str = "") -> Row:
        command = f"textmill train {own}{options} --json"
        return Row(name, command, (*SCORES, "startup_seconds", "server_seconds"), (tables,))

    return Group(
        name="corpus",
        title=f"A corpus of your own: {corpus.name}",
        about=(
            "textmill with its default settings and peers on the same train and test rows. Without a test part a fifth is held "
            "out; rows that are alike stand on one side."
        ),
        rows=(
            peer("fastText supervised, bigrams", "fasttext_supervised"),
            peer("TF-IDF + logistic regression", "tfidf"),
            peer("TF-IDF of characters + logistic regression", "tfidf", " --characters"),
            peer("NB-weighted n-grams + logistic regression", "nbsvm"),
            textmill("textmill"),
            textmill("textmill bag+cnn", " --finetune.model bag+cnn"),
        ),
        base=("TF-IDF + logistic regression",),
    )
