"""The file of what errors cost, and what the answers that are cheapest to expect save. Shapes: N rows, C labels."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.model.costs import COSTS, NO_ANSWER, USUAL, Costs
from tasks.prepare.read import read_labels
from tasks.shown import in_line
from tasks.store.digests import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ABSTAIN = "abstain"


def read_costs(path: Path, labels: Sequence[str]) -> Costs:
    """Read a file of costs: a table for each true label, with a number for each given one; RequestError says what is wrong."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequestError(f"{path}: cannot be read as TOML ({error})") from None
    abstain = values.pop(ABSTAIN, None) if ABSTAIN not in labels or not isinstance(values.get(ABSTAIN), dict) else None
    if abstain is not None:
        _checked(path, ABSTAIN, abstain)
    matrix = np.full((len(labels), len(labels)), USUAL)
    np.fill_diagonal(matrix, 0.0)
    position = {name: at for at, name in enumerate(labels)}
    for true, row in values.items():
        _known(path, true, position)
        if not isinstance(row, dict):
            raise RequestError(
                f"{path}: {in_line(true)} is not a table; write [{in_line(true)}] and a cost for each given label"
            )
        for given, cost in row.items():
            _known(path, given, position)
            matrix[position[true], position[given]] = _checked(path, f"{true}.{given}", cost)
    return Costs(tuple(labels), matrix, None if abstain is None else float(abstain))


def _known(path: Path, name: str, position: Mapping[str, int]) -> None:
    if name not in position:
        known = ", ".join(map(in_line, list(position)[:20]))
        raise RequestError(f"{path}: {in_line(name)} is not a label of the corpus; its labels are {known}")


def _checked(path: Path, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise RequestError(f"{path}: the cost of {in_line(name)} is {value!r}; give a number from 0 on")
    return float(value)


def decided(costs: Costs, probabilities_NC: np.ndarray, true_N: np.ndarray) -> dict[str, Any]:
    """What the usual answers cost and what those that are cheapest to expect cost, on labelled rows."""
    usual_N, cheapest_N = probabilities_NC.argmax(1), costs.decide(probabilities_NC)
    answered_N = cheapest_N != NO_ANSWER
    wrong = int((answered_N & (cheapest_N != true_N)).sum())
    return {
        "rows": len(true_N),
        "usual_cost": float(costs.cost(true_N, usual_N).mean()),
        "least_cost": float(costs.cost(true_N, cheapest_N).mean()),
        "changed": int((usual_N != cheapest_N).sum()),
        "abstained": int((~answered_N).sum()),
        "usual_wrong": int((usual_N != true_N).sum()),
        "wrong": wrong,
        "abstain": costs.abstain,
        "threshold": costs.threshold(),
        "labels": list(costs.labels),
        "matrix": costs.matrix.tolist(),
    }


def write_decision(path: Path, dataset: Path, folder: Path) -> dict[str, Any]:
    """Write costs.json, by which a package may answer, of a file of costs and the labels of a dataset."""
    costs = read_costs(path, read_labels(dataset))
    (folder / COSTS).write_text(canonical(costs.written()), encoding="utf-8")
    return costs.written()
