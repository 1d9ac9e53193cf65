import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.certainty.checked import read_probabilities, write_certainty
from tasks.certainty.says import figures_of_certainty, says_certainty
from tasks.certainty.settings import CertaintyConfig
from tasks.evaluate.predictions import PREDICTIONS, write_predictions
from tasks.model.abstention import ABSTENTION, Abstention
from tasks.prepare.read import Split

LABELS = ["bad", "good"]


def evaluated(folder: Path, probabilities_NC: np.ndarray, labels: list[str]) -> Path:
    """The predictions of an evaluation."""
    folder.mkdir()
    ids = pa.array([str(number) for number in range(len(labels))])
    test = Split(ids, pa.array(labels), pa.array([["x"]] * len(labels)))
    write_predictions(folder / PREDICTIONS, test, LABELS, probabilities_NC)
    return folder


def test_promises_and_costs_are_looked_at_on_the_test_rows(tmp_path: Path) -> None:
    confidence_N = np.repeat([0.9, 0.6], 100)
    probabilities_NC = np.stack([confidence_N, 1 - confidence_N], 1).astype(np.float32)
    labels = ["bad"] * 98 + ["good"] * 2 + ["bad"] * 60 + ["unknown"] * 40
    evaluation = evaluated(tmp_path / "evaluation", probabilities_NC, labels)
    _, _, true_N = read_probabilities(evaluation / PREDICTIONS)
    assert true_N.tolist() == [0] * 98 + [1] * 2 + [0] * 60 + [-1] * 40
    (promise := tmp_path / "promise").mkdir()
    rows = probabilities_NC, true_N
    (promise / ABSTENTION).write_text(json.dumps(Abstention.measured("held", LABELS, rows, rows).written()))
    (tmp_path / "costs.toml").write_text("abstain = 0.2\n")
    report = write_certainty(CertaintyConfig(costs=tmp_path / "costs.toml"), evaluation, tmp_path, promise=promise)
    at_ten = next(each["together"] for each in report["promises"] if each["max_error"] == 0.1)
    assert (at_ten["answered"], at_ten["wrong"]) == (100, 2)
    assert report["costs"]["abstained"] == 100
    assert report["costs"]["usual_wrong"] == 42
    assert says_certainty(report).startswith("cost of a test row 0.21, by least expected cost 0.11; promised")
    assert figures_of_certainty(report)["test/error_at_0.1"] == 0.02
    assert json.loads((tmp_path / "certainty.json").read_text()) == report


def test_nothing_is_said_of_what_was_not_asked(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path / "evaluation", np.array([[0.9, 0.1]], np.float32), ["bad"])
    report = write_certainty(CertaintyConfig(), evaluation, tmp_path)
    assert report["promises"] is report["costs"] is None
