"""Train two or three recipes anew on the same splits of a dataset, and count which rows outside they have right.

A split holds a tenth of the train and validation rows, labels spread evenly, as an official test split, so that
prepare takes duplicates and near duplicates of them out of the training rows. Ten splits hold every row once;
then the rows are parted anew. The test rows of the run take no part: they and the folds are evidence apart.

The challenger's recipe gets all other rows, a rival's those of them that the registered rival was trained on: so
the gain or loss by the rows that came in since counts too. A challenger that went on from the champion goes on from the
champion's model of the same split here too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.align.matrix import write_matrix
from tasks.crash import crash_point
from tasks.durable import replaced
from tasks.errors import RequestError
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import f1_scores, outcomes
from tasks.evaluate.predictions import read_test
from tasks.finetune.quiet import quiet_training
from tasks.finetune.train import write_model
from tasks.ingest.schema import CORPUS_SCHEMA, QUARANTINE_SCHEMA
from tasks.model.classifier import Classifier
from tasks.model.serving import HASHES
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import iter_with_texts
from tasks.prepare.schema import open_writer
from tasks.pretrain.vectors import train_vectors
from tasks.progress import SILENT
from tasks.register.load import open_package
from tasks.register.recipe import Recipe
from tasks.section import Section
from tasks.warm.begin import write_begin
from tasks.warm.known import write_start
from tasks.warm.settings import BeginConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.progress import Progress

log = logging.getLogger(__name__)

REPORT = "folds.json"
PARTS = 10  # splits that hold every row once; fewer do not count as evidence
SPLITS = (30, 20, 10)  # as many as the bounds allow; beyond thirty an interval hardly shrinks (docs/GATE.md)
MAX_FITTED_ROWS = 100_000  # rows times splits that one recipe is trained on
KNOWN_SHARE = 0.9  # of the rows that a rival was trained on, which the corpus must still have
TRIAL = 2  # splits after which it is foreseen how long all will take
SEED = 13
BATCH_ROWS = 4096
CHALLENGER, CHAMPION = "challenger", "champion"
RAN_OUT = (RequestError, ValueError, KeyError, TypeError, RuntimeError, ArithmeticError)  # of a recipe that no longer runs


class FoldsConfig(Section):
    """The challenger's recipe, and those of registered models with their packages.

    `goes_on`: the challenger was trained on from the champion.
    """

    challenger: Recipe
    champion: Recipe
    champion_package: Path
    best: Recipe | None = None
    best_package: Path | None = None
    splits: int
    seconds: float  # within which ten splits have to be done, and after which no further one is begun
    goes_on: bool = False

    @property
    def rivals(self) -> dict[str, tuple[Recipe, Path]]:
        """Recipe and package by role, `champion` and `best`."""
        found = {CHAMPION: (self.champion, self.champion_package)}
        if self.best is not None and self.best_package is not None:
            found["best"] = (self.best, self.best_package)
        return found


@dataclass(frozen=True)
class FoldRows:
    """The rows that take part: a table such as ingest writes, which rows have a label, and those each model may read."""

    table: pa.Table
    labelled: np.ndarray
    known: dict[str, np.ndarray]


def num_splits(rows: int) -> int:
    """How many splits so many rows are parted into at most; RequestError if they are too many."""
    within = [splits for splits in SPLITS if rows * splits <= MAX_FITTED_ROWS]
    if not within:
        raise RequestError(f"{rows:,} rows are too many to train on folds of them (at most {MAX_FITTED_ROWS // SPLITS[-1]:,})")
    return within[0]


def write_folds(
    config: FoldsConfig,
    dataset: Path,
    texts: Path,
    folder: Path,
    scratch: Path,
    *,
    weights: Path | None = None,
    embedded: Path | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measure every split and write folds.json; the report has each rival's differences, or the reason why it has no result.

    `dataset` is prepare's folder with the rows that may be trained on, `texts` the one with their texts; `weights`
    and `embedded` are of the steps of these names, for recipes that read what these make. A split that `scratch`
    has from an interrupted call is not trained again. A rival whose recipe does not run any more is left out with the reason.
    A slow machine gets through fewer splits in its time; if that would be fewer than ten, it stops after two.
    """
    rows, reasons = _read_rows(config, dataset, texts)
    recipes = {CHALLENGER: config.challenger} | {role: recipe for role, (recipe, _) in config.rivals.items()}
    if config.goes_on:  # the champion's model first
        recipes = {CHAMPION: recipes[CHAMPION]} | recipes
        if CHAMPION in reasons:
            reasons = dict.fromkeys(config.rivals, reasons[CHAMPION])
    measured: list[dict[str, Any]] = []
    start = time.monotonic()
    took: list[float] = []  # seconds of each split
    with quiet_training():
        for number, test in enumerate(_splits(rows, config.splits)):
            if reasons.keys() >= config.rivals.keys():
                break
            kept = scratch / f"split-{number}.json"
            if not kept.is_file():
                began = time.monotonic()
                # The first split imports libraries, so the quickest foretells the time of ten.
                if began - start > config.seconds or (len(took) >= TRIAL and min(took) * PARTS > config.seconds):
                    break
                given = {"weights": weights, "embedded": embedded}
                outcome = _measure(recipes, rows, test, folder, reasons, given, goes_on=config.goes_on)
                took.append(time.monotonic() - began)
                with replaced(kept) as partial:
                    partial.write_text(json.dumps(outcome), encoding="utf-8")
                crash_point("folds.split")
            measured.append(json.loads(kept.read_text(encoding="utf-8")))
            progress.advance(number + 1, config.splits, "folds")
    report = _report(config, measured, rows, reasons)
    (folder / REPORT).write_text(json.dumps(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report


def train_recipe(
    recipe: Any, prepared: Path, folder: Path, *, weights: Path | None = None, embedded: Path | None = None
) -> Classifier:
    """Pretrain, align and fine-tune in `folder` as the training flow does; `recipe` has these three sections.

    `prepared` is the folder that prepare has written, `weights` and `embedded` those of the steps of these names.
    """
    dataset = prepared / "dataset"
    places = {name: folder / name for name in ("vectors", "aligned", "model", "scratch")}
    for place in places.values():
        place.mkdir()
    aligned = None
    if recipe.finetune.needs_vectors:
        vectors = None
        if recipe.align.vectors is None and recipe.pretrain.enabled:
            vectors = places["vectors"]
            train_vectors(recipe.pretrain, dataset, vectors)
        aligned = places["aligned"]
        write_matrix(recipe.align, dataset, vectors, aligned)
    write_model(
        recipe.finetune,
        dataset,
        aligned,
        places["model"],
        places["scratch"],
        texts=prepared / "texts",
        weights=weights,
        embedded=embedded,
    )
    return Classifier.load(places["model"], embedded)


def train_on(recipe: Any, prepared: Path, former: Path, folder: Path) -> Classifier:
    """Train on from the model that `train_recipe` made in `former`, as the training flow goes on from a champion.

    Where that is no start for these rows, the recipe is trained anew.
    """
    for place in (start := folder / "start", begun := folder / "begun"):
        place.mkdir()
    write_start(former / "model", former / "dataset", start)
    how = BeginConfig(champion=start, seed=recipe.finetune.seed, refit=recipe.finetune.refit)
    if write_begin(how, prepared / "dataset", begun)["reason"]:
        return train_recipe(recipe, prepared, folder)
    for place in (model := folder / "model", scratch := folder / "scratch"):
        place.mkdir()
    write_model(recipe.finetune, begun / "dataset", None, model, scratch, former=begun / "former")
    return Classifier.load(model)


def _read_rows(config: FoldsConfig, dataset: Path, texts: Path) -> tuple[FoldRows, dict[str, str]]:
    """The rows of train and valid, those without a label if a recipe reads them, and the rivals that cannot be measured."""
    recipes = [config.challenger, *(recipe for recipe, _ in config.rivals.values())]
    wanted = ("train", "valid", "unlabelled") if any(recipe.reads_unlabelled for recipe in recipes) else ("train", "valid")
    batches = [_as_ingested(batch) for batch in iter_with_texts(dataset, texts, wanted, ["id", "label"])]
    table = pa.Table.from_batches(batches, CORPUS_SCHEMA).combine_chunks()
    labelled = pc.is_valid(table.column("label")).to_numpy().astype(bool)
    documents = table.column("text").to_pylist()
    known = {CHALLENGER: np.ones(len(table), bool)}
    reasons = {}
    for role, (recipe, package) in config.rivals.items():
        model = open_package(package).TextClassifier(package)
        trained_on = model.trained_on(documents) & labelled
        had = len(np.load(package / HASHES, allow_pickle=False))
        known[role] = trained_on | ~labelled
        if trained_on.sum() < KNOWN_SHARE * had:
            reasons[role] = f"the corpus has {int(trained_on.sum()):,} of the {had:,} rows that it was trained on"
        elif recipe == config.challenger and known[role].all():
            reasons[role] = "its recipe and its rows are the challenger's"
    return FoldRows(table, labelled, known), reasons


def _as_ingested(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with id, label and text as rows of a corpus without splits; prepare uses their source only to list them."""
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in batch.column("text").to_pylist()]
    columns = {"source": batch.column("id"), "sha256": pa.array(digests), "split": pa.nulls(len(batch), pa.string())}
    found = [columns[name] if name in columns else batch.column(name) for name in CORPUS_SCHEMA.names]
    return pa.record_batch(found, schema=CORPUS_SCHEMA)


def _splits(rows: FoldRows, number: int) -> Iterator[np.ndarray]:
    """Which rows each split holds, bool [N]: a tenth of each label's rows, dealt out by chance."""
    labels = rows.table.column("label").combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    random = np.random.default_rng(SEED)
    for _ in range(0, number, PARTS):
        order = random.permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]
        order = order[rows.labelled[order]]
        part = np.full(len(labels), -1)
        part[order] = np.arange(len(order)) % PARTS
        yield from (part == at for at in range(PARTS))


def _measure(
    recipes: dict[str, Recipe],
    rows: FoldRows,
    test: np.ndarray,
    folder: Path,
    reasons: dict[str, str],
    given: dict[str, Path | None],
    *,
    goes_on: bool = False,
) -> dict[str, Any]:
    """Train every recipe beside a split and score it there; a rival whose recipe fails goes to `reasons`.

    With `goes_on` the challenger is trained on from the champion's model, which comes first then.
    """
    with tempfile.TemporaryDirectory(prefix=".fold-", dir=folder) as name:
        return _measure_in(Path(name), recipes, rows, test, reasons, given, goes_on)


def _measure_in(
    home: Path,
    recipes: dict[str, Recipe],
    rows: FoldRows,
    test: np.ndarray,
    reasons: dict[str, str],
    given: dict[str, Path | None],
    goes_on: bool,
) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    for role, recipe in recipes.items():
        if role in reasons:
            continue
        try:
            (at := home / role / "corpus").mkdir(parents=True)
            _write_corpus(rows, test, rows.known[role], at)
            report = write_dataset(recipe.prepare, at, at.parent)
            held = read_test(at.parent / "holdout")
            if goes_on and role == CHALLENGER:
                classifier = train_on(recipe, at.parent, home / CHAMPION, at.parent)
            else:
                classifier = train_recipe(recipe, at.parent, at.parent, **given)
            scored = outcomes(
                held.labels.to_pylist(), classifier.labels, predict(classifier, held.tokens, at.parent / "holdout_texts")
            )
            if not (goes_on and role == CHAMPION):
                shutil.rmtree(at.parent)
        except RAN_OUT as error:
            problem = f"({type(error).__name__}: {str(error)[:200]})"
            if role == CHALLENGER:
                reasons |= dict.fromkeys(recipes, f"the challenger's recipe does not train on a fold {problem}")
                return {}
            reasons[role] = f"its recipe does not run any more {problem}"
            if goes_on and role == CHAMPION:
                reasons |= dict.fromkeys(recipes.keys() - {CHALLENGER}, reasons[role])
                return {}
            continue
        outcome[role] = {
            "accuracy": float(scored.correct.mean()),
            "macro_f1": f1_scores(scored.confusion)[1],
            "train_rows": report["splits"]["train"] + report["splits"]["valid"],
            "test_rows": len(scored.true),
        }
    return outcome


def _write_corpus(rows: FoldRows, test: np.ndarray, known: np.ndarray, folder: Path) -> None:
    """Write the rows that a model may read, and the split's rows as an official test split."""
    split = np.where(test, "test", np.where(rows.labelled, "", "unlabelled"))
    position = rows.table.schema.get_field_index("split")
    column = pa.array([name or None for name in split.tolist()], pa.string())
    table = rows.table.set_column(position, CORPUS_SCHEMA.field("split"), column).filter(pa.array(known | test))
    with open_writer(folder / "corpus.parquet", table.schema) as writer:
        writer.write_table(table)
    with open_writer(folder / "quarantine.parquet", QUARANTINE_SCHEMA):
        pass


def _report(config: FoldsConfig, measured: list[dict[str, Any]], rows: FoldRows, reasons: dict[str, str]) -> dict[str, Any]:
    differences = {}
    for role in config.rivals:
        both = [outcome for outcome in measured if role in outcome]
        if role not in reasons and len(both) < PARTS:
            reasons[role] = f"{PARTS} folds take longer than register.fold_minutes {config.seconds / 60:g}"
        if role not in reasons:
            names = ("accuracy", "macro_f1")
            differences[role] = {name: [each[CHALLENGER][name] - each[role][name] for each in both] for name in names}
    own = [outcome[CHALLENGER] for outcome in measured if outcome]
    means = {
        name: float(np.mean([each[name] for each in own])) if own else 0.0
        for name in ("accuracy", "macro_f1", "train_rows", "test_rows")
    }
    return {
        "rows": int(rows.labelled.sum()),
        "splits": len(measured),
        "split_train_rows": means.pop("train_rows"),
        "split_test_rows": means.pop("test_rows"),
        **means,
        "differences": differences,
        "reasons": {role: reason for role, reason in reasons.items() if role in config.rivals},
    }
