"""Figures about a classifier on labelled rows, each a plain number that goes into JSON.

Axes: N rows, C classes the classifier knows, K labels in play (its classes and any other label among the rows), B bins,
R resamples, M distinct outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluate.compare import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEW = 5  # rows that are right, or wrong: below, the bootstrap's interval of a share is too narrow
MAX_CELLS = 2_000_000  # outcome counts held at once while resampling: 16 MB


@dataclass(frozen=True)
class Outcomes:
    """The true and the predicted labels, as numbers of `names`.

    names: [K], sorted; trained: bool [K], which of them the classifier knows; true, predicted: int64 [N] below K;
    confidence: float64 [N], the probability of the predicted class; likelihood: float64 [N], that of the true one, 0 if the
    classifier cannot predict it.
    """

    names: list[str]
    trained: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    likelihood: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Rows that are right: bool [N]."""
        return self.true == self.predicted

    @property
    def confusion(self) -> np.ndarray:
        """Rows by true and predicted label: int64 [K, K]."""
        num = len(self.names)
        return np.bincount(self.true * num + self.predicted, minlength=num * num).reshape(num, num)


def outcomes(truth: Sequence[str], classes: Sequence[str], probabilities_NC: np.ndarray) -> Outcomes:
    """Line up true labels with predicted probabilities; of equally probable classes the first is predicted.

    A label that the classifier does not know counts as an error in each of its rows. ValueError if the shapes differ or a
    probability is not a number.
    """
    if probabilities_NC.shape != (len(truth), len(classes)):
        raise ValueError(f"probabilities of shape {probabilities_NC.shape} for {len(truth)} rows and {len(classes)} classes")
    bad = np.flatnonzero(~np.isfinite(probabilities_NC).all(axis=1))
    if len(bad):
        raise ValueError(f"{len(bad)} of {len(truth)} rows have probabilities that are not numbers, row {bad[0]} first")
    names = sorted({*classes, *truth})
    number = {name: position for position, name in enumerate(names)}
    known = set(classes)
    column_K = np.full(len(names), -1)
    column_K[[number[name] for name in classes]] = np.arange(len(classes))
    true_N = np.fromiter((number[label] for label in truth), dtype=np.int64, count=len(truth))
    best_N = probabilities_NC.argmax(axis=1)
    rows, columns_N = np.arange(len(truth)), column_K[true_N]
    return Outcomes(
        names,
        np.array([name in known for name in names]),
        true_N,
        np.array([number[name] for name in classes])[best_N],
        probabilities_NC[rows, best_N].astype(np.float64),
        np.where(columns_N >= 0, probabilities_NC[rows, columns_N], 0.0),
    )


def measure(rows: Outcomes, *, bins: int, bootstrap: int, seed: int) -> dict[str, Any]:
    """Compute every figure that the report shows about one classifier; `rows` has at least one row."""
    confusion_KK = rows.confusion
    right_K, true_K, predicted_K = confusion_KK.diagonal(), confusion_KK.sum(axis=1), confusion_KK.sum(axis=0)
    precision_K, recall_K = _share(right_K, predicted_K), _share(right_K, true_K)
    f1_K, macro_f1 = f1_scores(confusion_KK)
    intervals, methods = confidence_intervals(confusion_KK, f1_K, resamples=bootstrap, seed=seed)
    reliability = reliability_bins(rows.confidence, rows.correct, bins)
    per_class = {
        name: {
            "precision": float(precision_K[k]),
            "recall": float(recall_K[k]),
            "f1": float(f1_K[k]),
            "f1_interval": intervals["f1"][k],
            "support": int(true_K[k]),
            "predicted": int(predicted_K[k]),
            "trained": bool(rows.trained[k]),
        }
        for k, name in enumerate(rows.names)
    }
    return {
        "test_rows": len(rows.true),
        "accuracy": float(rows.correct.mean()),
        "macro_f1": macro_f1,
        "ece": expected_calibration_error(reliability),
        # In nats; a likelihood of 0, that of a label the classifier does not know, counts as an epsilon, as in scikit-learn.
        "log_loss": float(-np.log(np.clip(rows.likelihood, np.finfo(np.float32).eps, 1.0)).mean()),
        "mean_confidence": float(rows.confidence.mean()),
        "intervals": {"accuracy": intervals["accuracy"], "macro_f1": intervals["macro_f1"]},
        "interval_methods": methods,
        "per_class": per_class,
        "labels": rows.names,
        "confusion": confusion_KK.tolist(),
        "reliability": reliability,
        "bootstrap": bootstrap,
    }


