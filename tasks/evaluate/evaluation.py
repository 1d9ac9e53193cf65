"""The evaluation: the model on the test rows, once, beside the yardstick."""

from __future__ import annotations

import dataclasses
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.durable import num_cores
from tasks.evaluate.compare import compare
from tasks.evaluate.metrics import macro_f1_difference, measure
from tasks.evaluate.predictions import PREDICTIONS, read_predicted, read_test, write_predictions
from tasks.evaluate.prior import measure_under
from tasks.evaluate.ranking import ranking
from tasks.evaluate.report import METRICS, REPORT, SIDE, Context, render_report
from tasks.evaluate.selective import risk_coverage
from tasks.evaluate.spread import FEW, FEW_OF_TEXTS, Batch, Spread
from tasks.finetune.history import read_history
from tasks.marked import marked_excerpt, marks
from tasks.prepare.read import iter_batches, iter_texts, read_text_settings
from tasks.progress import SILENT
from tasks.shown import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.engine.engine import Engine
    from tasks.evaluate.metrics import Outcomes
    from tasks.evaluate.settings import Measures
    from tasks.model.explain import Explanation
    from tasks.prepare.read import Split
    from tasks.progress import Progress
    from tasks.store.shared.exchange import Exchange

    Explain = Callable[[Sequence[str], Sequence[str]], Sequence[Explanation | None]]

BATCH_ROWS = 2000
QUOTED_CHARS = 400
MAX_EXAMPLES = 10  # right rows that are quoted
COMPARED = ("accuracy", "macro_f1", "ece", "log_loss", "intervals", "train_rows")
REPORTED = (
    *("accuracy", "macro_f1", "ece", "aurc", "log_loss", "test_rows", "intervals", "interval_methods"),
    *("per_class", "yardstick", "comparison"),
)


class Predictor(Protocol):
    """A classifier to evaluate: its labels, and the probabilities of documents given as lists of tokens."""

    @property
    def labels(self) -> list[str]:
        """Names of the columns of the probabilities."""

    @property
    def reads_text(self) -> bool:
        """Whether it asks for the documents' texts too."""

    def probabilities(self, tokens: pa.Array, texts: Sequence[str] | None = None) -> np.ndarray:
        """Float32 [documents, labels]."""


@dataclass(frozen=True)
class Evaluation:
    """How a classifier is evaluated, and the folders that it is evaluated with.

    `holdout` has the test rows, `texts` their texts, `dataset` the train rows that are counted by label; `yardstick` is the
    folder that `write_yardstick` filled from the same holdout, if there is one; `embedded` has the vectors of the texts, for a
    model that reads those. The quotes of texts belong to the evaluation:
    its key covers the digest of `texts`, so that a changed text makes a new report and no new model.
    """

    config: Measures
    dataset: Path
    holdout: Path
    texts: Path
    yardstick: Path | None = None
    embedded: Path | None = None


