"""Batches that arrive one after another: is a model that is trained on as good as one trained anew, and how much quicker?

    python -m benchmarks.warm [--batches 10] [--rows 2500] [--model bag] [--fresh all|last] [--work FOLDER] OPTIONS OF train

The labelled rows are put in an order that their content decides, and dealt out in batches; night N has the first N of them.
The test rows are those of the corpus' own test split, or else a fifth of the rows, and the same each night; they are dealt out
in as many batches. Each night the same recipe is trained anew on all rows, and on from the model of the night before, as
`--finetune.start champion` does it. Word vectors, which only a training anew needs, are timed apart.

A line a night: accuracy of both on all test rows, the difference with its 95% interval, CPU seconds of finetune (and those in
which the rows were chosen), and accuracy on the first batch: its test rows, which no model saw, and its train rows, which all
saw.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.commands.settings import check_paths, resolve
from tasks.align.matrix import write_matrix
from tasks.errors import RequestError
from tasks.evaluate.compare import compare
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import outcomes
from tasks.evaluate.predictions import read_test
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.ingest.schema import CORPUS, QUARANTINE
from tasks.model.classifier import Classifier
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import iter_batches
from tasks.prepare.schema import open_writer
from tasks.pretrain.vectors import train_vectors
from tasks.register.package import write_package
from tasks.warm.batches import write_batches
from tasks.warm.begin import write_begin
from tasks.warm.known import write_known
from tasks.warm.settings import BatchesConfig, BeginConfig, LineageConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PipelineConfig

TEST_SHARE = 0.2  # where the corpus has no test split of its own
POINTS, SHARE, FORGOTTEN = 0.3, 1 / 3, 0.5  # points and share of the seconds that are hoped for


@dataclass(frozen=True)
class Night:
    """What a night came to: accuracies, right test rows of both models, and seconds; `of_first` on the first batch."""

    night: int
    train_rows: int
    fresh: float
    warm: float
    difference: float
    interval: tuple[float, float]
    fresh_seconds: float
    vector_seconds: float
    warm_seconds: float
    begin_seconds: float
    first_test: tuple[float, float]
    first_train: tuple[float, float]
    rows: dict[str, Any]


def deal(whole: Path, batches: int, rows: int, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the corpus of each night into `folder`; these folders, and the ids of the first batch's rows, test rows too."""
    table = pq.read_table(whole / CORPUS, page_checksum_verification=True)
    table = table.filter(pc.is_valid(table.column("label"))).sort_by("sha256")
    split = np.array([each or "" for each in table.column("split").to_pylist()], dtype=object)
    if not (split == "test").any():
        split[: round(TEST_SHARE * len(split))] = "test"
    train, test = np.flatnonzero(split != "test"), np.flatnonzero(split == "test")
    if len(train) < batches * rows:
        raise RequestError(f"--batches {batches} of --rows {rows}: the corpus has {len(train):,} rows to train on; lower them")
    names = pa.array([name if name == "test" else None for name in split.tolist()], pa.string())
    table = table.set_column(table.schema.get_field_index("split"), table.schema.field("split"), names)
    homes = []
    for night in range(1, batches + 1):
        (home := folder / f"corpus-{night}").mkdir(parents=True)
        chosen = table.take(pa.array(np.concatenate([train[: night * rows], test])))
        with open_writer(home / CORPUS, chosen.schema) as writer:
            writer.write_table(chosen)
        (home / QUARANTINE).write_bytes((whole / QUARANTINE).read_bytes())
        homes.append(home)
    first = np.concatenate([train[:rows], test[: len(test) // batches]])
    return homes, table.column("id").take(pa.array(first)).to_pylist()


def right(model: Path, prepared: Path) -> np.ndarray:
    """Which test rows a model has right: bool [N]."""
    test, classifier = read_test(prepared / "holdout", dictionary=True), Classifier.load(model)
    found = outcomes(test.labels.to_pylist(), classifier.labels, predict(classifier, test.tokens, prepared / "holdout_texts"))
    return found.correct


def right_of(model: Path, dataset: Path, ids: Sequence[str]) -> float:
    """The accuracy on those train rows of a dataset that have these ids."""
    classifier, correct, wanted = Classifier.load(model), list[np.ndarray](), pa.array(ids, pa.string())
    for batch in iter_batches(dataset, ("train",), ["id", "label", "tokens"]):
        kept = batch.filter(pc.is_in(batch.column("id"), value_set=wanted))
        if len(kept):
            found = classifier.probabilities(kept.column("tokens")).argmax(1)
            names = pa.array(classifier.labels, pa.string()).take(pa.array(found))
            correct.append(pc.equal(names, kept.column("label")).to_numpy(zero_copy_only=False))
    return float(np.concatenate(correct).mean())


def train_anew(config: PipelineConfig, dataset: Path, folder: Path) -> tuple[Path, float, float]:
    """The model, seconds of finetune, and seconds of the word vectors before it."""
    for place in (model := folder / "fresh", scratch := folder / "fresh-scratch"):
        place.mkdir()
    start, aligned = time.process_time(), None
    if config.finetune.needs_vectors:
        for place in (vectors := folder / "vectors", aligned := folder / "aligned"):
            place.mkdir()
        train_vectors(config.pretrain, dataset, vectors)
        write_matrix(config.align, dataset, vectors, aligned)
    begun = time.process_time()
    write_model(config.finetune.keyed(), dataset, aligned, model, scratch)
    return model, time.process_time() - begun, begun - start


def train_on(
    config: PipelineConfig, package: Path, dataset: Path, folder: Path
) -> tuple[Path | None, float, float, dict[str, Any]]:
    """The model (None if the package is no start), seconds of finetune and of choosing rows, and what was chosen."""
    for place in (begun := folder / "begun", model := folder / "warm", scratch := folder / "warm-scratch"):
        place.mkdir()
    start = time.process_time()
    how = BeginConfig(champion=package, seed=config.finetune.seed, refit=config.finetune.refit)
    report = write_begin(how, dataset, begun)
    chosen = time.process_time()
    if report["reason"]:
        return None, 0.0, chosen - start, report
    write_model(config.finetune.keyed(), begun / "dataset", None, model, scratch, former=begun / "former")
    return model, time.process_time() - chosen, chosen - start, report


def packed(model: Path, prepared: Path, before: Path | None, started: bool, folder: Path) -> Path:
    """The package of a model, as a run would register it; `before` is the one of the night before."""
    for place in (numbered := folder / "batches", told := folder / "lineage", package := folder / "package"):
        place.mkdir()
    write_batches(BatchesConfig(champion=before), prepared / "holdout", numbered)
    how = LineageConfig(champion=before, version=1) if started else LineageConfig()
    write_known(how, prepared / "dataset", numbered, told)
    write_package(model, prepared / "dataset", package, lineage=told)
    return package


def run_night(
    config: PipelineConfig, night: int, corpus: Path, before: Path | None, first: Sequence[str], folder: Path, fresh: bool
) -> tuple[Night | None, Path]:
    """Train and measure a night; its figures (None if nothing was trained anew beside it), and its package."""
    (prepared := folder / "prepared").mkdir(parents=True)
    report = write_dataset(config.prepare, corpus, prepared)
    dataset = prepared / "dataset"
    model, seconds, choosing, chosen = None, 0.0, 0.0, dict[str, Any]()
    if before is not None:
        model, seconds, choosing, chosen = train_on(config, before, dataset, folder)
        if model is None:
            print(f"night {night}: trained anew: {chosen['reason']}", file=sys.stderr)
    started, other, other_seconds, vector_seconds = model is not None, None, 0.0, 0.0
    if model is None or fresh:
        other, other_seconds, vector_seconds = train_anew(config, dataset, folder)
    if model is None:
        assert other is not None
        model, seconds, choosing = other, other_seconds, 0.0
    package = packed(model, prepared, before, started, folder)
    if other is None:
        return None, package
    both = right(other, prepared), right(model, prepared)
    found = compare(both[1], both[0])
    test = read_test(prepared / "holdout").ids
    inside = pc.is_in(test.cast(pa.string()), value_set=pa.array(first, pa.string())).to_numpy(zero_copy_only=False)
    measured = Night(
        night,
        report["splits"]["train"],
        float(both[0].mean()),
        float(both[1].mean()),
        found.difference,
        (found.lower_95, found.upper_95),
        other_seconds,
        vector_seconds,
        seconds,
        choosing,
        (float(both[0][inside].mean()), float(both[1][inside].mean())),
        (right_of(other, dataset, first), right_of(model, dataset, first)),
        {name: chosen.get(name, 0) for name in ("new", "replayed", "old")},
    )
    return measured, package


def line(night: Night) -> str:
    """A row of the table."""
    low, high = (100 * end for end in night.interval)
    (test_fresh, test_warm), (train_fresh, train_warm) = night.first_test, night.first_train
    return (
        f"| {night.night} | {night.train_rows:,} | {night.rows['new']:,} + {night.rows['replayed']:,} | {night.fresh:.4f} | "
        f"{night.warm:.4f} | {100 * night.difference:+.2f} [{low:+.2f}, {high:+.2f}] | {night.fresh_seconds:.1f} | "
        f"{night.vector_seconds:.1f} | {night.warm_seconds:.1f} | {night.begin_seconds:.1f} | {test_fresh:.4f} | "
        f"{test_warm:.4f} | {train_fresh:.4f} | {train_warm:.4f} |"
    )


def verdicts(last: Night) -> dict[str, Any]:
    """What the last night says of what is hoped for."""
    points, share = 100 * last.difference, (last.warm_seconds + last.begin_seconds) / last.fresh_seconds
    forgotten = 100 * (last.first_test[0] - last.first_test[1])
    return {
        "points": round(points, 3),
        "near": points >= -POINTS,
        "share_of_seconds": round(share, 3),
        "quick": share <= SHARE,
        "first_batch_points": round(-forgotten, 3),
        "kept": forgotten <= FORGOTTEN,
    }


def run(config: PipelineConfig, batches: int, rows: int, all_nights: bool, folder: Path) -> Night:
    """Print the table; the last night."""
    print(
        "| night | train rows | new + again | anew | on | difference, points | anew s | vectors s | on s | choosing s | ",
        end="",
    )
    print("batch 1 test: anew | on | batch 1 train: anew | on |")
    print("|" + "---|" * 14, flush=True)
    (whole := folder / "whole").mkdir(parents=True)
    write_corpus(config.ingest, whole)
    homes, first = deal(whole, batches, rows, folder)
    package, last = None, None
    for night, corpus in enumerate(homes, start=1):
        fresh = all_nights or night in (1, batches)
        found, package = run_night(config, night, corpus, package, first, folder / f"night-{night}", fresh)
        if found is not None:
            print(line(found), flush=True)
            last = found
    assert last is not None
    return last


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the table and a line of JSON; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm", description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--rows", type=int, default=2500, help="rows to train on in a batch")
    parser.add_argument("--model", default="bag", help="as for --finetune.model")
    parser.add_argument("--fresh", choices=("all", "last"), default="all", help="nights on which a model is trained anew too")
    parser.add_argument("--work", type=Path, help="a folder to keep what is made; default: a temporary one")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve([*options, "--finetune.model", own.model])
        check_paths(config)
        for kind in config.finetune.kinds:
            if why := kind.no_start(config.finetune):
                raise RequestError(f"--model {own.model}: {kind.name} {why}")
        with tempfile.TemporaryDirectory(prefix="warm-") as name:
            last = run(config, own.batches, own.rows, own.fresh == "all", own.work or Path(name))
        print(json.dumps({**verdicts(last), "last": asdict(last)}))
        return 0
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