def f1_scores(confusion_KK: np.ndarray) -> tuple[np.ndarray, float]:
    """F1 of each label, 0 where it neither occurs nor is predicted, and the mean over the labels that do.

    scikit-learn's macro average over the labels of truth and predictions.
    """
    either_K = confusion_KK.sum(axis=0) + confusion_KK.sum(axis=1)
    f1_K = _share(2 * confusion_KK.diagonal(), either_K)
    return f1_K, float(f1_K[either_K > 0].mean())


def _share(part_K: np.ndarray, whole_K: np.ndarray) -> np.ndarray:
    """The quotients, 0 where the whole is 0."""
    return np.divide(part_K, whole_K, out=np.zeros(len(whole_K)), where=whole_K > 0)


def reliability_bins(confidence_N: np.ndarray, correct_N: np.ndarray, bins: int) -> list[dict[str, Any]]:
    """Count, mean confidence and accuracy in each of `bins` equal-width bins (low, high]; None where a bin is empty."""
    bin_N = np.clip(np.ceil(confidence_N * bins).astype(np.int64) - 1, 0, bins - 1)
    count_B = np.bincount(bin_N, minlength=bins)
    confidence_B = np.bincount(bin_N, weights=confidence_N, minlength=bins)
    correct_B = np.bincount(bin_N, weights=correct_N, minlength=bins)
    return [
        {
            "low": b / bins,
            "high": (b + 1) / bins,
            "count": int(count),
            "confidence": float(confidence_B[b] / count) if count else None,
            "accuracy": float(correct_B[b] / count) if count else None,
        }
        for b, count in enumerate(count_B)
    ]


def expected_calibration_error(reliability: Sequence[dict[str, Any]]) -> float:
    """Mean gap of confidence and accuracy over the bins, weighted by their rows.

    Naeini et al. (2015); Guo et al. (2017), "On Calibration of Modern Neural Networks", equation 3.
    """
    rows = sum(entry["count"] for entry in reliability)
    gaps = (entry["count"] * abs(entry["accuracy"] - entry["confidence"]) for entry in reliability if entry["count"])
    return sum(gaps) / rows