def write_evaluation(
    asked: Evaluation,
    model: Path,
    folder: Path,
    *,
    engine: Engine | None = None,
    exchange: Exchange | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Load the classifier in `model` and evaluate it; see `evaluate_classifier`.

    Many rows are labelled by the workers of `engine` where these are elsewhere, but for those of a model whose texts have
    vectors already. Workers that do not see the folder of the model have it by `exchange`.
    """
    from tasks.model.classifier import Classifier
    from tasks.model.explain import Explainer
    from tasks.model.text.tokenize import TextToTokens

    classifier = Classifier.load(model, asked.embedded)
    explain = None
    if classifier.splits_quickly:
        explain = Explainer(classifier, TextToTokens(read_text_settings(asked.dataset))).explain
    prior = classifier.settings.get("class_prior")
    history = read_history(model)
    away = engine is not None and engine.elsewhere and asked.embedded is None
    spread = Spread(engine, model, exchange) if engine is not None and away else None
    return evaluate_classifier(
        asked, classifier, history, folder, explain=explain, prior=prior, spread=spread, progress=progress
    )


def evaluate_classifier(
    asked: Evaluation,
    classifier: Predictor,
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    folder: Path,
    *,
    explain: Explain | None = None,
    prior: Mapping[str, float] | None = None,
    spread: Spread | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Score the test rows; write metrics.json, predictions.parquet, and under side/ the figures and a report.

    With `explain` the quoted texts have the words marked that made their label; with `prior`, the share of each class where the
    classifier is used, there are figures for that too. The page says about the run only what is known
    by then; when it ends, `report.render_report` writes a page with the rest.
    """
    config, yardstick = asked.config, asked.yardstick
    test = read_test(asked.holdout, dictionary=True)  # a model looks up distinct words
    probabilities_NC = predict(classifier, test.tokens, asked.texts, spread=spread, progress=progress)
    rows = write_predictions(folder / PREDICTIONS, test, classifier.labels, probabilities_NC)
    metrics = measure(rows, bins=config.bins, bootstrap=config.bootstrap, seed=config.seed)
    metrics["train_rows"] = train_rows(asked.dataset)
    metrics["risk_coverage"] = risk_coverage(rows.confidence, rows.correct)
    metrics["aurc"] = metrics["risk_coverage"]["aurc"]
    if ranked := ranking(test.labels.to_pylist(), classifier.labels, probabilities_NC):
        metrics["ranking"] = ranked
    errors, examples = worst_errors(rows, config.num_errors), best_of_each_label(rows)
    quoted = quote(rows, [*errors, *examples], test.ids, asked.texts, explain)
    metrics["errors"], metrics["examples"] = quoted[: len(errors)], quoted[len(errors) :]
    metrics["yardstick"], metrics["comparison"] = None, None
    if yardstick is not None:
        scores = json.loads((yardstick / METRICS).read_text(encoding="utf-8"))
        metrics["yardstick"] = {name: scores[name] for name in COMPARED}
        metrics["comparison"] = compare_outcomes(
            rows, read_predicted(yardstick / PREDICTIONS, rows, test), resamples=config.bootstrap, seed=config.seed
        )
    if prior:
        metrics["prior"] = _under_prior(config, rows, prior, None if yardstick is None else yardstick / PREDICTIONS, test)
    (folder / METRICS).write_text(json_text(metrics, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    write_figures(folder / SIDE, metrics, history)
    render_report(folder, Context(), folder / REPORT)
    reported = (*REPORTED, *(name for name in ("prior", "ranking") if name in metrics))
    return {name: metrics[name] for name in reported} | {"report": REPORT}


def _under_prior(
    config: Measures, rows: Outcomes, prior: Mapping[str, float], yardstick: Path | None, test: Split
) -> dict[str, Any]:
    """The figures of the model and of the yardstick, if there is one, where classes have the shares of `prior`."""
    how = {"bins": config.bins, "resamples": config.bootstrap, "seed": config.seed}
    theirs = None if yardstick is None else measure_under(read_predicted(yardstick, rows, test), prior, **how)
    return {"model": measure_under(rows, prior, **how), "yardstick": theirs}


def predict(
    classifier: Predictor, tokens: pa.Array, texts: Path, *, spread: Spread | None = None, progress: Progress = SILENT
) -> np.ndarray:
    """Probabilities of every test row, float32 [N, C], asked for in batches of bounded size; `texts` is their texts' folder.

    `spread` are workers that have the same classifier.
    """
    read: list[str] | None = None
    if classifier.reads_text:
        read = [text for batch in iter_texts(texts, ("test",)) for text in batch.column("text").to_pylist()]
    rows = [slice(start, start + BATCH_ROWS) for start in range(0, len(tokens), BATCH_ROWS)]
    given = (Batch(each.start, tokens[each], None if read is None else read[each]) for each in rows)

    def answers(batch: Batch) -> np.ndarray:
        return np.asarray(classifier.probabilities(batch.tokens, batch.texts), dtype=np.float32)

    found = []
    few = FEW if read is None else FEW_OF_TEXTS
    # Threads, not processes: nearly all the work is NumPy's and torch's, which do it without Python's lock.
    with ThreadPoolExecutor(num_cores()) as pool:
        labelled: Iterator[np.ndarray] = pool.map(answers, itertools.islice(given, few) if spread is not None else given)
        if spread is not None and len(rows) > few:
            labelled = itertools.chain(labelled, spread.probabilities(given))
        for each in labelled:
            found.append(each)
            progress.advance(min(len(found) * BATCH_ROWS, len(tokens)), len(tokens), "documents")
    return np.concatenate(found)


def train_rows(dataset: Path) -> dict[str, int]:
    """Count the train rows of each label."""
    rows: dict[str, int] = {}
    for batch in iter_batches(dataset, ("train",), ["label"], 65_536):
        for entry in pc.value_counts(batch.column("label")).to_pylist():
            rows[entry["values"]] = rows.get(entry["values"], 0) + entry["counts"]
    return rows


def worst_errors(rows: Outcomes, num: int) -> list[int]:
    """The wrong rows, the highest confidence first, at most `num`."""
    wrong = np.flatnonzero(~rows.correct)
    return [int(row) for row in wrong[np.argsort(-rows.confidence[wrong], kind="stable")[:num]]]


def best_of_each_label(rows: Outcomes) -> list[int]:
    """The right row of the highest confidence of each label, in the order of the labels, for at most MAX_EXAMPLES of them."""
    found: list[int] = []
    for label in range(min(len(rows.names), MAX_EXAMPLES)):
        right = np.flatnonzero(rows.correct & (rows.true == label))
        if len(right):
            found.append(int(right[rows.confidence[right].argmax()]))
    return found


def quote(
    rows: Outcomes, chosen: Sequence[int], ids: pa.Array, texts: Path, explain: Explain | None = None
) -> list[dict[str, Any]]:
    """List the `chosen` rows with the start of their texts, and with `explain` which words made the predicted label.

    `ids` [N] are those of the rows, and `texts` is the folder with the texts of the same rows. ValueError if it lacks one.
    """
    names = ids.take(pa.array(chosen, pa.int64())).to_pylist()
    found = _texts(texts, names)
    predicted = [rows.names[rows.predicted[row]] for row in chosen]
    explained = explain([found[name] for name in names], predicted) if explain else [None] * len(names)
    quoted = []
    for name, row, label, why in zip(names, chosen, predicted, explained, strict=True):
        shown, marked = marked_excerpt(found[name], marks(why.words) if why else [], QUOTED_CHARS)
        facts = {"id": name, "label": rows.names[rows.true[row]], "predicted": label, "confidence": float(rows.confidence[row])}
        quoted.append({**facts, "text": shown, "marks": [list(mark) for mark in marked]})
    return quoted


def _texts(texts: Path, ids: Sequence[str]) -> dict[str, str]:
    """The text of each of these test rows."""
    wanted, found = pa.array(ids, pa.string()), dict[str, str]()
    for batch in iter_texts(texts, ("test",)):
        for row in batch.filter(pc.is_in(batch.column("id"), value_set=wanted)).to_pylist():
            found[row["id"]] = row["text"]
    if lacking := set(ids) - found.keys():
        raise ValueError(f"{texts} lacks the texts of {len(lacking)} test rows")
    return found


def compare_outcomes(model: Outcomes, yardstick: Outcomes, *, resamples: int, seed: int) -> dict[str, Any]:
    """Model minus yardstick on the same rows: accuracy as `compare` has it, macro-F1 by paired bootstrap."""
    difference, (lower, upper) = macro_f1_difference(model, yardstick, resamples=resamples, seed=seed)
    return {
        "accuracy": dataclasses.asdict(compare(model.correct, yardstick.correct)),
        "macro_f1": {"difference": difference, "lower_95": lower, "upper_95": upper},
    }


def write_figures(folder: Path, metrics: Mapping[str, Any], history: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write confusion, reliability and risk_coverage (.png), and yardstick and history where there is something to draw."""
    from tasks.evaluate.figures import draw_figures, png

    folder.mkdir(exist_ok=True)
    for name, figure in draw_figures(metrics, history).items():
        (folder / f"{name}.png").write_bytes(png(figure))
