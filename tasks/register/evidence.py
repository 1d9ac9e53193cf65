"""Recipe evidence: the results of two recipes, both trained anew on the same splits of one corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


class Interval(NamedTuple):
    """A mean difference, its standard error corrected for shared rows, and its bounds."""

    mean: float
    error: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Folds:
    """Challenger minus rival on each of J splits: accuracy and macro-F1, float64 [J], with the mean rows of a split."""

    accuracy: np.ndarray
    macro_f1: np.ndarray
    train_rows: float
    test_rows: float
    rows: int  # of the corpus that took part

    @classmethod
    def of(cls, report: Mapping[str, Any], rival: str) -> Folds:
        """Read the differences to `rival` from the report of the step `folds`."""
        differences = report["differences"][rival]
        accuracy, macro_f1 = (np.array(differences[name], np.float64) for name in ("accuracy", "macro_f1"))
        return cls(accuracy, macro_f1, report["split_train_rows"], report["split_test_rows"], report["rows"])


def corrected_interval(difference_J: np.ndarray, train_rows: float, test_rows: float, level: float) -> Interval:
    """The interval of a mean over splits whose training rows overlap: Student's t with J - 1 degrees of freedom.

    Nadeau & Bengio (2003), "Inference for the Generalization Error", Machine Learning 52:239-281: the variance between
    splits counts 1/J + test_rows/train_rows times, not 1/J times, so that more splits of the same rows cannot make it as small
    as one likes. For repeated cross-validation: Bouckaert & Frank (2004), "Evaluating the Replicability of Significance Tests
    for Comparing Learning Algorithms", PAKDD, LNCS 3056:3-12. `level` is two-sided, such as 0.95.
    """
    from scipy.special import stdtrit

    splits = len(difference_J)
    if splits < 2:
        raise ValueError(f"{splits} split has no variance")
    mean = float(difference_J.mean())
    error = float(difference_J.std(ddof=1)) * (1 / splits + test_rows / train_rows) ** 0.5
    reach = float(stdtrit(splits - 1, (1 + level) / 2)) * error
    return Interval(mean, error, mean - reach, mean + reach)
