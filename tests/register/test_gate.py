import numpy as np
import pytest

from tasks.register.gate import Decision, Gate, Rival, decide

LABELS = ("neg", "pos")


def rows(right: int, wrong: int) -> np.ndarray:
    return np.array([True] * right + [False] * wrong)


def rival(correct: np.ndarray, seen: int = 0, labels: tuple[str, ...] = LABELS, title: str = "champion version 1") -> Rival:
    return Rival(title, labels, correct, np.arange(len(correct)) < seen)


def judged(
    correct: np.ndarray, champion: Rival | None, best: Rival | None = None, gate: Gate = "not_worse", margin: float = 0.01
) -> Decision:
    return decide(correct, LABELS, champion, best, gate=gate, margin=margin, version=7)


def test_the_first_version_becomes_champion() -> None:
    assert judged(rows(6, 4), None).verdict == "first"


def test_other_labels_are_never_promoted_and_the_reason_says_how() -> None:
    decision = judged(rows(900, 0), rival(rows(500, 400), labels=("bad", "good")))
    assert decision.verdict == "refused"
    assert "textmill models promote 7" in decision.reason


def test_the_order_of_labels_does_not_matter() -> None:
    assert judged(rows(900, 0), rival(rows(500, 400), labels=("pos", "neg"))).verdict == "promoted"


@pytest.mark.parametrize(
    ("only_challenger", "only_champion", "better", "not_worse"),
    [
        (200, 100, "promoted", "promoted"),
        (110, 100, "refused", "promoted"),  # a lead that may be chance
        (100, 110, "refused", "promoted"),  # a loss within the margin
        (100, 300, "refused", "refused"),
    ],
)
def test_the_gates_on_10000_rows(only_challenger: int, only_champion: int, better: str, not_worse: str) -> None:
    challenger, champion = np.ones(10_000, bool), np.ones(10_000, bool)
    champion[:only_challenger] = False
    challenger[only_challenger : only_challenger + only_champion] = False
    assert judged(challenger, rival(champion), gate="better").verdict == better
    decision = judged(challenger, rival(champion))
    assert decision.verdict == not_worse
    assert decision.figures["champion_difference"] == pytest.approx((only_challenger - only_champion) / 10_000)


def test_rows_the_champion_trained_on_are_left_out_and_counted() -> None:
    # On the 500 rows it trained on the champion is perfect; on the others the challenger is better.
    champion = np.concatenate([np.ones(500, bool), rows(300, 200)])
    challenger = np.concatenate([np.zeros(500, bool), rows(450, 50)])
    assert judged(challenger, rival(champion)).verdict == "refused"
    decision = judged(challenger, rival(champion, seen=500))
    assert decision.verdict == "promoted"
    assert decision.figures["champion_rows_left_out"] == 500
    assert "500 left out" in decision.reason


def test_too_few_fair_rows_are_refused() -> None:
    decision = judged(rows(40, 0), rival(rows(0, 40), seen=11))
    assert decision.verdict == "refused"
    assert "only 29 test rows" in decision.reason


def test_small_losses_do_not_add_up() -> None:
    best, champion, challenger = rows(9_400, 600), rows(9_330, 670), rows(9_260, 740)
    assert judged(challenger, rival(champion)).verdict == "promoted"
    decision = judged(challenger, rival(champion), rival(best, title="the best champion, version 1"))
    assert decision.verdict == "refused"
    assert "best champion" in decision.reason


def test_the_margin_is_obeyed() -> None:
    champion, challenger = rows(9_500, 500), rows(9_400, 600)
    assert judged(challenger, rival(champion), margin=0.005).verdict == "refused"
    assert judged(challenger, rival(champion), margin=0.05).verdict == "promoted"
