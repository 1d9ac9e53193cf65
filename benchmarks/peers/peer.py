"""What every peer's program does: read the corpus, classify the test part, print accuracy, macro-F1 and seconds by stage."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers.corpus import Columns, Corpus, read_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Stages:
    """Wall seconds by the name of a stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside to the stage `name`."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - start, 2)


def parser() -> argparse.ArgumentParser:
    """Arguments that all peers take; a peer may add its own."""
    made = argparse.ArgumentParser()
    made.add_argument("corpus", type=Path, help="IMDB archive or folder, folder with one folder a label, or table")
    made.add_argument("--test", type=Path, help="test part, in the same layout; IMDB has its own")
    made.add_argument("--text", default="text", help="name or position of a table's text column")
    made.add_argument("--label", default="label", help="name or position of a table's label column")
    made.add_argument("--encoding", default="utf-8", help="character encoding of the corpus")
    return made


def run_peer(classify: Callable[[Corpus, Stages, argparse.Namespace], Sequence[str]], arguments: argparse.Namespace) -> None:
    """Read, classify and print one JSON line; `classify` gives a label for each test document."""
    stages = Stages()
    with stages.stage("read"):
        corpus = read_corpus(arguments.corpus, arguments.test, Columns(arguments.text, arguments.label, arguments.encoding))
    predicted = classify(corpus, stages, arguments)
    print(json.dumps(scores([document.label for document in corpus.test], predicted) | {"stages": stages.seconds}))


def scores(labels: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro-F1 (over the labels that occur in the test part), and the number of test rows."""
    from sklearn.metrics import accuracy_score, f1_score

    present = sorted(set(labels))
    return {
        "accuracy": round(float(accuracy_score(labels, predicted)), 5),
        "macro_f1": round(float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0)), 5),
        "test_rows": len(labels),
    }
