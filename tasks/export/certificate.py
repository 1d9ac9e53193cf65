"""How far the answers of an exported folder are those of the package that it was made from, measured on rows.

Shapes: N rows, C labels.
"""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tasks.evaluate.compare import compare, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.export.rows import Rows

TOLERANCE = 1e-4  # of a probability, where nothing was left out
NO_LABEL = -1


class Answering(Protocol):
    """A package or an exported folder: texts in; probabilities, numbers of tokens and blank texts out."""

    labels: list[str]

    def answer(self, texts: Sequence[str]) -> Any:
        """Probabilities float32 [N, C], numbers of tokens [N], and `blank` bool [N]."""
        ...


@dataclass(frozen=True)
class Agreement:
    """The answers of two models on the same rows: labels, as numbers of `names`, -1 for none, int64 [N], and probabilities."""

    rows: Rows
    names: list[str]
    package: np.ndarray
    export: np.ndarray
    largest: float  # difference of a probability

    @classmethod
    def of(cls, package: Answering, export: Answering, rows: Rows) -> Agreement:
        """Let both label the rows; ValueError if they do not know the same labels."""
        if package.labels != export.labels:
            raise ValueError("the export has other labels than the package")
        one, other = package.answer(rows.texts), export.answer(rows.texts)
        largest = np.abs(one.probabilities.astype(np.float64) - other.probabilities).max(initial=0.0)
        return cls(rows, list(package.labels), _labels(one), _labels(other), float(largest))

    @property
    def same(self) -> int:
        """Rows that both give one label, or none."""
        return int((self.package == self.export).sum())

    @property
    def loss(self) -> float:
        """Accuracy of the package less that of the export, on the rows with a label; 0 without such rows."""
        one, other = self.correct
        return float(one.mean() - other.mean()) if len(one) else 0.0

    @property
    def correct(self) -> tuple[np.ndarray, np.ndarray]:
        """Which rows with a label each has right: bool [N] both."""
        number = {name: at for at, name in enumerate(self.names)}
        truth = np.array([number.get(label, NO_LABEL - 1) for label in self.rows.labels if label is not None], np.int64)
        labelled = np.array([label is not None for label in self.rows.labels], bool)
        return self.package[labelled] == truth, self.export[labelled] == truth

    def figures(self) -> dict[str, Any]:
        """What the certificate says of these rows; intervals are of 95%."""
        num_rows = len(self.package)
        found: dict[str, Any] = {
            "source": self.rows.source,
            "rows": num_rows,
            "same_label": self.same,
            "agreement": self.same / num_rows if num_rows else None,
            "agreement_95": wilson_interval(self.same / num_rows, num_rows) if num_rows else None,
            "largest_difference": self.largest,
        }
        one, other = self.correct
        if len(one):
            between = compare(other, one)
            found |= {
                "labelled_rows": len(one),
                "accuracy_of_package": float(one.mean()),
                "accuracy_of_export": float(other.mean()),
                "accuracy_difference": between.difference,
                "accuracy_difference_95": [between.lower_95, between.upper_95],
            }
        return found


def libraries(*names: str) -> dict[str, str]:
    """The versions that the answers were made with."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}


def _labels(answer: Any) -> np.ndarray:
    """A text that the model finds nothing in has no label."""
    return np.where(answer.blank | (answer.tokens == 0), NO_LABEL, answer.probabilities.argmax(axis=1))
