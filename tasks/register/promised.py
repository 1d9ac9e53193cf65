"""What a version promises at its registration: its figures on the test rows, and what its probabilities alone said of them.

It is a tag of the version, so no model is trained or packaged anew for it. What the probabilities said is needed to expect how
right the model is where nobody labels (tasks/today/expected.py).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluate.predictions import read_columns
from tasks.store.digests import canonical
from tasks.today.expected import Figures, Promised, expected_figures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROMISED_TAG = "textmill.promised"
MOST_LABELS = 64  # of which the shares are kept; a tag has little room
MOST_OFF = 0.1  # total variation of the mean probabilities from the shares: above, they are for other shares


def promised_tags(report: Mapping[str, Any], predictions: Path) -> dict[str, str]:
    """The tag, from evaluate's report and its predictions; none where nothing was measured or a test row has no label."""
    if report.get("accuracy") is None or report.get("macro_f1") is None or not predictions.is_file():
        return {}
    table = read_columns(predictions, "label", "predicted", "probabilities")
    names = table.schema.metadata or {}
    classes = [
        names[f"class_{number}".encode()].decode() for number in range(len(names)) if f"class_{number}".encode() in names
    ]
    if not table.num_rows or not classes:
        return {}
    flat = np.from_dlpack(table["probabilities"].combine_chunks().flatten())  # `to_numpy` imports pandas
    probabilities_NC = flat.reshape(-1, len(classes)).astype(np.float64)
    told = table["label"].to_pylist()
    shares_C = np.array([told.count(name) / len(told) for name in classes])
    expected = expected_figures(probabilities_NC, probabilities_NC.argmax(1))
    fits = len(classes) <= MOST_LABELS and np.abs(probabilities_NC.mean(0) - shares_C).sum() / 2 <= MOST_OFF
    content = {
        "rows": table.num_rows,
        "measured": [round(float(report[name]), 6) for name in ("accuracy", "macro_f1")],
        "expected": [round(value, 6) for value in expected],
        "shares": {name: round(share, 6) for name, share in zip(classes, shares_C.tolist(), strict=True)} if fits else {},
    }
    return {PROMISED_TAG: canonical(content)}


def read_promised(tags: Mapping[str, str]) -> Promised | None:
    """What the tags of a version promise; None for a version of before, or one that nobody has measured."""
    try:
        held = json.loads(tags[PROMISED_TAG])
        return Promised(int(held["rows"]), Figures(*held["measured"]), Figures(*held["expected"]), held["shares"])
    except (KeyError, ValueError, TypeError):
        return None
