"""Which model is best on which corpus: several models and the yardstick on the same folds of the same rows.

    python -m benchmarks.kinds --models bag tfidf bag+tfidf [--rows 500 1000] [--folds 5] [--only FOLD ...] [--plain] \\
        [--results FILE.json] [--work FOLDER] OPTIONS OF train

`--rows` measures random parts of the corpus, of so many labelled rows each (0: all of them). Rows of an official test split are
left out, so that no choice made by this table was made on them. A line a fold goes to stderr, one JSON line a size to stdout.
The yardstick is trained on the train rows alone, as in a run of `textmill train`. `--plain`, `--results` and `--work` are
as for `benchmarks.folds`; models that start from pretrained weights share these, which are those of `finetune.model`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.fold_results import FoldResults, command_line, cpu_seconds, what_is_measured
from benchmarks.folds import CORPUS, QUARANTINE, assign_folds, chosen_epochs, write_fold_corpus
from benchmarks.given import given_in_fold, make_given, weights_digest
from benchmarks.peers.peer import scores
from flows.commands.settings import check_paths, resolve
from tasks.errors import RequestError
from tasks.evaluate.evaluation import predict
from tasks.evaluate.predictions import read_test
from tasks.evaluate.yardstick import fit_predict
from tasks.finetune.train import write_model  # noqa: F401 torch is loaded before anything is timed
from tasks.ingest.corpus import write_corpus
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import read_split
from tasks.prepare.schema import open_writer
from tasks.register.folds import train_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PipelineConfig

YARDSTICK = "yardstick"


def take_rows(corpus: Path, num_rows: int, seed: int, folder: Path) -> int:
    """Write a corpus of `num_rows` random labelled rows (0: all) without official test rows; how many those are."""
    table = pq.read_table(corpus / CORPUS, page_checksum_verification=True)
    split = table.column("split").fill_null("").to_pylist()
    labelled = table.column("label").is_valid().to_pylist()
    usable = np.array([at for at, name in enumerate(split) if labelled[at] and name not in ("test", "unlabelled")])
    if num_rows > len(usable):
        raise RequestError(f"--rows {num_rows}: the corpus has {len(usable)} labelled rows outside its test split")
    chosen = np.sort(np.random.default_rng(seed).permutation(usable)[: num_rows or None])
    rows = table.take(pa.array(chosen))
    with open_writer(folder / CORPUS, rows.schema) as writer:
        writer.write_table(rows)
    (folder / QUARANTINE).write_bytes((corpus / QUARANTINE).read_bytes())
    return len(chosen)


def measure(
    config: PipelineConfig,
    models: Sequence[str],
    corpus: Path,
    folds_N: np.ndarray,
    fold: int,
    given: dict[str, Path] | None = None,
) -> dict[str, Any]:
    """Accuracy, macro-F1 and seconds of each model and of the yardstick on one fold, and what the fold is like."""
    with tempfile.TemporaryDirectory(prefix="kinds-") as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        write_fold_corpus(corpus, folds_N, fold, folder / "corpus")
        report = write_dataset(config.prepare, folder / "corpus", folder)
        test, trained_on = read_test(folder / "holdout"), read_split(folder / "dataset", "train")
        found: dict[str, Any] = {
            "train_rows": trained_on.num_rows,
            "classes": len(pc.unique(trained_on.labels)),
            "tokens": report["tokens"],
            "tokenizer": report["tokenizer"],
        }
        for model in models:
            place = folder / model
            place.mkdir()
            start = time.monotonic(), cpu_seconds()
            finetune = config.finetune.with_model(model).only_read()
            own = config.model_copy(update={"finetune": finetune})
            classifier = train_recipe(own, folder, place, **given_in_fold(own, given or {}, folder, place))
            found[model] = _scored(test, classifier.labels, predict(classifier, test.tokens, folder / "holdout_texts"), start)
            found[model]["epochs"] = chosen_epochs(place / "model")
        start = time.monotonic(), cpu_seconds()
        classes, probabilities_NC, _ = fit_predict(trained_on, test)
        found[YARDSTICK] = _scored(test, classes, probabilities_NC, start)
        return found


def _scored(test: Any, classes: Sequence[str], probabilities_NC: np.ndarray, start: tuple[float, float]) -> dict[str, Any]:
    seconds, cpu = time.monotonic() - start[0], cpu_seconds() - start[1]
    found = scores(test.labels.to_pylist(), [classes[number] for number in probabilities_NC.argmax(1)])
    figures = {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}
    return figures | {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}


def run(
    config: PipelineConfig,
    models: Sequence[str],
    sizes: Sequence[int],
    *,
    num_folds: int,
    seed: int,
    only: Sequence[int],
    plain: bool = False,
    results: Path | None = None,
    work: Path | None = None,
    command: str = "",
) -> None:
    """Measure every size, and print its line when it is done; see `benchmarks.folds.run` for `plain`, `results` and `work`."""
    with tempfile.TemporaryDirectory(prefix="kinds-") as name:
        corpus = Path(name) / "whole"
        corpus.mkdir()
        write_corpus(config.ingest, corpus)
        if plain:
            config = config.model_copy(update={"prepare": config.prepare.model_copy(update={"near_duplicates": False})})
        given = make_given(config, corpus, work or Path(name) / "given")
        for size in sizes:
            part = Path(name) / f"part-{size}"
            part.mkdir()
            num_rows = take_rows(corpus, size, seed, part)
            folds_N = assign_folds(config.prepare, part, num_folds, seed, plain=plain)
            asked = {"models": list(models), "size": size, "folds": num_folds, "seed": seed, "plain": plain}
            asked |= {"weights": weights_digest(given["weights"])} if given else {}
            kept = FoldResults(results, what_is_measured(config, part / CORPUS, **asked), command)
            measured = []
            for fold in only or range(num_folds):
                found = kept.find(fold)
                measured.append(found or measure(config, models, part, folds_N, fold, given))
                if found is None:
                    kept.add(fold, measured[-1])
                shown = {model: round(measured[-1][model]["accuracy"], 4) for model in (*models, YARDSTICK)}
                print(f"{num_rows} rows, fold {fold}: {shown}", file=sys.stderr, flush=True)
            print(json.dumps(summary(num_rows, models, measured)), flush=True)


def summary(num_rows: int, models: Sequence[str], measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the folds."""
    first = measured[0]
    found: dict[str, Any] = {"rows": num_rows, "folds": len(measured)}
    found |= {name: first[name] for name in ("train_rows", "classes", "tokens", "tokenizer")}
    for model in (*models, YARDSTICK):
        figures = ("accuracy", "macro_f1", "seconds", "cpu_seconds")
        found[model] = {name: round(float(np.mean([each[model][name] for each in measured])), 4) for name in figures}
    return found


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the lines; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds", description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["bag", "tfidf", "bag+tfidf"], help="models to measure")
    parser.add_argument("--rows", type=int, nargs="+", default=[0], help="labelled rows of each part; 0: all")
    parser.add_argument("--folds", type=int, default=5, help="number of folds")
    parser.add_argument("--fold-seed", type=int, default=13, help="seed of parts and folds")
    parser.add_argument("--only", type=int, nargs="+", default=[], metavar="FOLD", help="measure these folds, counted from 0")
    parser.add_argument("--plain", action="store_true", help="near-duplicates may lie on both sides")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON file that folds are written to and taken from")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where weights and vectors are made, to be used again")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve(options, preset=own.preset)
        check_paths(config)
        run(
            config,
            own.models,
            own.rows,
            num_folds=own.folds,
            seed=own.fold_seed,
            only=own.only,
            plain=own.plain,
            results=own.results,
            work=own.work,
            command=command_line("benchmarks.kinds", sys.argv[1:] if arguments is None else arguments),
        )
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
