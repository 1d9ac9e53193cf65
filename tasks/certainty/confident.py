"""Confident learning: which labels are probably wrong, by probabilities of models that were not trained on them.

Northcutt, Jiang & Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial
Intelligence Research 70:1373-1411. The figures are those of the library cleanlab, which the tests compare with.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Doubts(NamedTuple):
    """What is doubted about labels [N], int64.

    `joint` int64 [C, C] counts rows by given and by probable label, those alone of which the models are confident. `suggested`
    [N] is the most probable other label, `issue` bool [N] whether the row counts beside the diagonal of `joint`, `quality`
    float64 [N] how little the label is doubted: its probability (the paper's self-confidence). `order` has all rows, the most
    doubtful first.
    """

    joint: np.ndarray
    suggested: np.ndarray
    issue: np.ndarray
    quality: np.ndarray
    order: np.ndarray


def doubts(probabilities_NC: np.ndarray, labels_N: np.ndarray) -> Doubts:
    """Find the labels that are probably wrong; each row's probabilities are of a model that was not trained on it."""
    probabilities_NC = probabilities_NC.astype(np.float64)
    num, num_classes = probabilities_NC.shape
    rows = np.arange(num)
    quality_N = probabilities_NC[rows, labels_N]
    others_NC = probabilities_NC.copy()
    others_NC[rows, labels_N] = -1.0
    suggested_N = others_NC.argmax(1)
    probable_N = confident_labels(probabilities_NC, labels_N)
    counted_N = probable_N >= 0
    joint_CC = np.bincount(labels_N[counted_N] * num_classes + probable_N[counted_N], minlength=num_classes**2)
    issue_N = counted_N & (probable_N != labels_N)
    order_N = np.argsort(quality_N, kind="stable")
    return Doubts(joint_CC.reshape(num_classes, num_classes), suggested_N, issue_N, quality_N, order_N)


def confident_labels(probabilities_NC: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """The label that a row probably has: int64 [N], -1 where the models are confident of none.

    Of a class they are confident where its probability is at least its mean among the rows that are labelled so. Where that
    is so of several classes, the most probable of all counts.
    """
    num_classes = probabilities_NC.shape[1]
    counts_C = np.bincount(labels_N, minlength=num_classes)
    sums_C = np.bincount(labels_N, weights=probabilities_NC[np.arange(len(labels_N)), labels_N], minlength=num_classes)
    thresholds_C = np.where(counts_C > 0, sums_C / np.maximum(counts_C, 1), np.inf)
    sure_NC = probabilities_NC >= thresholds_C - 1e-6  # as cleanlab has it, for probabilities that are all the same
    best_N = np.where(sure_NC.sum(1) > 1, probabilities_NC.argmax(1), sure_NC.argmax(1))
    return np.where(sure_NC.any(1), best_N, -1)


def share_wrong(joint_CC: np.ndarray, labels_N: np.ndarray) -> float:
    """The share of labels that are wrong, as the joint estimates it: each row of it scaled to the rows of its label."""
    counts_C = np.bincount(labels_N, minlength=len(joint_CC))
    confident_C = joint_CC.sum(1)
    wrong_C = np.where(confident_C > 0, 1 - joint_CC.diagonal() / np.maximum(confident_C, 1), 0.0)
    return float((wrong_C * counts_C).sum() / max(counts_C.sum(), 1))
