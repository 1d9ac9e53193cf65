"""A candidate against the registered models that it would replace: the champion, and the best champion before it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.register.gate import GateDecision, Rival, Rule, decide
from tasks.register.models import ACCURACY_TAG, load_version, promote_command
from tasks.register.rivals import read_test_rows, rival_on
from tasks.register.seal import same_model
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.progress import Progress
    from tasks.register.candidate import Candidate
    from tasks.register.evidence import Folds
    from tasks.register.rivals import TestRows
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contest:
    """One candidate and the models it meets: `champion`, and `line`, the versions that were champions so far.

    `folds` is recipe evidence by the version that it is about, or the reason in its place; None: it was not asked for yet.
    """

    tracker: Tracker
    candidate: Candidate
    champion: int | None
    line: list[int]
    progress: Progress
    folds: Mapping[int, Folds | str] | None = None

    def decide(self, rule: Rule, version: int) -> GateDecision:
        """Let the rivals label the test rows, and judge; `version` is the candidate's number, 0 if it has none yet."""
        candidate = self.candidate
        if candidate.predictions is None:
            raise ValueError("a model of which nothing was measured takes part in no contest")
        rows = read_test_rows(candidate.predictions)
        promote = promote_command(self.tracker, candidate.name, version)
        try:
            rival = None if self.champion is None else self._rival(rows, self.champion, champion_named(self.champion))
        except RequestError as error:
            log.error("%s: the champion cannot be loaded, so nothing can replace it: %s", candidate.name, error)
            return GateDecision("refused", cannot_be_loaded(error, promote))
        best_rival = None
        if (best := self.best_other_than(version)) is not None:
            try:
                best_rival = self._rival(rows, best, best_named(best))
            except RequestError as error:
                log.warning("%s: the best champion so far takes no part in the comparison: %s", candidate.name, error)
        slices = candidate.slices.of(rows.ids) if candidate.slices else {}
        return decide(rows.correct, candidate.labels, rival, best_rival, rule, promote=promote, slices=slices)

    def best_other_than(self, version: int) -> int | None:
        """The best champion so far, if it is neither today's nor this version."""
        measured = self._measured()
        best = max(measured, key=lambda each: (float(each.tags[ACCURACY_TAG]), each.version), default=None)
        return None if best is None or best.version in (self.champion, version) else best.version

    def _measured(self) -> list[Version]:
        """Today's and earlier champions whose accuracy was measured, each in its time."""
        champions = {*self.line, self.champion}
        versions = self.tracker.registry.versions(self.candidate.name)
        return [version for version in versions if version.version in champions and ACCURACY_TAG in version.tags]

    def _rival(self, rows: TestRows, version: int, title: str) -> Rival:
        """Load a version and let it label the test rows; RequestError if its files are not whole."""
        loaded = load_version(self.tracker, self.tracker.registry.version(self.candidate.name, version))
        rival = rival_on(rows, self.candidate.texts, loaded, title, self.progress)
        rival = replace(rival, same_model=same_model(self.candidate.package, loaded.model.folder))
        if self.folds is None:
            return rival
        return replace(rival, folds=self.folds.get(version, said("the champion changed meanwhile")))


def champion_named(version: int) -> str:
    """The champion, as a decision's reason calls it."""
    return said("champion version {version}", version=version)


def best_named(version: int) -> str:
    """The best champion before the champion, as a decision's reason calls it."""
    return said("the best champion, version {version}", version=version)


def cannot_be_loaded(error: RequestError, promote: str) -> str:
    """Why nothing replaces a champion that cannot be loaded; `promote` is the command that does."""
    return said("{error}; to replace the champion unseen: {command}", error=str(error), command=promote)
