import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, binom

from tasks.errors import RequestError
from tasks.model.abstention import ABSTENTION, Abstention, log_tail, upper_bound

LABELS = ("negative", "neutral", "positive")


def drawn(random: np.random.Generator, rows: int, sharpness: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [N, 3] that are true on average, and labels drawn from them."""
    logits_NC = random.normal(size=(rows, 3)) * sharpness
    probabilities_NC = np.exp(logits_NC - logits_NC.max(1, keepdims=True))
    probabilities_NC /= probabilities_NC.sum(1, keepdims=True)
    true_N = (probabilities_NC.cumsum(1) > random.random((rows, 1))).argmax(1)
    return probabilities_NC.astype(np.float32), true_N


def selective(
    abstention: Abstention, rows: tuple[np.ndarray, np.ndarray], max_error: float, *, each_label: bool = False
) -> list[float]:
    """The error among the answers of many other rows, of all or of each label; nothing where nothing is answered."""
    probabilities_NC, true_N = rows
    made = abstention.possible(max_error, each_label=each_label)
    if made is None:
        return []
    answered_N = made.answers(probabilities_NC)
    best_N = probabilities_NC.argmax(1)
    parts = [answered_N & (best_N == label) for label in range(3)] if each_label else [answered_N]
    return [float((best_N != true_N)[part].mean()) for part in parts if part.any()]


@pytest.mark.parametrize(
    ("errors", "answered", "rate"), [(0, 59, 0.05), (3, 200, 0.02), (40, 90, 0.6), (7, 7, 0.5), (0, 0, 0.1)]
)
def test_the_tail_is_the_binomial_one(errors: int, answered: int, rate: float) -> None:
    assert math.exp(log_tail(errors, answered, rate)) == pytest.approx(binom.cdf(errors, answered, rate))


@pytest.mark.parametrize(("errors", "answered"), [(0, 59), (3, 200), (40, 90), (199, 200)])
def test_the_bound_is_that_of_clopper_and_pearson(errors: int, answered: int) -> None:
    assert upper_bound(errors, answered) == pytest.approx(beta.ppf(0.95, errors + 1, answered - errors))


def test_no_answer_has_no_bound() -> None:
    assert upper_bound(0, 0) == 1.0


@pytest.mark.parametrize("each_label", [False, True])
def test_a_promise_is_broken_in_at_most_five_of_a_hundred_draws(each_label: bool) -> None:
    random, broken, draws = np.random.default_rng(5), 0, 300
    whole = drawn(random, 30_000)
    for _ in range(draws):
        made = Abstention.measured("held", LABELS, drawn(random, 300), drawn(random, 200))
        broken += max(selective(made, whole, 0.1, each_label=each_label), default=0.0) > 0.1
    assert broken <= binom.ppf(0.999, draws, 0.05)


def test_rows_that_mislead_the_start_break_no_promise() -> None:
    """The rows that choose may be ones that the model was fitted to, and say that it is never wrong."""
    random, broken, draws = np.random.default_rng(6), 0, 300
    whole = drawn(random, 30_000)
    for _ in range(draws):
        probabilities_NC, _ = drawn(random, 200)
        made = Abstention.measured("held", LABELS, drawn(random, 300), (probabilities_NC, probabilities_NC.argmax(1)))
        broken += max(selective(made, whole, 0.1), default=0.0) > 0.1
    assert broken <= binom.ppf(0.999, draws, 0.05)


def test_more_rows_answer_more_texts() -> None:
    random = np.random.default_rng(7)
    whole, chosen = drawn(random, 50_000), drawn(random, 300)
    shares = []
    for rows in (500, 2000, 20_000):
        made = Abstention.measured("held", LABELS, drawn(random, rows), chosen).promise(0.1)
        shares.append(made.answers(whole[0]).mean())
    assert shares == sorted(shares)
    assert shares[-1] > 0.6


def test_what_cannot_be_promised_says_what_can() -> None:
    random = np.random.default_rng(8)
    made = Abstention.measured("held", LABELS, drawn(random, 50), drawn(random, 50))
    with pytest.raises(
        RequestError, match=r"^50 calibration rows cannot promise .* at most 0\.01; the least they can promise is 0\.\d+$"
    ) as refused:
        made.promise(0.01)
    made.promise(float(str(refused.value).rpartition(" ")[2]))


def test_no_rows_promise_nothing() -> None:
    nothing = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
    with pytest.raises(RequestError, match="too few"):
        Abstention.measured("held", LABELS, nothing, nothing).promise(0.05)


@pytest.mark.parametrize("max_error", [0.0, 1.0, -0.1, float("nan")])
def test_an_error_that_is_no_share_is_refused(max_error: float) -> None:
    random = np.random.default_rng(8)
    with pytest.raises(RequestError, match="between 0 and 1"):
        Abstention.measured("held", LABELS, drawn(random, 50), drawn(random, 50)).promise(max_error)


def test_a_label_of_which_too_few_rows_are_known_is_never_given() -> None:
    random = np.random.default_rng(9)
    probabilities_NC, true_N = drawn(random, 2000)
    rare_N = (probabilities_NC.argmax(1) == 2) & (np.arange(2000) > 40)
    rows = probabilities_NC[~rare_N], true_N[~rare_N]
    made = Abstention.measured("held", LABELS, rows, rows).promise(0.1, each_label=True)
    assert math.isinf(made.thresholds[2])
    assert not made.answers(np.array([[0.0, 0.0, 1.0]], np.float32))[0]
    assert made.facts()["thresholds"][2] is None


def test_a_package_carries_it(tmp_path: Path) -> None:
    random = np.random.default_rng(10)
    made = Abstention.measured("held", LABELS, drawn(random, 500), drawn(random, 100))
    assert Abstention.read(tmp_path) is None
    (tmp_path / ABSTENTION).write_text(json.dumps(made.written()))
    assert Abstention.read(tmp_path) == made
