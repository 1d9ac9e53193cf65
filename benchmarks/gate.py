"""How often the gate promotes, and how often wrongly: pairs of real models, simulated nights, nights with real training.

    python -m benchmarks.gate pairs [--data FILE] [--rows 200 1000] [--corpora 10]   how pairs of real models are right together
    python -m benchmarks.gate simulate [--nights 2000]      nights drawn from paired tables with that correlation
    python -m benchmarks.gate years [--chains 20]           1,000 nights in a row: what is lost against the first champion
    python -m benchmarks.gate nights [--data FILE] [--rows 200 1000] [--nights 50] [--splits 10]      real training, no server

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

from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.evaluate.evaluation import predict
from tasks.evaluate.predictions import read_test, write_predictions
from tasks.finetune.settings import FinetuneConfig
from tasks.ingest.schema import CORPUS_SCHEMA, QUARANTINE_SCHEMA
from tasks.prepare.dataset import write_dataset
from tasks.prepare.schema import open_writer
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.progress import SILENT
from tasks.register.evidence import Folds
from tasks.register.folds import FoldsConfig, num_splits, train_recipe, write_folds
from tasks.register.gate import Evidence, GateDecision, Rival, Rule, decide
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
    classifier = train_recipe(made_by, folder / "prepared", folder / "trained")
    (folder / "package").mkdir()
    prepared = folder / "prepared"
    write_package(folder / "trained" / "model", prepared / "dataset", folder / "package", texts=prepared / "texts")
    test = read_test(folder / "prepared" / "holdout")
    probabilities_NC = predict(classifier, test.tokens, prepared / "holdout_texts")
    write_predictions(folder / "predictions.parquet", test, classifier.labels, probabilities_NC)
    served = open_package(folder / "package").TextClassifier(folder / "package")
    table = pq.read_table(outside / "corpus.parquet", columns=["text", "label"])
    best_N = served.probabilities(table["text"].to_pylist()).argmax(1)
    truth = np.array([served.labels[best] == label for best, label in zip(best_N, table["label"].to_pylist(), strict=True)])
    return Made(made_by, folder, truth, tuple(served.labels))


def judge_night(champion: Made, challenger: Made, splits: int, minutes: float = 10.0) -> tuple[GateDecision, GateDecision]:
    """What the gate decides from the test rows alone, and with folds where it asks for them."""
    rows = read_test_rows(challenger.folder / "predictions.parquet")
    served = open_package(champion.folder / "package").TextClassifier(champion.folder / "package")
    loaded = LoadedModel("news", 1, served)
    rival = rival_on(rows, challenger.folder / "prepared" / "holdout_texts", loaded, "champion version 1", SILENT)
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
        dataset, texts = (challenger.folder / "prepared" / part for part in ("dataset", "texts"))
        report = write_folds(config, dataset, texts, challenger.folder / "folds", challenger.folder / "scratch")
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


# Pairs of real models


def run_pairs(data: Path, rows: int, corpora: int) -> None:
    """Train pairs of recipes on corpora of so many rows: how often they are right, and right together."""
    pairs = {
        "one row in fifty is new": (recipe(), recipe(), rows // 50),
        "trained on validation rows too": (recipe(), recipe(refit=True), 0),
        "single words": (recipe(), recipe(ngrams=1), 0),
        "words seen five times only": (recipe(), recipe(ngram_min_documents=5), 0),
        "another kind (bag)": (recipe(), recipe(model="bag"), 0),
    }
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in pairs}
    for number in range(corpora):
        corpus = Corpus.read(data, SEED + number)
        with tempfile.TemporaryDirectory(prefix="pairs-") as name:
            root = Path(name)
            outside = corpus.write(range(rows, len(corpus.texts)), root / "outside")
            for at, (pair, (before, after, fresh)) in enumerate(pairs.items()):
                champion = train_night(corpus, range(rows - fresh), before, root / f"champion-{at}", outside, None)
                challenger = train_night(corpus, range(rows), after, root / f"challenger-{at}", outside, None)
                found[pair].append(_paired(champion, challenger))
    print(f"\n### {corpora} corpora of {rows:,} rows\n")
    print("| challenger | champion right | challenger right | differ in | correlation | deviation of the true difference |")
    print("|---|---|---|---|---|---|")
    for pair, values in found.items():
        before_C, after_C, differ_C, correlation_C = np.array(values).T
        print(
            f"| {pair} | {before_C.mean():.3f} | {after_C.mean():.3f} | {differ_C.mean():.1%} of the rows | "
            f"{correlation_C.mean():.2f} | {100 * (after_C - before_C).std(ddof=1):.1f} points |"
        )


def _paired(champion: Made, challenger: Made) -> tuple[float, ...]:
    """Both accuracies, the share of rows that one alone has right, and the correlation of being right."""
    right = np.array([champion.truth, challenger.truth], float)
    return (*right.mean(1), float((right[0] != right[1]).mean()), float(np.corrcoef(right)[0, 1]))


# Nights drawn from paired tables


@dataclass(frozen=True)
class World:
    """A corpus of so many rows, a fifth of them test rows.

    What folds show deviates from what is true of the registered models, by as much as the true difference deviates between
    corpora: `alike` for models that are right together, `apart` for others. `pairs` measured both.
    """

    rows: int
    alike: float
    apart: float

    def luck(self, correlation: float) -> float:
        """The deviation for two models with this correlation of being right."""
        return self.alike if correlation >= 0.8 else self.apart

    @property
    def test_rows(self) -> int:
        """Test rows."""
        return self.rows // 5

    @property
    def fold_rows(self) -> int:
        """Rows that folds are made of."""
        return self.rows - self.test_rows


WORLDS = (World(200, 0.006, 0.021), World(1_000, 0.004, 0.010), World(25_000, 0.001, 0.003))
ACCURACY = 0.75
CORRELATIONS = {"alike": 0.9, "very different": 0.6}  # of being right; `pairs` measured 0.58 to 0.99
LEADS = (-0.02, -0.01, -0.005, 0.0, 0.01, 0.02)
REDRAWN = 0.05  # of the rows in another partition of the same corpus


def paired_table(champion: float, challenger: float, correlation: float) -> np.ndarray:
    """The probabilities of both right, only the challenger, only the champion, neither: [4]."""
    spread = (champion * (1 - champion) * challenger * (1 - challenger)) ** 0.5
    both = min(champion * challenger + correlation * spread, champion, challenger)
    return np.array([both, challenger - both, champion - both, 1 - champion - challenger + both])


def draw_rows(random: np.random.Generator, table: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows challenger and champion have right: bool [rows] each."""
    kind = random.choice(4, size=rows, p=table)
    return kind <= 1, (kind == 0) | (kind == 2)