def confidence_intervals(
    confusion_KK: np.ndarray, f1_K: np.ndarray, *, resamples: int, seed: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """The intervals of `bootstrap_intervals`, or Wilson's where resampling has too little to go by; and the methods by name.

    Rows that are all right give [1, 1] by bootstrap, even if they are very few. So accuracy has Wilson's interval where fewer
    than five rows are right, or wrong; macro-F1 and a label's F1 where all resamples are alike. F1, TP / (TP + (FP + FN) / 2),
    is taken for a share of (true + predicted) / 2 rows, and macro-F1 for a share of as many rows as give the mean of the
    labels' shares its variance.
    """
    intervals = bootstrap_intervals(confusion_KK, resamples=resamples, seed=seed)
    methods = {"accuracy": "bootstrap", "macro_f1": "bootstrap"}
    num, right = int(confusion_KK.sum()), int(confusion_KK.trace())
    if min(right, num - right) < FEW:
        intervals["accuracy"], methods["accuracy"] = wilson_interval(right / num, num), "wilson"
    rows_K = (confusion_KK.sum(axis=0) + confusion_KK.sum(axis=1)) / 2
    present_K = rows_K > 0
    if _is_point(intervals["macro_f1"]):
        rows = present_K.sum() ** 2 / (1 / rows_K[present_K]).sum()
        intervals["macro_f1"] = wilson_interval(float(f1_K[present_K].mean()), float(rows))
        methods["macro_f1"] = "wilson"
    for k, pair in enumerate(intervals["f1"]):
        if pair is not None and _is_point(pair):
            intervals["f1"][k] = wilson_interval(float(f1_K[k]), float(rows_K[k]))
    return intervals, methods


def _is_point(pair: Sequence[float]) -> bool:
    return pair[1] - pair[0] < 1e-12


def bootstrap_intervals(confusion_KK: np.ndarray, *, resamples: int, seed: int) -> dict[str, Any]:
    """95% percentile intervals of accuracy, macro-F1 and each label's F1 (None if it neither occurs nor is predicted).

    Rows drawn with replacement fall into the cells of the confusion matrix by one multinomial draw, so a resample costs
    the cells that are not empty, however many rows there are. Calibration error gets no interval: resampling biases it
    upwards (Roelofs et al. 2022, "Mitigating Bias in Calibration Error Estimation").
    """
    true_M, predicted_M = np.nonzero(confusion_KK)
    counts_M = confusion_KK[true_M, predicted_M]
    accuracy, macro, f1 = [], [], []
    for counts_RM in resampled(counts_M, resamples, seed):
        f1_RK = _f1(counts_RM, true_M, predicted_M, len(confusion_KK))
        accuracy.append(counts_RM[:, true_M == predicted_M].sum(axis=1) / counts_M.sum())
        macro.append(np.nanmean(f1_RK, axis=1))
        f1.append(f1_RK)
    f1_RK = np.concatenate(f1)
    return {
        "accuracy": _percentiles(np.concatenate(accuracy)),
        "macro_f1": _percentiles(np.concatenate(macro)),
        "f1": [_percentiles(f1_R[~np.isnan(f1_R)]) if np.isfinite(f1_R).any() else None for f1_R in f1_RK.T],
    }


def macro_f1_difference(a: Outcomes, b: Outcomes, *, resamples: int, seed: int) -> tuple[float, list[float]]:
    """Macro-F1 of a minus that of b on the same rows, and its 95% paired bootstrap interval. Both have the same names."""
    num = len(a.names)
    cells_M, counts_M = np.unique((a.true * num + a.predicted) * num + b.predicted, return_counts=True)
    true_M, a_M, b_M = cells_M // (num * num), cells_M // num % num, cells_M % num

    def difference(counts_RM: np.ndarray) -> np.ndarray:
        macro_a_R = np.nanmean(_f1(counts_RM, true_M, a_M, num), axis=1)
        return macro_a_R - np.nanmean(_f1(counts_RM, true_M, b_M, num), axis=1)

    drawn = [difference(counts_RM) for counts_RM in resampled(counts_M, resamples, seed)]
    return float(difference(counts_M[None])[0]), _percentiles(np.concatenate(drawn))


def resampled(counts_M: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Bootstrap counts of outcomes in pieces of bounded size: int64 [at most `resamples`, M], `resamples` rows in all."""
    generator = np.random.default_rng(seed)
    shares_M = counts_M / counts_M.sum()
    piece = max(1, MAX_CELLS // len(counts_M))
    for start in range(0, resamples, piece):
        yield generator.multinomial(counts_M.sum(), shares_M, size=min(piece, resamples - start))


def _f1(counts_RM: np.ndarray, true_M: np.ndarray, predicted_M: np.ndarray, num: int) -> np.ndarray:
    """F1 of each label in each resample, [R, K]; NaN where a label neither occurs nor is predicted."""
    from scipy.sparse import csr_array

    cells = np.arange(len(true_M))
    ones = np.ones(len(true_M))
    either_MK = csr_array((np.tile(ones, 2), (np.tile(cells, 2), np.concatenate([true_M, predicted_M]))), (len(cells), num))
    right = true_M == predicted_M
    both_MK = csr_array((ones[right], (cells[right], true_M[right])), (len(cells), num))
    total_RK = counts_RM @ either_MK
    return np.divide(2 * (counts_RM @ both_MK), total_RK, out=np.full(total_RK.shape, np.nan), where=total_RK > 0)


def _percentiles(values_R: np.ndarray) -> list[float]:
    return [float(value) for value in np.quantile(values_R, [0.025, 0.975])]
