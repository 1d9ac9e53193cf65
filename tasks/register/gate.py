"""Decide whether a challenger replaces the champion, from which of the same test rows each has right.

Where the test rows are few, recipe evidence may help: the results of both recipes on folds of the corpus. docs/GATE.md has
the rule, with its costs and gains in simulated and in trained nights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.evaluate.compare import compare, mid_p, score_interval
from tasks.register.evidence import Folds, corrected_interval
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from tasks.evaluate.compare import Comparison

Verdict = Literal["first", "promoted", "refused", "unchanged"]
Gate = Literal["better", "not_worse"]
Evidence = Literal["auto", "test", "folds"]

MIN_ROWS = 30  # below, a lost row in ten could pass for chance
SIGNIFICANCE = 0.05
LEVEL = 0.95
# A night may promote a model that is worse by the margin with 2.5%. Where folds are asked too, test and folds share that:
# the few test rows alone promote with 0.5%, the folds with 1.5%, and 0.5% is kept, since their correction approximates.
STRICT_LEVEL, SHARED_LEVEL = 0.99, 0.97
STRICT_Z = 2.5758293035489004  # two-sided 99% of the standard normal


@dataclass(frozen=True)
class Rival:
    """A model that the challenger is compared with, and how it does on the test rows, in their order: bool [N] each.

    `seen` marks rows that the rival trained on; they say nothing about it. `labels` are the classes it knows. `folds` is
    recipe evidence, or the reason in its place; None: it was not asked for. `same_model`: the challenger's package has the
    very weights, labels and tokens of this one.
    """

    title: str  # "champion version 3"
    labels: Sequence[str]
    correct: np.ndarray
    seen: np.ndarray
    folds: Folds | str | None = None
    same_model: bool = False


@dataclass(frozen=True)
class Rule:
    """The gate's rule: register.gate, register.margin and register.evidence."""

    gate: Gate = "not_worse"
    margin: float = 0.01
    evidence: Evidence = "test"


@dataclass(frozen=True)
class GateDecision:
    """The verdict, why in one sentence, and the figures behind it. `open` if recipe evidence could still change it."""

    verdict: Verdict
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    open: bool = False


@dataclass(frozen=True)
class _Judgement:
    """The judgement about one rival; `needed` says in words which result would have passed."""

    passed: bool
    reason: str
    figures: Mapping[str, Any]
    needed: str = ""
    open: bool = False


def decide(
    correct: np.ndarray,
    labels: Sequence[str],
    champion: Rival | None,
    best: Rival | None,
    rule: Rule,
    *,
    promote: str,
    slices: Mapping[str, np.ndarray] | None = None,
) -> GateDecision:
    """Judge a challenger that has `correct` (bool [N]) of the test rows right and knows `labels`.

    `better`: its lead over the champion has a mid-p below 0.05 (McNemar). `not_worse`: the 95% lower bound of its accuracy
    minus a rival's lies above -margin, for the champion and for `best`, the best champion before it, so that small losses
    cannot add up. Rows that a rival trained on are left out of its comparison and counted. With evidence `auto` or `folds` a
    rival's recipe evidence counts as docs/GATE.md has it. The champion's own model in a new package is not compared with
    itself but promoted, so that what it carries beside can change. On none of `slices` (bool [N] each) may it lose to the
    champion. `promote` is the command that makes this version the champion.
    """
    if champion is None:
        return GateDecision("first", said("no champion yet"), {"accuracy": _mean(correct), "rows": len(correct)})
    if sorted(champion.labels) != sorted(labels):
        told = said(
            "other labels ({ours}) than {rival} ({theirs}); if meant, run: {command}",
            ours=joined(", ", sorted(labels)),
            theirs=joined(", ", sorted(champion.labels)),
            rival=champion.title,
            command=promote,
        )
        return GateDecision("refused", told)
    if champion.same_model and bool((correct == champion.correct).all()):
        told = said(
            "the model of {rival} with other things beside it, such as answers, costs or a promise", rival=champion.title
        )
        return GateDecision("promoted", told, {"accuracy": _mean(correct), "rows": len(correct)})
    figures: dict[str, Any] = {}
    passed = ""
    unsure = False
    for rival in (champion, best):
        if rival is None or sorted(rival.labels) != sorted(labels):
            continue
        own = rule if rival is champion else Rule("not_worse", rule.margin, rule.evidence)
        found = _judge(rival, correct, own)
        figures |= {f"{'champion' if rival is champion else 'best'}_{key}": value for key, value in found.figures.items()}
        if not found.passed and not found.open:
            needed = [said("needed: {result}", result=found.needed)] if found.needed else []
            return GateDecision("refused", joined("; ", [found.reason, *needed, _or_run(promote)]), figures)
        unsure = unsure or found.open
        passed = passed or found.reason
    found_on = {name: _on_slice(name, champion, correct, inside, rule) for name, inside in (slices or {}).items()}
    if found_on:
        figures["slices"] = {name: dict(found.figures) for name, found in found_on.items()}
        passed = joined("; ", [passed, said("no loss on {slices}", slices=joined(", ", found_on))])
    for found in found_on.values():
        if not found.passed:
            return GateDecision("refused", joined("; ", [found.reason, _or_run(promote)]), figures)
    if unsure:
        return GateDecision("refused", said("the test rows are too few: {passed}", passed=passed), figures, open=True)
    return GateDecision("promoted", passed, figures)