def draw_folds(random: np.random.Generator, world: World, lead: float, correlation: float) -> Folds | str:
    """What the step `folds` would find: the rows of each part, and with each new parting a few of them drawn anew."""
    try:
        splits = num_splits(world.fold_rows)
    except RequestError as error:
        return str(error)
    shown = float(np.clip(lead + random.normal(0.0, world.luck(correlation)), -0.5, 1 - ACCURACY - 0.01))
    table = paired_table(ACCURACY, ACCURACY + shown, correlation)
    ours, theirs = draw_rows(random, table, world.fold_rows)
    found: list[float] = []
    for _ in range(splits // 10):
        again, others = draw_rows(random, table, world.fold_rows)
        redrawn = random.random(world.fold_rows) < REDRAWN
        difference = np.where(redrawn, again.astype(int) - others, ours.astype(int) - theirs)
        found += [float(part.mean()) for part in np.array_split(random.permutation(difference), 10)]
    differences = np.array(found)
    return Folds(differences, np.zeros(splits), world.fold_rows * 0.9, world.fold_rows * 0.1, world.fold_rows)


def draw_night(random: np.random.Generator, world: World, lead: float, correlation: float, evidence: Evidence) -> bool:
    """Whether a challenger with this true lead is promoted."""
    ours, theirs = draw_rows(random, paired_table(ACCURACY, ACCURACY + lead, correlation), world.test_rows)
    rule = dataclasses.replace(RULE, evidence=evidence)
    rival = Rival("champion", ("a", "b"), theirs, np.zeros(len(theirs), bool))
    decision = decide(ours, rival.labels, rival, None, rule, promote=PROMOTE)
    if decision.open:
        rival = dataclasses.replace(rival, folds=draw_folds(random, world, lead, correlation))
        decision = decide(ours, rival.labels, rival, None, rule, promote=PROMOTE)
    return decision.verdict == "promoted"


def run_simulation(nights: int) -> None:
    """Shares of nights that promote, by size, correlation, evidence and true lead."""
    random = np.random.default_rng(SEED)
    print("\n| rows | test rows | models | evidence | " + " | ".join(f"{100 * lead:+.1f}" for lead in LEADS) + " |")
    print("|---|---|---|---|" + "---|" * len(LEADS))
    kinds: tuple[Evidence, ...] = ("test", "auto")
    for world in WORLDS:
        for name, correlation in CORRELATIONS.items():
            for evidence in kinds:
                shares = []
                for lead in LEADS:
                    number = nights * (1 + 4 * (lead == -MARGIN))  # the column that is promised something
                    drawn = [draw_night(random, world, lead, correlation, evidence) for _ in range(number)]
                    shares.append(sum(drawn) / number)
                cells = " | ".join(f"{share:.1%}" for share in shares)
                print(f"| {world.rows:,} | {world.test_rows:,} | {name} | `{evidence}` | {cells} |", flush=True)


# 1,000 nights in a row


@dataclass(frozen=True)
class Drawn:
    """A model of a chain: its true accuracy, what it has right of the test rows and of the rows that folds are made of."""

    accuracy: float
    test: np.ndarray
    fold: np.ndarray


CHALLENGERS = (  # mean (None: the first champion's accuracy; else from today's champion's) and deviation of their true accuracy
    ("as good as the first, a point up or down", None, 0.01),
    ("each half the margin worse than the champion", -MARGIN / 2, 0.0),
    ("each worse than the champion by the margin", -MARGIN, 0.0),
)


def run_years(chains: int, nights: int = 1_000) -> None:
    """What is lost against the first champion, by how good the challengers are."""
    print("\n| rows | challengers | promotions | false ones a night | lost after 1,000 nights, points | at worst |")
    print("|---|---|---|---|---|---|")
    for world in WORLDS:
        for name, mean, spread in CHALLENGERS:
            random = np.random.default_rng(SEED)
            chained = [_chain(random, world, nights, mean, spread) for _ in range(chains)]
            promoted, wrong, lost = (np.array(values) for values in zip(*chained, strict=True))
            print(
                f"| {world.rows:,} | {name} | {promoted.mean():.1f} | {wrong.mean() / nights:.2%} | {100 * lost.mean():+.2f} | "
                f"{100 * lost.max():+.2f} |",
                flush=True,
            )


def _chain(random: np.random.Generator, world: World, nights: int, mean: float | None, spread: float) -> tuple[int, int, float]:
    """Promotions, false ones, and the first champion's true accuracy minus the last one's, on test rows that stay the same."""
    hard_T, hard_F = random.normal(size=world.test_rows), random.normal(size=min(world.fold_rows, 10_000))

    def drawn(accuracy: float) -> Drawn:
        return Drawn(accuracy, *(_right(random, hard, accuracy) for hard in (hard_T, hard_F)))

    first = champion = best = drawn(ACCURACY)
    promoted = wrong = 0
    for _ in range(nights):
        center = ACCURACY if mean is None else champion.accuracy + mean
        challenger = drawn(float(np.clip(random.normal(center, spread), 0.05, 0.98)))
        rivals = [champion] if best is champion else [champion, best]
        if _promotes(random, world, challenger, rivals):
            promoted += 1
            wrong += challenger.accuracy <= champion.accuracy - MARGIN + 1e-9
            champion = challenger
            if challenger.test.mean() >= best.test.mean():
                best = challenger
    return promoted, wrong, first.accuracy - champion.accuracy


def _right(random: np.random.Generator, hard: np.ndarray, accuracy: float) -> np.ndarray:
    """Which rows a model has right: those easier than it is good, by what all models share and by what is its own."""
    from scipy.special import ndtri

    shared = SHARED_DIFFICULTY
    own = shared**0.5 * hard + (1 - shared) ** 0.5 * random.normal(size=len(hard))
    return own < ndtri(accuracy)


SHARED_DIFFICULTY = 0.99  # of what makes a row hard; two models with accuracy 0.75 then correlate with 0.9 in being right


def _promotes(random: np.random.Generator, world: World, challenger: Drawn, rivals: Sequence[Drawn]) -> bool:
    seen = np.zeros(world.test_rows, bool)
    against = [Rival("champion", ("a", "b"), rival.test, seen) for rival in rivals]
    pair = (against[0], against[1] if len(against) > 1 else None)
    decision = decide(challenger.test, ("a", "b"), *pair, RULE, promote=PROMOTE)
    if decision.open:
        shown = [
            dataclasses.replace(one, folds=_fold_difference(random, world, challenger.fold, rival.fold))
            for one, rival in zip(against, rivals, strict=True)
        ]
        pair = (shown[0], shown[1] if len(shown) > 1 else None)
        decision = decide(challenger.test, ("a", "b"), *pair, RULE, promote=PROMOTE)
    return decision.verdict == "promoted"


def _fold_difference(random: np.random.Generator, world: World, ours: np.ndarray, theirs: np.ndarray) -> Folds | str:
    """The same rows parted anew, and one draw of luck for all folds of the night."""
    try:
        splits = num_splits(world.fold_rows)
    except RequestError as error:
        return str(error)
    difference = ours.astype(int) - theirs
    partings = [np.array_split(random.permutation(difference), 10) for _ in range(splits // 10)]
    found = np.array([part.mean() for parts in partings for part in parts]) + random.normal(0.0, world.alike)
    return Folds(found, np.zeros(splits), world.fold_rows * 0.9, world.fold_rows * 0.1, world.fold_rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    pairs, simulate, years, nights = (verbs.add_parser(verb) for verb in ("pairs", "simulate", "years", "nights"))
    for verb in (pairs, nights):
        verb.add_argument("--data", type=Path, default=DATA, help="a file of Financial PhraseBank")
        verb.add_argument("--rows", type=int, nargs="+", default=[200, 1000], help="rows of a corpus")
    pairs.add_argument("--corpora", type=int, default=10, help="corpora drawn by chance")
    simulate.add_argument("--nights", type=int, default=2000, help="nights behind each share")
    years.add_argument("--chains", type=int, default=20, help="runs of 1,000 nights")
    nights.add_argument("--nights", type=int, default=50, help="challengers, one after the other")
    nights.add_argument("--splits", type=int, default=10, help="folds where the gate asks for them")
    own = parser.parse_args(arguments)
    if own.verb == "simulate":
        run_simulation(own.nights)
    elif own.verb == "years":
        run_years(own.chains)
    else:
        for rows in own.rows:
            if own.verb == "pairs":
                run_pairs(own.data, rows, own.corpora)
            else:
                run_nights(own.data, rows, own.nights, own.splits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
