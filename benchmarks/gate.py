"""How often the gate promotes, and how often wrongly: pairs of real models, simulated nights, nights with real training.

    python -m benchmarks.gate pairs [--data FILE]              how often real pairs of models are right and wrong together
    python -m benchmarks.gate simulate [--nights 2000]         nights drawn from paired tables with that correlation
    python -m benchmarks.gate years [--chains 20]              1,000 nights in a row: what is lost against the first champion
    python -m benchmarks.gate nights [--data FILE] [--rows 200 1000] [--nights 50] [--splits 10]   real training, no server

A promotion is false if the challenger's true accuracy is lower than the champion's by the margin or more. Tables in Markdown go
to stdout; docs/GATE.md has them. `--data` is a file of Financial PhraseBank (`sentence@label` in Latin-1).
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.config import AlignConfig, FinetuneConfig, PrepareConfig, PretrainConfig
from tasks.evaluate.evaluation import predict
from tasks.evaluate.predictions import read_test, write_predictions
from tasks.ingest.schema import CORPUS_SCHEMA, QUARANTINE_SCHEMA
from tasks.prepare.dataset import write_dataset
from tasks.prepare.schema import open_writer
from tasks.progress import SILENT
from tasks.register.evidence import Folds
from tasks.register.folds import FoldsConfig, train_recipe, write_folds
from tasks.register.gate import Decision, Rule, decide
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.register.package import write_package
from tasks.register.recipe import Recipe
from tasks.register.rivals import read_test_rows, rival_on

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path("../shared/data/financial_phrasebank/Sentences_50Agree.txt")
MARGIN = 0.01
RULE = Rule("not_worse", MARGIN, "auto")
PROMOTE = "textmill models promote 2"
SEED = 13


# Nights with real training


@dataclass(frozen=True)
class Corpus:
    """Sentences and labels, in an order drawn by chance: a corpus of n rows is the first n."""

    texts: list[str]
    labels: list[str]

    @classmethod
    def read(cls, path: Path, seed: int) -> Corpus:
        """Read `sentence@label` lines; of equal sentences the first is kept."""
        lines = path.read_bytes().decode("latin-1").split("\n")
        pairs = {line.rpartition("@")[0]: line.rpartition("@")[2].strip() for line in reversed(lines) if "@" in line}
        order = np.random.default_rng(seed).permutation(len(pairs))
        items = list(pairs.items())
        return cls([items[at][0] for at in order], [items[at][1] for at in order])

    def write(self, rows: range, folder: Path, labels: Sequence[str] | None = None) -> Path:
        """Write rows as ingest writes them; `labels` are others in place of their own."""
        folder.mkdir(parents=True)
        given = labels if labels is not None else [self.labels[at] for at in rows]
        table = [
            {
                "id": f"{at:06d}",
                "text": self.texts[at],
                "label": label,
                "split": None,
                "source": "made",
                "sha256": hashlib.sha256(self.texts[at].encode()).hexdigest(),
            }
            for at, label in zip(rows, given, strict=True)
        ]
        with open_writer(folder / "corpus.parquet", CORPUS_SCHEMA) as writer:
            writer.write_table(pa.Table.from_pylist(table, schema=CORPUS_SCHEMA))
        with open_writer(folder / "quarantine.parquet", QUARANTINE_SCHEMA):
            pass
        return folder


@dataclass(frozen=True)
class Made:
    """A model of one night: its recipe, package, dataset and corpus, and what it has right of the rows nobody trained on."""

    recipe: Recipe
    folder: Path
    truth: np.ndarray
    labels: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """On the rows outside of every night's corpus."""
        return float(self.truth.mean())


def recipe(**finetune: Any) -> Recipe:
    """A linear model on TF-IDF, unless told otherwise."""
    settings = {"model": "tfidf", "ngrams": 2, "ngram_min_documents": 1, "threads": 1} | finetune
    return Recipe(
        prepare=PrepareConfig(near_duplicates=False, tokenizer="word"),
        pretrain=PretrainConfig(),
        align=AlignConfig(),
        finetune=FinetuneConfig(**settings),
    )


CHALLENGES: dict[str, tuple[dict[str, Any], float]] = {  # settings, and the share of the night's new labels that are wrong
    "the same recipe, new rows": ({}, 0.0),
    "the same recipe, new rows with half of the labels wrong": ({}, 0.5),
    "trained on validation rows too": ({"refit": True}, 0.0),
    "single words": ({"ngrams": 1}, 0.0),
    "balanced classes": ({"class_weights": "balanced"}, 0.0),
    "words seen twice only": ({"ngram_min_documents": 2}, 0.0),
    "words seen five times only": ({"ngram_min_documents": 5}, 0.0),
}