def _or_run(promote: str) -> str:
    return said("or: {command}", command=promote)


def _on_slice(name: str, champion: Rival, correct: np.ndarray, inside: np.ndarray, rule: Rule) -> _Judgement:
    """Whether a challenger does not lose on a slice of the test rows, which recipe evidence says nothing about.

    Where the slice is large enough to tell, it must be not worse by the margin; else, not worse by more than chance.
    """
    fair = inside & ~champion.seen
    num_rows = int(fair.sum())
    if not num_rows:
        told = said(
            "nothing to compare on {slice}: {rival} trained on all of its {rows} test rows",
            slice=name,
            rival=champion.title,
            rows=int(inside.sum()),
        )
        return _Judgement(False, told, {"rows": 0})
    found = compare(correct[fair], champion.correct[fair])
    ours, theirs = _mean(correct[fair]), _mean(champion.correct[fair])
    figures = {"rows": num_rows, "accuracy": theirs, "challenger_accuracy": ours, "difference": found.difference}
    figures |= {"lower_95": found.lower_95, "mid_p": found.mid_p}
    facts = said(
        "{ours:.4f} against {theirs:.4f} of {rival} on its {rows} test rows",
        ours=ours,
        theirs=theirs,
        rival=champion.title,
        rows=num_rows,
    )
    compared = {"slice": name, "facts": facts}
    if significantly_worse(found):
        return _Judgement(False, said("loses on {slice}: {facts} (mid-p {p:.3g})", p=found.mid_p, **compared), figures)
    if equal_would_pass(found, num_rows, rule.margin) and found.lower_95 <= -rule.margin:
        bound = _bound(found, rule)
        return _Judgement(False, said("may lose on {slice}: {facts} ({bound})", bound=bound, **compared), figures)
    return _Judgement(True, "", figures)


