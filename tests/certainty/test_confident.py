import numpy as np
import pytest

from tasks.certainty.confident import doubts, share_wrong


def noisy(rows: int, classes: int, flipped: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities [N, C], labels of which a share is wrong [N], and which are [N]."""
    random = np.random.default_rng(seed)
    true_N = random.integers(0, classes, rows)
    logits_NC = random.normal(size=(rows, classes))
    logits_NC[np.arange(rows), true_N] += 3
    probabilities_NC = np.exp(logits_NC) / np.exp(logits_NC).sum(1, keepdims=True)
    wrong_N = random.random(rows) < flipped
    labels_N = np.where(wrong_N, (true_N + random.integers(1, classes, rows)) % classes, true_N)
    return probabilities_NC, labels_N, wrong_N


@pytest.mark.parametrize(("classes", "flipped"), [(2, 0.05), (3, 0.2), (10, 0.1)])
def test_all_is_as_the_library_has_it(classes: int, flipped: float) -> None:
    cleanlab = pytest.importorskip("cleanlab", reason="cleanlab is not installed (pip install -e .[dev])")
    from cleanlab.rank import get_label_quality_scores

    probabilities_NC, labels_N, _ = noisy(600, classes, flipped)
    found = doubts(probabilities_NC, labels_N)
    joint, beside = cleanlab.count.compute_confident_joint(
        labels_N, probabilities_NC, calibrate=False, return_indices_of_off_diagonals=True
    )
    assert (found.joint == joint).all()
    assert sorted(np.flatnonzero(found.issue)) == sorted(beside)
    quality_N = get_label_quality_scores(labels_N, probabilities_NC, method="self_confidence")
    assert found.quality == pytest.approx(quality_N)
    calibrated = cleanlab.count.calibrate_confident_joint(joint, labels_N)
    assert share_wrong(found.joint, labels_N) == pytest.approx(1 - calibrated.trace() / calibrated.sum(), abs=0.01)


def test_flipped_labels_come_first_and_their_true_label_is_suggested() -> None:
    probabilities_NC, labels_N, wrong_N = noisy(1000, 3, 0.05)
    found = doubts(probabilities_NC, labels_N)
    first = found.order[: wrong_N.sum()]
    assert wrong_N[first].mean() > 0.7
    assert (found.suggested[first] != labels_N[first]).all()
    assert (np.diff(found.quality[found.order]) >= 0).all()
    assert share_wrong(found.joint, labels_N) == pytest.approx(0.05, abs=0.03)


def test_a_label_without_rows_is_suggested_and_counts_nothing() -> None:
    probabilities_NC = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    found = doubts(probabilities_NC, np.array([0, 0, 0]))
    assert found.suggested.tolist() == [1, 1, 1]
    assert found.joint[1].sum() == 0


def test_nothing_is_doubted_of_no_rows() -> None:
    found = doubts(np.zeros((0, 2)), np.zeros(0, np.int64))
    assert len(found.order) == 0
    assert share_wrong(found.joint, np.zeros(0, np.int64)) == 0.0
