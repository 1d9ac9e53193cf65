"""What class weights and a class prior are worth where a model is used on other shares of the classes than it learned from.

    python -m benchmarks.shares --use LABEL=SHARE,... [--models tfidf bag] [--draws 5] OPTIONS OF train

Each draw is a split of the corpus by another salt. A model is trained by each way on the same train rows and scored on the test
rows, whose classes count by the shares of --use; a table goes to stdout: mean over draws, and its 95% interval by Student's t.
The last rows are differences from the plain model, draw by draw.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.commands.settings import check_paths, resolve
from tasks.errors import RequestError
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import outcomes
from tasks.evaluate.predictions import read_test
from tasks.evaluate.prior import measure_under
from tasks.finetune.class_prior import read_shares
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.model.classifier import Classifier
from tasks.prepare.dataset import write_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.config import PipelineConfig

FIGURES = ("accuracy", "macro_f1", "log_loss")
PLAIN = "none"


def ways(use: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The settings of each way, by what it is called in the table."""
    prior = {"class_prior": tuple(use)}
    weights = ("none", "sqrt", "balanced", "auto")
    return {
        PLAIN: {},
        "balanced": {"class_weights": "balanced"},
        **{f"{way} + class_prior": {**prior, "class_weights": way} for way in weights},
    }


def measure(config: PipelineConfig, corpus: Path, use: Sequence[str], salt: int) -> Iterator[tuple[str, str, dict[str, float]]]:
    """(way, what counts, figures) of each way on one split: `use` by the shares of use, `rows` the test rows as they are."""
    prepare = config.prepare.model_copy(update={"split_rule": 2, "salt": salt})
    with tempfile.TemporaryDirectory(prefix="shares-") as name:
        folder = Path(name)
        write_dataset(prepare, corpus, folder)
        test = read_test(folder / "holdout", dictionary=True)
        for number, (way, settings) in enumerate(ways(use).items()):
            for place in (model := folder / f"model{number}", scratch := folder / f"scratch{number}"):
                place.mkdir()
            finetune = config.finetune.model_copy(update=settings)
            write_model(finetune, folder / "dataset", None, model, scratch)
            classifier = Classifier.load(model)
            probabilities_NC = predict(classifier, test.tokens, folder / "holdout_texts")
            rows = outcomes(test.labels.to_pylist(), classifier.labels, probabilities_NC)
            found = measure_under(rows, read_shares(use), bins=15, resamples=100, seed=13)
            yield way, "use", {figure: found[figure] for figure in FIGURES}
            yield way, "rows", {"accuracy": float(rows.correct.mean())}


def interval(values: Sequence[float]) -> str:
    """Mean and half of its 95% interval over draws, by Student's t."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.4f} ± {half:.4f}"


def table(model: str, found: Mapping[tuple[str, str], list[dict[str, float]]], draws: int) -> str:
    """The figures of each way, as Markdown."""
    lines = [
        f"`{model}`, {draws} draws",
        "",
        "| class weights | accuracy in use | more than none | macro-F1 in use | log-loss in use | accuracy of the rows |",
        "|---|---|---|---|---|---|",
    ]
    plain = [each["accuracy"] for each in found[PLAIN, "use"]]
    for way in dict.fromkeys(name for name, _ in found):
        use = found[way, "use"]
        more = [each["accuracy"] - other for each, other in zip(use, plain, strict=True)]
        cells = [interval([each["accuracy"] for each in use]), "" if way == PLAIN else interval(more)]
        cells += [interval([each[figure] for each in use]) for figure in FIGURES[1:]]
        cells.append(interval([each["accuracy"] for each in found[way, "rows"]]))
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(config: PipelineConfig, models: Sequence[str], use: Sequence[str], draws: int) -> None:
    """Measure each model, and print its table when it is done."""
    with tempfile.TemporaryDirectory(prefix="shares-") as name:
        write_corpus(config.ingest, Path(name))
        for model in models:
            own = config.model_copy(update={"finetune": config.finetune.with_model(model).only_read()})
            found: dict[tuple[str, str], list[dict[str, float]]] = {}
            for salt in range(draws):
                for way, counts, figures in measure(own, Path(name), use, salt):
                    found.setdefault((way, counts), []).append(figures)
                    print(model, salt, way, counts, figures, file=sys.stderr, flush=True)
            print(table(model, found, draws), end="\n\n", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the tables; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shares", description=__doc__.partition("\n")[0])
    parser.add_argument("--use", required=True, metavar="LABEL=SHARE,...", help="the share of each class in use")
    parser.add_argument("--models", nargs="+", default=["tfidf", "bag"], help="models to measure")
    parser.add_argument("--draws", type=int, default=5, help="splits of the corpus")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve(options, preset=own.preset)
        check_paths(config)
        run(config, own.models, own.use.split(","), own.draws)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