def _judge(rival: Rival, correct: np.ndarray, rule: Rule) -> _Judgement:
    fair = ~rival.seen
    num_rows, num_seen = int(fair.sum()), int(rival.seen.sum())
    figures: dict[str, Any] = {"rows": num_rows, "rows_left_out": num_seen, "evidence": "test"}
    found = compare(correct[fair], rival.correct[fair]) if num_rows else None
    if found is not None:
        figures |= {
            "accuracy": _mean(rival.correct[fair]),
            "challenger_accuracy": _mean(correct[fair]),
            "difference": found.difference,
            "lower_95": found.lower_95,
            "upper_95": found.upper_95,
            "mid_p": found.mid_p,
        }
    if rule.evidence != "test" and not _test_decides(found, num_rows, rule):
        if rival.folds is None:
            few = said("{rows} test rows to compare with {rival}", rows=num_rows, rival=rival.title)
            return _Judgement(False, _without_seen(few, num_seen), figures, open=True)
        if isinstance(rival.folds, Folds):
            return _judged_by_folds(rival.folds, rule, _without_seen(_facts(figures, rival, num_rows), num_seen), figures)
        figures["folds_unused"] = rival.folds
    without: list[str] = [said("no recipe evidence: {reason}", reason=rival.folds)] if "folds_unused" in figures else []
    if found is None or num_rows < MIN_ROWS:
        few = said("only {rows} test rows to compare with {rival}", rows=num_rows, rival=rival.title)
        needed = said("{rows} are needed", rows=MIN_ROWS)
        return _Judgement(False, joined("; ", [_without_seen(few, num_seen), needed, *without]), figures)
    return _judged_by_test(found, rule, _without_seen(_facts(figures, rival, num_rows), num_seen), without, num_rows, figures)


def _without_seen(told: str, num_seen: int) -> str:
    return said("{told}, {rows} left out that it trained on", told=told, rows=num_seen) if num_seen else told


def _bound(found: Comparison, rule: Rule) -> str:
    facts = {"bound": found.lower_95, "allowed": -rule.margin}
    return said("95% lower bound of the difference {bound:+.4f}, allowed {allowed:+.4f}", **facts)


def _test_decides(found: Comparison | None, num_rows: int, rule: Rule) -> bool:
    """Whether the test rows speak for themselves, so that no folds are looked at."""
    if found is None:
        return False
    if significantly_worse(found):
        return True
    if rule.evidence == "folds" or num_rows < MIN_ROWS:
        return False
    if rule.gate == "better":
        conclusive = found.difference > 0 and found.mid_p < 1 - STRICT_LEVEL
    else:
        conclusive = score_interval(found.only_a, found.only_b, num_rows, STRICT_Z)[0] > -rule.margin
    return conclusive or equal_would_pass(found, num_rows, rule.margin)


def significantly_worse(found: Comparison) -> bool:
    """Whether a is worse than b by more than chance."""
    return found.difference < 0 and found.mid_p < SIGNIFICANCE


def equal_would_pass(found: Comparison, num_rows: int, margin: float) -> bool:
    """Whether two models that differ in as many rows, but are equally right, pass `not_worse`: whether the test is large.

    It depends on how often the two differ, not on which of them wins.
    """
    half = (found.only_a + found.only_b + 1) // 2
    return score_interval(half, half, num_rows)[0] > -margin


def _facts(figures: Mapping[str, Any], rival: Rival, num_rows: int) -> str:
    if "accuracy" not in figures:
        return said("no test row to compare with {rival}", rival=rival.title)
    return said(
        "{ours:.4f} against {theirs:.4f} of {rival} on {rows} test rows",
        ours=figures["challenger_accuracy"],
        theirs=figures["accuracy"],
        rival=rival.title,
        rows=num_rows,
    )


def _judged_by_test(
    found: Comparison, rule: Rule, facts: str, without: list[str], num_rows: int, figures: Mapping[str, Any]
) -> _Judgement:
    passed = found.difference > 0 and found.mid_p < SIGNIFICANCE if rule.gate == "better" else found.lower_95 > -rule.margin
    needed = ""
    if not passed:
        points = 100 * needed_lead(found, num_rows, rule)
        needed = said("about {points:+.1f} points on {rows} test rows", points=points, rows=num_rows)
    if rule.gate == "better":
        verdict = said("better") if passed else said("not better")
        reason = said("{verdict}: {facts} (mid-p {p:.3g})", verdict=verdict, facts=facts, p=found.mid_p)
    else:
        worse = said("worse") if significantly_worse(found) else said("may be worse")
        verdict = said("not worse") if passed else worse
        reason = said("{verdict}: {facts} ({bound})", verdict=verdict, facts=facts, bound=_bound(found, rule))
    return _Judgement(passed, joined("; ", [reason, *without]), figures, needed)


