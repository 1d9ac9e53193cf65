import numpy as np
import pytest

from tasks.register.evidence import Folds
from tasks.register.gate import Evidence, Gate, GateDecision, Rival, Rule, decide

LABELS = ("neg", "pos")
PROMOTE = "textmill models promote 7"


def rows(right: int, wrong: int) -> np.ndarray:
    return np.array([True] * right + [False] * wrong)


def rival(
    correct: np.ndarray,
    seen: int = 0,
    labels: tuple[str, ...] = LABELS,
    title: str = "champion version 1",
    folds: Folds | str | None = None,
) -> Rival:
    return Rival(title, labels, correct, np.arange(len(correct)) < seen, folds)


def judged(
    correct: np.ndarray,
    champion: Rival | None,
    best: Rival | None = None,
    gate: Gate = "not_worse",
    margin: float = 0.01,
    evidence: Evidence = "test",
) -> GateDecision:
    return decide(correct, LABELS, champion, best, Rule(gate, margin, evidence), promote=PROMOTE)


def pair(rows: int, only_challenger: int, only_champion: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows challenger and champion have right, if they differ in these."""
    challenger, champion = np.ones(rows, bool), np.ones(rows, bool)
    champion[:only_challenger] = False
    challenger[only_challenger : only_challenger + only_champion] = False
    return challenger, champion


def folds(accuracy: float, macro_f1: float, *, spread: float = 0.02, splits: int = 30) -> Folds:
    """Splits whose differences have this mean and this deviation."""
    around = np.tile([-1.0, 1.0], splits // 2) * spread
    return Folds(accuracy + around, macro_f1 + around, 1350, 150, 1500)


@pytest.mark.parametrize(("rows_of_folds", "verdict"), [(60, "refused"), (160, "refused"), (305, "refused"), (800, "promoted")])
def test_recipes_that_agree_on_every_row_are_shown_alike_by_many_rows_only(rows_of_folds: int, verdict: str) -> None:
    challenger, champion = pair(40, 0, 0)
    alike = Folds(np.zeros(30), np.zeros(30), rows_of_folds * 0.9, rows_of_folds * 0.1, rows_of_folds)
    decision = judged(challenger, rival(champion, folds=alike), evidence="auto")
    assert decision.verdict == verdict
    assert decision.figures["champion_folds_lower"] < 0
    assert f"lower bound {100 * decision.figures['champion_folds_lower']:+.1f}, allowed -1.0" in decision.reason


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
    challenger, champion = pair(10_000, only_challenger, only_champion)
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


def test_a_refusal_says_what_is_needed_and_how_to_promote_all_the_same() -> None:
    challenger, champion = pair(316, 30, 22)  # +2.5 points, and an equal pair of models would not pass
    decision = judged(challenger, rival(champion))
    assert decision.verdict == "refused"
    assert "needed: about +3.5 points on 316 test rows; or: textmill models promote 7" in decision.reason
    # As many more rows right as it says, and it is promoted.
    needed = round(0.035 * 316)
    only_champion = (52 - needed) // 2
    assert judged(*_as_rival(pair(316, only_champion + needed, only_champion))).verdict == "promoted"
    assert judged(*_as_rival(pair(316, only_champion + needed - 2, only_champion + 1))).verdict == "refused"


def _as_rival(both: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, Rival]:
    return both[0], rival(both[1])


def test_what_a_gate_of_better_needs_is_a_lead_that_is_not_chance() -> None:
    decision = judged(*_as_rival(pair(1000, 30, 30)), gate="better")
    assert "needed: about +1.6 points on 1000 test rows" in decision.reason
    assert judged(*_as_rival(pair(1000, 38, 22)), gate="better").verdict == "promoted"


@pytest.mark.parametrize(
    ("only_challenger", "only_champion", "verdict", "by"),
    [
        (28, 24, "promoted", "recipe"),  # the test rows say little
        (24, 28, "promoted", "recipe"),
        (60, 20, "promoted", "test"),  # they speak for themselves
        (20, 40, "refused", "test"),  # a loss on unseen rows that is not chance is never overridden
    ],
)
def test_folds_decide_where_the_test_rows_are_too_few(only_challenger: int, only_champion: int, verdict: str, by: str) -> None:
    challenger, champion = pair(316, only_challenger, only_champion)
    decision = judged(challenger, rival(champion, folds=folds(0.02, 0.02)), evidence="auto")
    assert (decision.verdict, decision.figures["champion_evidence"]) == (verdict, by), decision.reason
    assert ("recipe evidence" in decision.reason) == (by == "recipe")


@pytest.mark.parametrize("evidence", ["auto", "folds"])
def test_folds_that_are_not_sure_refuse_and_say_what_they_need(evidence: Evidence) -> None:
    challenger, champion = pair(316, 28, 24)
    decision = judged(challenger, rival(champion, folds=folds(-0.005, 0.0)), evidence=evidence)
    assert decision.verdict == "refused"
    assert "points in folds of 1,500 rows; or: textmill models promote 7" in decision.reason
    assert decision.figures["champion_folds_difference"] == pytest.approx(-0.005)


def test_folds_with_a_macro_f1_that_is_significantly_worse_refuse() -> None:
    challenger, champion = pair(316, 28, 24)
    decision = judged(challenger, rival(champion, folds=folds(0.03, -0.03)), evidence="auto")
    assert decision.verdict == "refused"
    assert "worse macro-F1 by recipe evidence" in decision.reason
    assert judged(challenger, rival(champion, folds=folds(0.03, -0.005)), evidence="auto").verdict == "promoted"


def test_a_large_test_decides_alone() -> None:
    challenger, champion = pair(25_000, 500, 700)
    decision = judged(challenger, rival(champion, folds="must not be looked at"), evidence="auto")
    assert decision.figures["champion_evidence"] == "test"
    assert "recipe" not in decision.reason


def test_evidence_folds_asks_the_folds_even_where_the_test_would_do() -> None:
    challenger, champion = pair(25_000, 700, 690)
    decision = judged(challenger, rival(champion, folds=folds(-0.02, 0.0)), evidence="folds")
    assert (decision.verdict, decision.figures["champion_evidence"]) == ("refused", "recipe")


def test_without_recipe_evidence_the_test_rows_decide_and_the_reason_says_why() -> None:
    challenger, champion = pair(316, 36, 21)  # passes with 95%, not with the 99% that is asked beside folds
    why = "its settings were not kept"
    decision = judged(challenger, rival(champion, folds=why), evidence="auto")
    assert decision.verdict == "promoted"
    assert f"no recipe evidence: {why}" in decision.reason
    assert judged(challenger, rival(champion, folds=folds(-0.02, 0.0)), evidence="auto").verdict == "refused"


def test_folds_are_asked_for_only_where_they_could_change_the_decision() -> None:
    assert judged(*_as_rival(pair(316, 28, 24)), evidence="auto").open
    for only_challenger, only_champion in ((60, 20), (20, 40)):
        assert not judged(*_as_rival(pair(316, only_challenger, only_champion)), evidence="auto").open
    assert not judged(*_as_rival(pair(25_000, 500, 700)), evidence="auto").open
    assert not judged(*_as_rival(pair(316, 28, 24)), evidence="test").open


def test_the_best_champion_needs_recipe_evidence_of_its_own() -> None:
    challenger, champion = pair(316, 28, 24)
    best = rival(champion, title="the best champion, version 1", folds=folds(-0.02, 0.0))
    decision = judged(challenger, rival(champion, folds=folds(0.02, 0.02)), best, evidence="auto")
    assert decision.verdict == "refused"
    assert "best champion" in decision.reason
