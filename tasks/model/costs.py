"""What errors cost, and the answer that is cheapest to expect. Shapes: N texts, C labels.

Elkan (2001), "The Foundations of Cost-Sensitive Learning".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

COSTS = "costs.json"
USUAL = 1.0  # of an error of which nothing is said
NO_ANSWER = -1


@dataclass(frozen=True)
class Costs:
    """The cost of each answer by true label, `matrix` float64 [C, C] (true, given), and of none (None: always answer)."""

    labels: tuple[str, ...]
    matrix: np.ndarray
    abstain: float | None

    @classmethod
    def read(cls, folder: Path) -> Costs | None:
        """The costs that a package carries, whose files are verified; None if it carries none."""
        try:
            content = json.loads((folder / COSTS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(tuple(content["labels"]), np.array(content["matrix"], np.float64), content["abstain"])

    def written(self) -> dict[str, Any]:
        """The content of the file."""
        return {"labels": list(self.labels), "matrix": self.matrix.tolist(), "abstain": self.abstain}

    def decide(self, probabilities_NC: np.ndarray) -> np.ndarray:
        """The label that is cheapest to expect of each text, int64 [N]; NO_ANSWER where every one is dearer than none."""
        expected_NC = probabilities_NC.astype(np.float64) @ self.matrix
        best_N = expected_NC.argmin(1)
        if self.abstain is None:
            return best_N
        return np.where(expected_NC.min(1) > self.abstain, NO_ANSWER, best_N)

    def cost(self, true_N: np.ndarray, given_N: np.ndarray) -> np.ndarray:
        """What each answer cost, float64 [N]; a true label that the model does not know (-1) costs USUAL."""
        cost_N = np.where(true_N >= 0, self.matrix[np.maximum(true_N, 0), np.maximum(given_N, 0)], USUAL)
        return cost_N if self.abstain is None else np.where(given_N == NO_ANSWER, self.abstain, cost_N)

    def threshold(self) -> float | None:
        """With two labels: the probability of the second from which it is the answer. None for more labels."""
        if len(self.labels) != 2:
            return None
        (right, false_alarm), (missed, also_right) = self.matrix
        wrong, lost = false_alarm - right, missed - also_right
        return float(wrong / (wrong + lost)) if wrong + lost > 0 else None
