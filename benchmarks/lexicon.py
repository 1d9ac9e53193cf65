"""What a lexicon is worth: the same models with and without it, on few labelled rows and on all.

    python -m benchmarks.lexicon --lexicon FILE [--models tfidf bag] [--rows 100 0] [--draws 5] OPTIONS OF train

Each draw is a split of the corpus by another salt, of whose train and validation rows `--rows` are drawn by chance (0: all);
the test rows are whole. Mean and 95% interval by Student's t over draws; "more" is paired, draw by draw, on the same test rows.
`valid` is the accuracy on the validation rows, by which choices are made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.shares import interval
from flows.commands.settings import check_paths, resolve
from tasks.certainty.rows import among, labelled, write_rows
from tasks.errors import RequestError
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import f1_scores, outcomes
from tasks.evaluate.predictions import read_test
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.model.classifier import Classifier
from tasks.prepare.dataset import write_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PipelineConfig
    from tasks.finetune.settings import FinetuneConfig

FIGURES = ("accuracy", "macro_f1", "valid")


def drawn(dataset: Path, number: int, seed: int, folder: Path) -> Path:
    """The folder of a dataset with so many labelled rows, drawn by chance from train and valid together; 0: of all."""
    if not number:
        return dataset
    ids = [name for split in ("train", "valid") for name in labelled(dataset, split)[0]]
    chosen = np.random.default_rng(seed).permutation(len(ids))[:number]
    write_rows(dataset, None, among([ids[at] for at in chosen]), folder)
    return folder / "dataset"


def measure(finetune: FinetuneConfig, dataset: Path, prepared: Path, folder: Path) -> dict[str, float]:
    """Train on a dataset, score on the test rows of `prepared`."""
    for place in (model := folder / "model", scratch := folder / "scratch"):
        place.mkdir(parents=True)
    report = write_model(finetune, dataset, None, model, scratch)
    test, classifier = read_test(prepared / "holdout", dictionary=True), Classifier.load(model)
    probabilities_NC = predict(classifier, test.tokens, prepared / "holdout_texts")
    rows = outcomes(test.labels.to_pylist(), classifier.labels, probabilities_NC)
    return {
        "accuracy": float(rows.correct.mean()),
        "macro_f1": f1_scores(rows.confusion)[1],
        "valid": report["valid_accuracy"],
        "in no train row": report.get("lexicon", {}).get("in no train row", 0),
    }


def run(config: PipelineConfig, models: Sequence[str], lexicon: Path, numbers: Sequence[int], draws: int) -> None:
    """Measure every model on every number of rows, and print a table line when it is done."""
    print("| model | labelled rows | lexicon | accuracy | more | macro-F1 | more | valid | more |", flush=True)
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="lexicon-") as name:
        home = Path(name)
        (corpus := home / "corpus").mkdir()
        write_corpus(config.ingest, corpus)
        for salt in range(draws):
            (prepared := home / f"prepared{salt}").mkdir()
            write_dataset(config.prepare.model_copy(update={"split_rule": 2, "salt": salt}), corpus, prepared)
        for model in models:
            plain = config.finetune.with_model(model).only_read()
            for number in numbers:
                found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
                for salt in range(draws):
                    prepared, work = home / f"prepared{salt}", home / f"{model}-{number}-{salt}"
                    dataset = drawn(prepared / "dataset", number, salt, work)
                    for given, made in found.items():
                        finetune = plain.model_copy(update={"lexicon": lexicon if given else None})
                        made.append(measure(finetune, dataset, prepared, work / str(given)))
                        print(model, number, salt, given, made[-1], file=sys.stderr, flush=True)
                for given, made in found.items():
                    print(_line(model, number, made, found[False] if given else None), flush=True)


def _line(model: str, number: int, made: list[dict[str, float]], plain: list[dict[str, float]] | None) -> str:
    cells = []
    for figure in FIGURES:
        cells.append(interval([each[figure] for each in made]))
        more = [] if plain is None else [each[figure] - other[figure] for each, other in zip(made, plain, strict=True)]
        cells.append(interval(more) if more else "")
    return f"| {model} | {number or 'all'} | {'no' if plain is None else 'yes'} | {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the table; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lexicon", description=__doc__.partition("\n")[0])
    parser.add_argument("--lexicon", type=Path, required=True, metavar="FILE", help="as for --finetune.lexicon")
    parser.add_argument("--models", nargs="+", default=["tfidf", "bag"], help="models to measure")
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 0], help="labelled rows; 0: all")
    parser.add_argument("--draws", type=int, default=5, help="splits of the corpus")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve(options, preset=own.preset)
        check_paths(config)
        run(config, own.models, own.lexicon, own.rows, own.draws)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
