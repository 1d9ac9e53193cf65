"""Register a candidate as a model's version and let the gate decide about it."""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.crash import crash_point
from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT
from tasks.register.contest import Contest
from tasks.register.decisions import champion_of, decided_again, deciding, decisions_about
from tasks.register.gate import GateDecision, Rule
from tasks.register.ledger import Entry, champions
from tasks.register.models import CHALLENGER, CHAMPION, MODEL_TAG, PACKAGE, Registration, promote_command, verify_version
from tasks.register.recipe import Recipe, read_recipe
from tasks.register.seal import copy_package, package_digest, read_manifest
from tasks.register.waiting import through_outages
from tasks.tracking.registry import TamperedModel
from tasks.wording.sentence import as_known, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.language.contest import LanguageCandidate
    from tasks.language.settings import GateConfig
    from tasks.progress import Progress
    from tasks.register.candidate import Candidate
    from tasks.register.decisions import Decisions
    from tasks.register.evidence import Folds
    from tasks.register.settings import RegisterConfig
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

ABANDONED_SECONDS = 86_400.0  # a registration takes seconds, or minutes over a slow line


@dataclass(frozen=True)
class AskedRival:
    """A registered model whose recipe is to be compared on folds: its role `champion` or `best`, and its verified package.

    `recipe` is the reason in its place if the recipe cannot be run.
    """

    role: str
    version: int
    package: Path
    recipe: Recipe | str