def _judged_by_folds(folds: Folds, rule: Rule, facts: str, figures: dict[str, Any]) -> _Judgement:
    """Accuracy decides, and macro-F1 must not be worse by more than chance."""
    level = SHARED_LEVEL if rule.evidence == "auto" else LEVEL
    accuracy = corrected_interval(folds.accuracy, folds.train_rows, folds.test_rows, level)
    macro_f1 = corrected_interval(folds.macro_f1, folds.train_rows, folds.test_rows, LEVEL)
    lower = min(accuracy.lower, _lower_of_rows(accuracy.mean, folds.rows, level))
    splits, allowed = len(folds.accuracy), 0.0 if rule.gate == "better" else -rule.margin
    figures |= {
        "evidence": "recipe",
        "folds": splits,
        "folds_rows": folds.rows,
        "folds_difference": accuracy.mean,
        "folds_error": accuracy.error,
        "folds_lower": lower,
        "folds_level": level,
        "folds_macro_f1_difference": macro_f1.mean,
        "folds_macro_f1_upper_95": macro_f1.upper,
    }
    found = said(
        "{points:+.1f} points in {splits} folds of {rows:,} rows ({level:.0%} lower bound {lower:+.1f}, allowed "
        "{allowed:+.1f}), macro-F1 {macro_f1:+.1f}",
        points=100 * accuracy.mean,
        lower=100 * lower,
        allowed=100 * allowed,
        macro_f1=100 * macro_f1.mean,
        splits=splits,
        rows=folds.rows,
        level=level,
    )

    def judged(verdict: str) -> str:
        told = said("{verdict} by recipe evidence: {found}", verdict=verdict, found=found)
        return joined("; ", [told, facts])

    if lower <= allowed:
        # As on the test rows: the difference that would pass, if it varied as much.
        points = 100 * (accuracy.mean - lower + allowed)
        needed = said("about {points:+.1f} points in folds of {rows:,} rows", points=points, rows=folds.rows)
        verdict = said("not better") if rule.gate == "better" else said("may be worse")
        return _Judgement(False, judged(verdict), figures, needed)
    if macro_f1.upper < 0:
        needed = said("a macro-F1 that is not worse by more than chance")
        return _Judgement(False, judged(said("worse macro-F1")), figures, needed)
    return _Judgement(True, judged(said("better") if rule.gate == "better" else said("not worse")), figures)


def _lower_of_rows(difference: float, rows: int, level: float) -> float:
    """The lower bound of a difference on so many rows, of two models that differ in no more of them than it takes.

    Between splits that are all alike there is no variance, however few their rows: of two models that agree on 60 rows,
    one may still be wrong on a row in thirty that the other has right.
    """
    from scipy.special import ndtri

    lead = round(difference * rows)
    return score_interval(max(lead, 0), max(-lead, 0), rows, float(ndtri((1 + level) / 2)))[0]


def needed_lead(found: Comparison, num_rows: int, rule: Rule) -> float:
    """The smallest difference on the test rows that passes the gate, if the two models differ in no fewer rows than now."""
    differ = found.only_a + found.only_b
    low, high = -differ, num_rows  # a lead of all rows passes
    while low < high:
        lead = (low + high) // 2
        fewer = max(0, (differ - abs(lead)) // 2)
        only_a, only_b = fewer + max(lead, 0), fewer + max(-lead, 0)
        if rule.gate == "better":
            passes = lead > 0 and mid_p(only_a, only_b) < SIGNIFICANCE
        else:
            passes = score_interval(only_a, only_b, num_rows)[0] > -rule.margin
        low, high = (low, lead) if passes else (lead + 1, high)
    return low / num_rows


def _mean(correct: np.ndarray) -> float | None:
    return float(correct.mean()) if len(correct) else None
