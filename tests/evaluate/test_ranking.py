"""Area and average precision are scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tasks.evaluate.ranking import ranking

ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 0.875, 1.0])), min_size=2, max_size=30)


@given(ROWS)
def test_of_two_labels_they_are_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    truth, second = [right for right, _ in rows], np.array([score for _, score in rows])
    found = ranking(["b" if right else "a" for right in truth], ["a", "b"], np.stack([1 - second, second], 1))
    if len(set(truth)) < 2:
        assert found is None
        return
    assert found is not None
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, second))
    assert found["average_precision"]["b"] == pytest.approx(average_precision_score(truth, second))
    assert found["average_precision"]["a"] == pytest.approx(average_precision_score(~np.array(truth), -second))


def test_rows_of_another_label_are_left_out_and_three_labels_have_none() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert ranking(["a", "b", "c"], ["a", "b"], probabilities) == {"roc_auc": 1.0, "average_precision": {"a": 1.0, "b": 1.0}}
    assert ranking(["a", "b", "c"], ["a", "b", "c"], np.eye(3)) is None