class Registrar:
    """Registers candidates in one tracking store, by the rules of `config`.

    An MLflow server that goes away meanwhile is waited for, from `ready` (of time.monotonic) on; see `through_outages`.
    """

    def __init__(
        self, tracker: Tracker, config: RegisterConfig | GateConfig, *, progress: Progress = SILENT, ready: float = -math.inf
    ) -> None:
        self.tracker = tracker
        self.config = config
        self.progress = progress
        self.ready = ready

    def ask_for_folds(self, candidate: Candidate, runs: Path) -> list[AskedRival]:
        """The registered models whose recipes could change the gate's decision; none if the test rows decide.

        None either if there is nothing to decide. `runs` is the folder of run records.
        """
        if self.config.evidence == "test":
            return []
        return through_outages(self.tracker, candidate.name, lambda: self._ask(candidate, runs), ready=self.ready)

    def register(
        self,
        candidate: Candidate | LanguageCandidate,
        folds: Mapping[int, Folds | str] | None = None,
        *,
        started: Callable[[], None] = lambda: None,
    ) -> Registration:
        """Register the package, unless the same one is registered, and decide, unless the same was decided.

        `folds` is recipe evidence by the registered version that it is about, or the reason in its place; without it the
        test rows decide alone. `started` is called if there is anything to do, perhaps several times.

        Everything from reading the champion to the ledger's line happens under the model's lock. A run that ended between
        registering and deciding is made good by the next: the version is found by its package's digest, and decided.
        """
        name = candidate.name

        def register() -> Registration:
            return decided_again(lambda: self._register(candidate, folds, started))

        return through_outages(self.tracker, name, register, ready=self.ready)

    def _register(
        self, candidate: Candidate | LanguageCandidate, folds: Mapping[int, Folds | str] | None, started: Callable[[], None]
    ) -> Registration:
        tracker, name = self.tracker, candidate.name
        with deciding(tracker, name) as decisions:
            champion = decisions.champion
            version, lost = self._find(candidate)
            if candidate.predictions is None:
                return self._keep(candidate, version, decisions, started)
            if version is not None and (known := self._why_decided(candidate, version, champion, decisions.entries())):
                alias = next((alias for alias in (CHAMPION, CHALLENGER) if alias in version.aliases), None)
                return Registration(name, version.version, alias, "unchanged", candidate.with_shortfall(known), {})
            started()
            if version is None:
                version = self._add(candidate)
                crash_point("register.added")
            tracker.registry.set_alias(name, CHALLENGER, version.version)
            crash_point("register.challenged")
            if champion in lost:
                reason = said(
                    "the same model as version {version}, the champion, whose files are missing or damaged", version=champion
                )
                decision = GateDecision("promoted", reason)
            else:
                rule = self._rule(self.config.evidence if folds is not None else "test")
                line = champions(decisions.entries())
                decision = self._contest(candidate, champion, line, folds).decide(rule, version.version)
            crash_point("register.decided")
            return self._conclude(candidate, version, decisions, decision)

    def _keep(
        self,
        candidate: Candidate | LanguageCandidate,
        version: Version | None,
        decisions: Decisions,
        started: Callable[[], None],
    ) -> Registration:
        """Register a model of which nothing was measured, without an alias and without a decision."""
        name, known, champion = candidate.name, version is not None, decisions.champion
        if version is None:
            started()
            version = self._add(candidate)
        number = version.version
        alias = next((alias for alias in (CHAMPION, CHALLENGER) if alias in version.aliases), None)
        reason = said(
            "no labelled row, so nothing was measured; to make it the champion: {command}",
            command=promote_command(self.tracker, name, number),
        )
        if not any(entry.version == number and entry.action == "unmeasured" for entry in decisions.entries()):
            decisions.add(Entry(name, number, "unmeasured", champion, champion, reason))
        if alias == CHAMPION:
            reason = said("version {version} is this model, and the champion; nothing was measured", version=number)
        return Registration(name, number, alias, "unchanged" if known else "unmeasured", reason, {})

    def _conclude(
        self, candidate: Candidate | LanguageCandidate, version: Version, decisions: Decisions, decision: GateDecision
    ) -> Registration:
        """Write a decision into the ledger, and give the alias to a model that won."""
        name, number, won = candidate.name, version.version, decision.verdict != "refused"
        champion = decisions.champion
        reason = candidate.with_shortfall(decision.reason)
        kind = {"model": candidate.tags[MODEL_TAG]} if MODEL_TAG in candidate.tags else {}
        figures = {**decision.figures, **candidate.shortfall.figures, **kind}
        basis, to = self._basis(candidate, champion), number if won else champion
        entry = Entry(name, number, decision.verdict, champion, to, reason, figures, basis)  # type: ignore[arg-type]
        if won:
            decisions.change(entry)
        else:
            decisions.add(entry)
        log.info("%s version %d: %s (%s)", name, number, decision.verdict, reason)
        return Registration(name, number, CHAMPION if won else CHALLENGER, decision.verdict, reason, figures)

    def _ask(self, candidate: Candidate, runs: Path) -> list[AskedRival]:
        champion = champion_of(self.tracker, candidate.name)
        if champion is None:
            return []
        version, lost = self._find(candidate)
        entries = decisions_about(self.tracker, candidate.name)
        if champion in lost or (version is not None and self._why_decided(candidate, version, champion, entries)):
            return []
        number = version.version if version else 0
        contest = self._contest(candidate, champion, champions(entries))
        if not contest.decide(self._rule(self.config.evidence), number).open:
            return []
        best = contest.best_other_than(number)
        roles = {"champion": champion} | ({} if best is None else {"best": best})
        return [self._asked(candidate.name, role, rival, runs) for role, rival in roles.items()]

    def _asked(self, name: str, role: str, version: int, runs: Path) -> AskedRival:
        chosen = self.tracker.registry.version(name, version)
        recipe: Recipe | str
        try:
            recipe = read_recipe(chosen.tags, runs)
        except RequestError as error:
            recipe = str(error)
        return AskedRival(role, version, verify_version(self.tracker, chosen), recipe)

    def _find(self, candidate: Candidate | LanguageCandidate) -> tuple[Version | None, list[int]]:
        """The newest version of the same package whose files are whole, and the versions of it whose files are not."""
        digest, lost = package_digest(candidate.package), list[int]()
        for version in reversed(self.tracker.registry.versions(candidate.name)):
            if version.package_digest != digest:
                continue
            try:
                if not self.tracker.home.is_server:  # a server keeps its files itself, and they would be loaded from it anew
                    self.tracker.registry.verify(version)
            except (TamperedModel, UnavailableError) as error:
                log.warning("%s version %d is this model, but cannot be used: %s", version.name, version.version, error)
                lost.append(version.version)
            else:
                return version, lost
        return None, lost

    def _add(self, candidate: Candidate | LanguageCandidate) -> Version:
        registry, name = self.tracker.registry, candidate.name
        # Where others may register in the same store, young leftovers may be theirs.
        registry.sweep(name, min_age_seconds=0.0 if self.tracker.home.database else ABANDONED_SECONDS)
        requirements = read_manifest(candidate.package)["requirements"]
        digest = package_digest(candidate.package)
        with tempfile.TemporaryDirectory(prefix="textmill-") as temporary:
            package = Path(temporary) / PACKAGE  # MLflow names the artifact for its folder
            copy_package(candidate.package, package)
            crash_point("register.copied")
            return registry.add_version(name, package, digest, requirements, candidate.tags, candidate.run_id)

    def _contest(
        self, candidate: Any, champion: int | None, line: list[int], folds: Mapping[int, Folds | str] | None = None
    ) -> Any:
        """What lets the candidate and its rivals do the same, and decides; `line` are the champions so far."""
        return Contest(self.tracker, candidate, champion, line, self.progress, folds)

    def _rule(self, evidence: Any) -> Rule:
        return Rule(self.config.gate, self.config.margin, evidence)

    def _basis(self, candidate: Candidate | LanguageCandidate, champion: int | None) -> dict[str, Any]:
        """Everything that a decision depends on beside the version itself."""
        asked = {"gate": self.config.gate, "margin": self.config.margin, "evidence": self.config.evidence}
        slices = getattr(candidate, "slices", None)
        asked |= {"slices": slices.digest} if slices else {}
        return asked | {"holdout": candidate.holdout, "champion": champion}

    def _why_decided(
        self,
        candidate: Candidate | LanguageCandidate,
        version: Version,
        champion: int | None,
        entries: Sequence[Entry],
    ) -> str:
        """Why there is nothing to decide; empty if there is.

        A decision from before recipe evidence existed stays, unless folds are asked for by name.
        """
        if version.version == champion:
            return said("version {version} is this model, and the champion", version=champion)
        basis = self._basis(candidate, champion)
        before = {"evidence": "test" if basis["evidence"] == "folds" else basis["evidence"]}
        for entry in reversed(entries):
            if entry.version == version.version and {**before, **entry.basis} == basis:
                facts = {"version": version.version, "action": as_known(entry.action), "reason": entry.reason}
                return said("version {version} is this model; {action} before: {reason}", **facts)
        return ""
