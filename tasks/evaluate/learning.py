"""Train the run's own recipe on a draw of its rows and score it on the test rows; gather all draws into the learning curve.

In go the run's artifacts, out come metrics.json for a draw, curve.json and a figure for all. Labels are drawn, text is not:
word vectors, vocabulary and vectors of texts are the run's own, which read no label, and the corpus' rows without labels stay.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.evaluate.curve import learning_curve
from tasks.evaluate.draws import write_draw
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import f1_scores, outcomes
from tasks.evaluate.predictions import read_test
from tasks.evaluate.report import METRICS, SIDE
from tasks.finetune.quiet import quiet_training
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.evaluate.settings import CurveConfig, DrawConfig

CURVE, FIGURE = "curve.json", "learning_curve"
RAN_OUT = (RequestError, ArithmeticError)  # of a recipe that so few rows do not suffice for


@dataclass(frozen=True)
class Given:
    """The run's artifacts: folders of the rows with their texts, of the test rows with theirs, and of what the model reads.

    `embedded` has the vectors of the rows' texts, `held` those of the test rows, which training is never handed.
    """

    dataset: Path
    holdout: Path
    holdout_texts: Path
    texts: Path | None = None
    aligned: Path | None = None
    weights: Path | None = None
    embedded: Path | None = None
    held: Path | None = None


def measure_draw(config: DrawConfig, given: Given, folder: Path, scratch: Path) -> dict[str, Any]:
    """Write metrics.json; the report is the same. A recipe that cannot be trained on so few rows gives the `reason`.

    `scratch` keeps checkpoints, so that a killed call goes on.
    """
    named = {"per_class": config.per_class, "draw": config.draw}
    for name in ("rows", "model"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    (checkpoints := scratch / "checkpoints").mkdir(exist_ok=True)
    (model := scratch / "model").mkdir()
    counts = write_draw(
        *(given.dataset, given.texts, config.per_class, config.draw, config.seed, scratch / "rows"),
        unlabelled=config.finetune.reads_unlabelled,
    )
    read: dict[str, Any] = {"weights": given.weights, "embedded": given.embedded}
    if given.texts is not None:
        read["texts"] = scratch / "rows" / "texts"
    test = read_test(given.holdout, dictionary=True)
    try:
        with quiet_training():
            write_model(config.finetune, scratch / "rows" / "dataset", given.aligned, model, checkpoints, **read)
        classifier = Classifier.load(model, given.held)
    except RAN_OUT as error:
        return _written(folder, {**named, "rows": sum(counts.values()), "reason": str(error)[:200]})
    probabilities_NC = predict(classifier, test.tokens, given.holdout_texts)
    scored = outcomes(test.labels.to_pylist(), classifier.labels, probabilities_NC)
    figures = {"accuracy": float(scored.correct.mean()), "macro_f1": f1_scores(scored.confusion)[1]}
    return _written(folder, {**named, "rows": sum(counts.values()), **figures, "test_rows": test.num_rows})


def gather(config: CurveConfig, draws: Sequence[Path], evaluation: Path, folder: Path) -> dict[str, Any]:
    """Write the curve of the folders of draws; the report is the same. `evaluation` is the folder of the run's own model's."""
    from tasks.evaluate.figures import draw_learning, png

    measured = [json.loads((each / METRICS).read_text(encoding="utf-8")) for each in draws]
    whole = json.loads((evaluation / METRICS).read_text(encoding="utf-8"))
    curve = learning_curve(measured, {**whole, "rows": config.rows}, whole["test_rows"])
    (folder / CURVE).write_text(json.dumps(curve, indent=1, allow_nan=False), encoding="utf-8")
    (folder / SIDE).mkdir()
    if curve["points"]:
        (folder / SIDE / f"{FIGURE}.png").write_bytes(png(draw_learning(curve)))
    return curve


def _written(folder: Path, report: dict[str, Any]) -> dict[str, Any]:
    (folder / METRICS).write_text(json.dumps(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report
