from pathlib import Path

import numpy as np
import pytest

from tasks.certainty.costs import decided, read_costs
from tasks.errors import RequestError
from tasks.model.costs import NO_ANSWER

LABELS = ["bad", "good"]


def written(folder: Path, text: str) -> Path:
    (path := folder / "costs.toml").write_text(text)
    return path


def test_the_answer_is_the_one_that_is_cheapest_to_expect(tmp_path: Path) -> None:
    costs = read_costs(written(tmp_path, "[bad]\ngood = 9\n"), LABELS)
    assert costs.matrix.tolist() == [[0, 9], [1, 0]]
    assert costs.threshold() == 0.9
    probabilities_NC = np.array([[0.2, 0.8], [0.05, 0.95]], np.float32)
    assert costs.decide(probabilities_NC).tolist() == [0, 1]


def test_no_answer_is_given_where_it_would_be_dearer(tmp_path: Path) -> None:
    costs = read_costs(written(tmp_path, "abstain = 0.3\n"), LABELS)
    probabilities_NC = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]], np.float32)
    assert costs.decide(probabilities_NC).tolist() == [NO_ANSWER, 0, 1]
    assert costs.cost(np.array([1, 1, -1]), np.array([NO_ANSWER, 0, 1])).tolist() == [0.3, 1.0, 1.0]


def test_what_is_saved_is_counted(tmp_path: Path) -> None:
    costs = read_costs(written(tmp_path, "[bad]\ngood = 9\n"), LABELS)
    probabilities_NC, true_N = np.array([[0.2, 0.8], [0.2, 0.8], [0.01, 0.99]], np.float32), np.array([0, 1, 1])
    found = decided(costs, probabilities_NC, true_N)
    assert (found["usual_cost"], found["least_cost"]) == (3.0, pytest.approx(1 / 3))
    assert (found["changed"], found["usual_wrong"], found["wrong"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bad\n", "cannot be read as TOML"),
        ("[ugly]\ngood = 1\n", "ugly is not a label of the corpus; its labels are bad, good"),
        ("[bad]\nugly = 1\n", "ugly is not a label"),
        ("[bad]\ngood = -1\n", r"the cost of bad\.good is -1; give a number from 0 on"),
        ("[bad]\ngood = 'much'\n", r"the cost of bad\.good is 'much'"),
        ("[bad]\ngood = nan\n", "nan"),
        ("bad = 3\n", "bad is not a table"),
        ("abstain = true\n", "the cost of abstain is True"),
    ],
)
def test_a_file_of_costs_that_is_wrong_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=said):
        read_costs(written(tmp_path, text), LABELS)


def test_a_label_may_be_called_abstain(tmp_path: Path) -> None:
    costs = read_costs(written(tmp_path, "[abstain]\nvote = 4\n"), ["abstain", "vote"])
    assert costs.abstain is None
    assert costs.matrix[0, 1] == 4
