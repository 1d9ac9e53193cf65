"""A language model against the registered ones that it would replace, in bits per byte of the same test documents.

The registrar, its lock, ledger and aliases are those of classifiers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.language.evaluation import DOCUMENTS, compare, read_documents
from tasks.prepare.read import iter_texts
from tasks.register.contest import best_named, cannot_be_loaded, champion_named
from tasks.register.gate import GateDecision, Rule
from tasks.register.models import load_language_version, promote_command
from tasks.register.registration import Registrar
from tasks.register.shortfall import NO_SHORTFALL, Shortfall

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.progress import Progress
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

BITS_TAG = "textmill.bits_per_byte"
FEW = 5  # documents; an interval of fewer says little, however narrow it is
BATCH = 64


@dataclass(frozen=True)
class LanguageCandidate:
    """A trained language model that wants to be registered; see `tasks.register.candidate.Candidate`.

    `evaluation` is the folder of its measures, `texts` that of the test documents.
    """

    name: str
    package: Path
    evaluation: Path
    texts: Path
    holdout: str
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    shortfall: Shortfall = NO_SHORTFALL

    @property
    def predictions(self) -> Path:
        """What was measured of the test documents."""
        return self.evaluation / DOCUMENTS

    def with_shortfall(self, reason: str) -> str:
        """The reason of a decision; nothing is added to it."""
        return reason


class LanguageRegistrar(Registrar):
    """Registers language models by the rules that hold for classifiers, but for what is compared."""

    def _contest(self, candidate: Any, champion: int | None, line: list[int], folds: Any = None) -> Any:
        return LanguageContest(self.tracker, candidate, champion, line, self.progress)


@dataclass(frozen=True)
class LanguageContest:
    """One candidate and the models it meets: `champion`, and `line`, the versions that were champions so far."""

    tracker: Tracker
    candidate: LanguageCandidate
    champion: int | None
    line: list[int]
    progress: Progress

    def decide(self, rule: Rule, version: int) -> GateDecision:
        """Let the rivals read the test documents, and judge; `version` is the candidate's number."""
        candidate, promote = self.candidate, promote_command(self.tracker, self.candidate.name, version)
        table = read_documents(candidate.evaluation)
        own = {name: table.column(name).to_numpy() for name in ("bytes", "bits")}
        figures: dict[str, Any] = {"bits_per_byte": float(own["bits"].sum() / own["bytes"].sum()), "documents": len(table)}
        if self.champion is None:
            return GateDecision("first", "no champion yet", figures)
        try:
            champion = self._bits(table.column("id").to_pylist(), self.champion)
        except RequestError as error:
            log.error("%s: the champion cannot be loaded, so nothing can replace it: %s", candidate.name, error)
            return GateDecision("refused", cannot_be_loaded(error, promote))
        rivals = {"champion": (champion_named(self.champion), *champion)}
        if (best := self._best_other_than(version)) is not None:
            try:
                rivals["best"] = (best_named(best), *self._bits(table.column("id").to_pylist(), best))
            except RequestError as error:
                log.warning("%s: the best champion so far takes no part in the comparison: %s", candidate.name, error)
        reason = ""
        for role, (title, bits, seen) in rivals.items():
            used = Rule(rule.gate if role == "champion" else "not_worse", rule.margin)
            verdict = judge(own["bits"], own["bytes"], bits, seen, title, used)
            figures |= {f"{role}_{name}": value for name, value in verdict.figures.items()}
            if not verdict.passed:
                return GateDecision("refused", f"{verdict.reason}; if meant, run: {promote}", figures)
            reason = reason or verdict.reason
        return GateDecision("promoted", reason, figures)

    def _best_other_than(self, version: int) -> int | None:
        """The champion so far with the fewest bits per byte, if it is neither today's nor this version."""
        champions = {*self.line, self.champion}
        versions = self.tracker.registry.versions(self.candidate.name)
        measured = [each for each in versions if each.version in champions and _is_number(each.tags.get(BITS_TAG))]
        best = min(measured, key=lambda each: (float(each.tags[BITS_TAG]), -each.version), default=None)
        return None if best is None or best.version in (self.champion, version) else best.version

    def _bits(self, ids: list[str], version: int) -> tuple[np.ndarray, np.ndarray]:
        """Bits of each test document, as a registered version reads it, and whether it was trained on it: [N] each."""
        chosen: Version = self.tracker.registry.version(self.candidate.name, version)
        model = load_language_version(self.tracker, chosen).model
        place = {name: at for at, name in enumerate(ids)}
        bits, seen = np.full(len(ids), np.nan), np.zeros(len(ids), bool)
        for batch in iter_texts(self.candidate.texts, ("test",), BATCH):
            at = [place[name] for name in batch.column("id").to_pylist()]
            texts = batch.column("text").to_pylist()
            bits[at], seen[at] = model.bits(texts).bits, model.trained_on(texts)
            self.progress.advance(int((~np.isnan(bits)).sum()), len(ids), "documents", f"version {version}")
        if np.isnan(bits).any():
            raise ValueError(f"{self.candidate.texts} lacks {int(np.isnan(bits).sum())} of the measured test documents")
        return bits, seen


@dataclass(frozen=True)
class Judgement:
    """The judgement about one rival."""

    passed: bool
    reason: str
    figures: Mapping[str, Any]


def judge(own_N: np.ndarray, bytes_N: np.ndarray, rival_N: np.ndarray, seen_N: np.ndarray, title: str, rule: Rule) -> Judgement:
    """Compare a challenger's bits of N documents with a rival's; documents that the rival trained on are left out.

    `better`: the 95% interval of the difference in bits per byte lies below 0. `not_worse`: it lies below the margin.
    """
    kept_N = ~seen_N & (bytes_N > 0)
    without = f", without {int(seen_N.sum()):,} that it trained on" if seen_N.any() else ""
    number = int(kept_N.sum())
    if number < FEW:
        reason = f"too few test documents to compare with {title}: {number}, needed: {FEW}{without}"
        return Judgement(False, reason, {"documents": number})
    size = float(bytes_N[kept_N].sum())
    found = compare(own_N[kept_N], rival_N[kept_N], bytes_N[kept_N])
    ours, theirs = (float(each[kept_N].sum()) / size for each in (own_N, rival_N))
    allowed = 0.0 if rule.gate == "better" else rule.margin
    passed = found["upper_95"] < allowed or (rule.gate == "not_worse" and found["upper_95"] <= allowed)
    name = "better" if rule.gate == "better" else "not worse"
    verdict = (
        name if passed else f"not {name}" if rule.gate == "better" else "worse" if found["lower_95"] > 0 else "may be worse"
    )
    reason = (
        f"{verdict}: {ours:.4f} bits per byte against {theirs:.4f} of {title} on {number:,} test documents "
        f"(95% upper bound of the difference {found['upper_95']:+.4f}, allowed {allowed:+.4f}){without}"
    )
    return Judgement(passed, reason, {"bits_per_byte": theirs, "challenger_bits_per_byte": ours, **found})


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
