"""Decide whether a challenger replaces the champion, from which of the same test rows each has right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.evaluate.compare import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

Verdict = Literal["first", "promoted", "refused", "unchanged"]
Gate = Literal["better", "not_worse"]

MIN_ROWS = 30  # below, a lost row in ten could pass for chance
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Rival:
    """A model the challenger must stand up to, and how it does on the test rows, in their order: bool [N] each.

    `seen` marks rows that the rival trained on; they say nothing about it. `labels` are the classes it knows.
    """

    title: str  # "champion version 3"
    labels: Sequence[str]
    correct: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class Decision:
    """The verdict, why in one sentence, and the figures behind it."""

    verdict: Verdict
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def decide(
    correct: np.ndarray,
    labels: Sequence[str],
    champion: Rival | None,
    best: Rival | None,
    *,
    gate: Gate,
    margin: float,
    version: int,
) -> Decision:
    """Judge a challenger that has `correct` (bool [N]) of the test rows right and knows `labels`.

    `better`: its lead over the champion has a mid-p below 0.05 (McNemar). `not_worse`: the 95% lower bound of its accuracy
    minus a rival's lies above -margin, for the champion and for `best`, the best champion before it, so that small losses
    cannot add up. Rows that a rival trained on are left out of its comparison and counted.
    """
    if champion is None:
        return Decision("first", "no champion yet", {"accuracy": _mean(correct), "rows": len(correct)})
    if sorted(champion.labels) != sorted(labels):
        ours, theirs = ", ".join(sorted(labels)), ", ".join(sorted(champion.labels))
        reason = f"other labels ({ours}) than {champion.title} ({theirs}); if meant, run: textmill models promote {version}"
        return Decision("refused", reason)
    figures: dict[str, Any] = {}
    for rival in (champion, best):
        if rival is None or sorted(rival.labels) != sorted(labels):
            continue
        verdict, reason, measured = _against(rival, correct, gate if rival is champion else "not_worse", margin)
        figures |= {f"{'champion' if rival is champion else 'best'}_{key}": value for key, value in measured.items()}
        if not verdict:
            return Decision("refused", reason, figures)
        if rival is champion:
            passed = reason
    return Decision("promoted", passed, figures)


def _against(rival: Rival, correct: np.ndarray, gate: Gate, margin: float) -> tuple[bool, str, dict[str, Any]]:
    fair = ~rival.seen
    num_rows, num_seen = int(fair.sum()), int(rival.seen.sum())
    measured: dict[str, Any] = {"rows": num_rows, "rows_left_out": num_seen}
    left_out = f", {num_seen} left out that it trained on" if num_seen else ""
    if num_rows < MIN_ROWS:
        return False, f"only {num_rows} test rows to compare with {rival.title}{left_out}; {MIN_ROWS} are needed", measured
    found = compare(correct[fair], rival.correct[fair])
    measured |= {
        "accuracy": _mean(rival.correct[fair]),
        "challenger_accuracy": _mean(correct[fair]),
        "difference": found.difference,
        "lower_95": found.lower_95,
        "upper_95": found.upper_95,
        "mid_p": found.mid_p,
    }
    ours, theirs = measured["challenger_accuracy"], measured["accuracy"]
    facts = f"{ours:.4f} against {theirs:.4f} of {rival.title} on {num_rows} test rows{left_out}"
    if gate == "better":
        passed = found.difference > 0 and found.mid_p < SIGNIFICANCE
        return passed, f"{'better' if passed else 'not better'}: {facts} (mid-p {found.mid_p:.3g})", measured
    passed = found.lower_95 > -margin
    bound = f"95% lower bound of the difference {found.lower_95:+.4f}, allowed {-margin:+.4f}"
    return passed, f"{'not worse' if passed else 'may be worse'}: {facts} ({bound})", measured


def _mean(correct: np.ndarray) -> float | None:
    return float(correct.mean()) if len(correct) else None