def train_night(corpus: Corpus, rows: range, made_by: Recipe, folder: Path, outside: Path, wrong: Sequence[str] | None) -> Made:
    """Prepare, train, evaluate and package as the training flow does."""
    at = corpus.write(rows, folder / "corpus", wrong)
    (folder / "prepared").mkdir()
    write_dataset(made_by.prepare, at, folder / "prepared")
    (folder / "trained").mkdir()
    classifier = train_recipe(made_by, folder / "prepared" / "dataset", folder / "trained")
    (folder / "package").mkdir()
    write_package(folder / "trained" / "model", folder / "prepared" / "dataset", folder / "package")
    test = read_test(folder / "prepared" / "holdout")
    write_predictions(folder / "predictions.parquet", test, classifier.labels, predict(classifier, test.tokens))
    served = open_package(folder / "package").TextClassifier(folder / "package")
    table = pq.read_table(outside / "corpus.parquet", columns=["text", "label"])
    best_N = served.probabilities(table["text"].to_pylist()).argmax(1)
    truth = np.array([served.labels[best] == label for best, label in zip(best_N, table["label"].to_pylist(), strict=True)])
    return Made(made_by, folder, truth, tuple(served.labels))


def judge_night(champion: Made, challenger: Made, splits: int, minutes: float = 10.0) -> tuple[Decision, Decision]:
    """What the gate decides from the test rows alone, and with folds where it asks for them."""
    rows = read_test_rows(challenger.folder / "predictions.parquet")
    served = open_package(champion.folder / "package").TextClassifier(champion.folder / "package")
    loaded = LoadedModel("news", 1, served)
    rival = rival_on(rows, challenger.folder / "corpus" / "corpus.parquet", loaded, "champion version 1", SILENT)
    alone = decide(rows.correct, challenger.labels, rival, None, dataclasses.replace(RULE, evidence="test"), promote=PROMOTE)
    decision = decide(rows.correct, challenger.labels, rival, None, RULE, promote=PROMOTE)
    if decision.open:
        for name in ("folds", "scratch"):
            (challenger.folder / name).mkdir()
        config = FoldsConfig(
            challenger=challenger.recipe,
            champion=champion.recipe,
            champion_package=champion.folder / "package",
            splits=splits,
            seconds=60 * minutes,
        )
        corpus, dataset = challenger.folder / "corpus", challenger.folder / "prepared" / "dataset"
        report = write_folds(config, corpus, dataset, challenger.folder / "folds", challenger.folder / "scratch")
        found = Folds.of(report, "champion") if report["differences"] else report["reasons"]["champion"]
        rival = dataclasses.replace(rival, folds=found)
        decision = decide(rows.correct, challenger.labels, rival, None, RULE, promote=PROMOTE)
    return alone, decision


def run_nights(data: Path, rows: int, nights: int, splits: int) -> None:
    """A corpus that grows by one row in fifty each night, and a challenger a night; the champion is who was promoted last."""
    corpus = Corpus.read(data, SEED)
    pool = range(rows * 2, len(corpus.texts))  # rows of no night: the truth
    random = np.random.default_rng(SEED)
    print(f"\n### {nights} nights from {rows:,} rows on, {len(pool):,} rows for the truth\n")
    print("| night | rows | challenger | truth, points | test rows alone | with folds | why |")
    print("|---|---|---|---|---|---|---|")
    counts = dict.fromkeys(("alone", "both", "alone_false", "both_false", "not_lower"), 0)
    with tempfile.TemporaryDirectory(prefix="nights-") as name:
        root = Path(name)
        outside = corpus.write(pool, root / "outside")
        champion = first = train_night(corpus, range(rows), recipe(), root / "first", outside, None)
        kinds = list(CHALLENGES)
        for night in range(1, nights + 1):
            kind = kinds[(night - 1) % len(kinds)]
            settings, wrong = CHALLENGES[kind]
            here = range(rows + night * rows // 50)
            labels = [corpus.labels[at] for at in here]
            for at in here[-max(1, rows // 50) * 5 :] if wrong else ():  # the last five nights' rows
                if random.random() < wrong:
                    labels[at] = str(random.choice([label for label in sorted(set(labels)) if label != labels[at]]))
            challenger = train_night(corpus, here, recipe(**settings), root / f"{night}", outside, labels)
            alone, both = judge_night(champion, challenger, splits)
            lead = challenger.accuracy - champion.accuracy
            verdicts = [decision.verdict == "promoted" for decision in (alone, both)]
            counts["alone"] += verdicts[0]
            counts["both"] += verdicts[1]
            counts["alone_false"] += verdicts[0] and lead <= -MARGIN
            counts["both_false"] += verdicts[1] and lead <= -MARGIN
            counts["not_lower"] += lead > -MARGIN
            why = both.reason.partition(";")[0]
            print(
                f"| {night} | {len(here):,} | {kind} | {100 * lead:+.1f} | {alone.verdict} | {both.verdict} | {why} |",
                flush=True,
            )
            if verdicts[1]:
                champion = challenger
    print(
        f"\nPromoted by the test rows alone {counts['alone']} ({counts['alone_false']} falsely), with folds {counts['both']} "
        f"({counts['both_false']} falsely); {counts['not_lower']} of {nights} challengers were not lower by the margin. "
        f"The last champion has {100 * (champion.accuracy - first.accuracy):+.1f} points on the first."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    nights = verbs.add_parser("nights")
    nights.add_argument("--data", type=Path, default=DATA)
    nights.add_argument("--rows", type=int, nargs="+", default=[200, 1000])
    nights.add_argument("--nights", type=int, default=50)
    nights.add_argument("--splits", type=int, default=10)
    own = parser.parse_args(arguments)
    for rows in own.rows:
        run_nights(own.data, rows, own.nights, own.splits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
