"""Register a package as a model's version and let the gate decide about it."""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.crash import crash_point
from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT
from tasks.register.gate import Decision, Rival, Rule, decide
from tasks.register.ledger import Entry, Ledger, champions
from tasks.register.models import (
    ACCURACY_TAG,
    CHALLENGER,
    CHAMPION,
    MACRO_F1_TAG,
    MODEL_TAG,
    PACKAGE,
    Registration,
    change_champion,
    load_version,
    notice_champion,
    verify_version,
)
from tasks.register.package import copy_package, package_digest, read_manifest
from tasks.register.recipe import Recipe, read_recipe
from tasks.register.rivals import read_test_rows, rival_on
from tasks.register.shortfall import NO_SHORTFALL, Shortfall
from tasks.tracking.client import single_tries
from tasks.tracking.registry import RegistryOutage, TamperedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.config import RegisterConfig
    from tasks.progress import Progress
    from tasks.register.evidence import Folds
    from tasks.register.rivals import TestRows
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)
T = TypeVar("T")

OUTAGE_SECONDS = 40.0  # how long a server that went away is waited for: a restart takes five to fifteen, or a minute under load
ABANDONED_SECONDS = 86_400.0  # a registration takes seconds, or minutes over a slow line


@dataclass(frozen=True)
class Candidate:
    """What is to be registered: the package, evaluate's predictions of it, and the corpus with the raw texts.

    `holdout` is the digest of the test rows. `tags` go to the version: flow run, corpus digest, accuracy, recipe. `shortfall`
    is what it is worse than although it should not be.
    """

    package: Path
    predictions: Path
    corpus: Path
    holdout: str
    labels: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    shortfall: Shortfall = NO_SHORTFALL


@dataclass(frozen=True)
class Asked:
    """A registered model whose recipe is to be compared on folds: its role `champion` or `best`, and its verified package.

    `recipe` is the reason in its place if the recipe cannot be run.
    """

    role: str
    version: int
    package: Path
    recipe: Recipe | str


def ask_for_folds(
    tracker: Tracker,
    config: RegisterConfig,
    name: str,
    candidate: Candidate,
    runs: Path,
    *,
    progress: Progress = SILENT,
    ready: float = -math.inf,
) -> list[Asked]:
    """The registered models whose recipes could change the gate's decision; none if the test rows decide.

    None either if there is nothing to decide. `runs` is the folder of run records. A server that went away is waited for as
    `register_model` does.
    """
    if config.evidence == "test":
        return []
    return _patiently(tracker, name, ready, lambda: _ask(tracker, config, name, candidate, runs, progress))


def register_model(
    tracker: Tracker,
    config: RegisterConfig,
    name: str,
    candidate: Candidate,
    *,
    folds: Mapping[int, Folds | str] | None = None,
    progress: Progress = SILENT,
    started: Callable[[], None] = lambda: None,
    ready: float = -math.inf,
) -> Registration:
    """Register the package, unless the same one is registered, and decide, unless the same was decided.

    `folds` is recipe evidence by the registered version that it is about, or why there is none; without it the test rows
    decide alone.

    Everything from reading the champion to the ledger's line happens under the model's lock. A run that ended between
    registering and deciding is made good by the next: the version is found by its package's digest, and decided. So is one
    whose server went away meanwhile, by itself, if the server is back within 40 s; otherwise UnavailableError, and the tracker
    asks for nothing more. The 40 s begin when the server was first asked in vain, or when there was something to register:
    `ready`, by time.monotonic. `started` is called if there is anything to do, perhaps several times.
    """
    return _patiently(tracker, name, ready, lambda: _register(tracker, config, name, candidate, folds, progress, started))


def _patiently(tracker: Tracker, name: str, ready: float, call: Callable[[], T]) -> T:
    """Call again when a server that went away is back."""
    deadline = None
    while True:
        try:
            with single_tries():
                return call()
        except RegistryOutage as error:
            if deadline is None:
                deadline = max(ready, min(error.since, tracker.unanswered_since or math.inf)) + OUTAGE_SECONDS
                log.warning("%s; waiting for it until %.0f s have passed", error, OUTAGE_SECONDS)
            if not tracker.answers_before(deadline):
                tracker.give_up()
                raise UnavailableError(
                    f"MLflow at {tracker.home.uri} did not answer for {OUTAGE_SECONDS:.0f} s: the registration of {name} is "
                    "not complete and no promotion is recorded; all steps before are kept: run the same command when it answers"
                ) from error


def _register(
    tracker: Tracker,
    config: RegisterConfig,
    name: str,
    candidate: Candidate,
    folds: Mapping[int, Folds | str] | None,
    progress: Progress,
    started: Callable[[], None],
) -> Registration:
    ledger = Ledger(tracker.home.ledger)
    with tracker.home.locked(f"model-{name}"):
        champion = notice_champion(tracker, name)
        version, lost = _registered(tracker, name, candidate)
        basis = _basis(config, candidate, champion)
        if version is not None:
            known = _known(version, champion, ledger.entries(name), basis)
            if known is not None:
                alias = next((alias for alias in (CHAMPION, CHALLENGER) if alias in version.aliases), None)
                return Registration(name, version.version, alias, "unchanged", _with(known, candidate.shortfall), {})
        started()
        if version is None:
            # The lock is this machine's; where others may register in the same store, what is young may be theirs.
            tracker.registry.sweep(name, min_age_seconds=0.0 if tracker.home.database else ABANDONED_SECONDS)
            version = _add(tracker, name, candidate)
            crash_point("register.added")
        tracker.registry.set_alias(name, CHALLENGER, version.version)
        crash_point("register.challenged")
        if champion in lost:
            reason = f"the same model as version {champion}, the champion, whose files are missing or damaged"
            decision = Decision("promoted", reason)
        else:
            rule = Rule(config.gate, config.margin, config.evidence if folds is not None else "test")
            line = champions(ledger.entries(name))
            rivals = _Rivals(tracker, name, candidate, folds, progress)
            decision = _decide(rivals, rule, version.version, champion, line)
        crash_point("register.decided")
        won = decision.verdict != "refused"
        to = version.version if won else champion
        reason = _with(decision.reason, candidate.shortfall)
        named = {"model": candidate.tags[MODEL_TAG]} if MODEL_TAG in candidate.tags else {}
        figures = {**decision.figures, **candidate.shortfall.figures, **named}
        entry = Entry(name, version.version, decision.verdict, champion, to, reason, figures, basis)  # type: ignore[arg-type]
        if won:
            change_champion(tracker, entry, previous=champion)
        else:
            ledger.append(entry)
    log.info("%s version %d: %s (%s)", name, version.version, decision.verdict, reason)
    alias = CHAMPION if won else CHALLENGER
    return Registration(name, version.version, alias, decision.verdict, reason, figures)


def _basis(config: RegisterConfig, candidate: Candidate, champion: int | None) -> dict[str, Any]:
    """What a decision depends on beside the version itself."""
    asked = {"gate": config.gate, "margin": config.margin, "evidence": config.evidence}
    return asked | {"holdout": candidate.holdout, "champion": champion}


def _with(reason: str, shortfall: Shortfall) -> str:
    """The reason, and what the model is worse than, unless it says so already."""
    return reason if not shortfall.clause or shortfall.clause in reason else f"{reason}; {shortfall.clause}"


def _ask(
    tracker: Tracker, config: RegisterConfig, name: str, candidate: Candidate, runs: Path, progress: Progress
) -> list[Asked]:
    registry, ledger = tracker.registry, Ledger(tracker.home.ledger)
    champion = registry.aliases(name).get(CHAMPION)
    if champion is None:
        return []
    (version, lost), entries = _registered(tracker, name, candidate), ledger.entries(name)
    if champion in lost:
        return []
    if version is not None and _known(version, champion, entries, _basis(config, candidate, champion)) is not None:
        return []
    rule, number = Rule(config.gate, config.margin, config.evidence), version.version if version else 0
    if not _decide(_Rivals(tracker, name, candidate, None, progress), rule, number, champion, champions(entries)).open:
        return []
    best = _best(tracker, name, champions(entries), champion)
    roles = {"champion": champion} | ({} if best is None or best.version in (champion, number) else {"best": best.version})
    found = []
    for role, rival in roles.items():
        chosen = registry.version(name, rival)
        recipe: Recipe | str
        try:
            recipe = read_recipe(chosen.tags, runs)
        except RequestError as error:
            recipe = str(error)
        found.append(Asked(role, rival, verify_version(tracker, chosen), recipe))
    return found


def _registered(tracker: Tracker, name: str, candidate: Candidate) -> tuple[Version | None, list[int]]:
    """The newest version of the same package whose files are whole, and the versions of it whose files are not."""
    digest, lost = package_digest(candidate.package), list[int]()
    for version in reversed(tracker.registry.versions(name)):
        if version.package_digest != digest:
            continue
        try:
            if not tracker.home.is_server:  # a server keeps its files itself, and they would be loaded from it anew
                tracker.registry.verify(version)
        except (TamperedModel, UnavailableError) as error:
            log.warning("%s version %d is this model, but cannot be used: %s", name, version.version, error)
            lost.append(version.version)
        else:
            return version, lost
    return None, lost


def _add(tracker: Tracker, name: str, candidate: Candidate) -> Version:
    requirements = read_manifest(candidate.package)["requirements"]
    digest = package_digest(candidate.package)
    with tempfile.TemporaryDirectory(prefix="textmill-") as temporary:
        package = Path(temporary) / PACKAGE  # MLflow names the artifact for its folder
        copy_package(candidate.package, package)
        crash_point("register.copied")
        return tracker.registry.add_version(name, package, digest, requirements, candidate.tags, candidate.run_id)


def _known(version: Version, champion: int | None, entries: list[Entry], basis: Mapping[str, Any]) -> str | None:
    """Why there is nothing to decide, or None if there is.

    What was decided before recipe evidence existed stays decided, unless folds are asked for by name.
    """
    if version.version == champion:
        return f"version {champion} is this model, and the champion"
    before = {"evidence": "test" if basis["evidence"] == "folds" else basis["evidence"]}
    for entry in reversed(entries):
        if entry.version == version.version and {**before, **entry.basis} == basis:
            return f"version {version.version} is this model; {entry.action} before: {entry.reason}"
    return None


@dataclass(frozen=True)
class _Rivals:
    """Registered models as rivals of one candidate; `folds` as `register_model` takes it, None while it is not asked for."""

    tracker: Tracker
    name: str
    candidate: Candidate
    folds: Mapping[int, Folds | str] | None
    progress: Progress

    def rival(self, rows: TestRows, version: int, role: str) -> Rival:
        """Load a version and let it label the test rows; RequestError if its files are not whole."""
        loaded = load_version(self.tracker, self.tracker.registry.version(self.name, version))
        found = rival_on(rows, self.candidate.corpus, loaded, f"{role} version {version}", self.progress)
        return found if self.folds is None else replace(found, folds=self.folds.get(version, "the champion changed meanwhile"))


def _decide(rivals: _Rivals, rule: Rule, version: int, champion: int | None, line: list[int]) -> Decision:
    """Let champion and best champion so far label the test rows, and judge; `version` is 0 for one not registered yet."""
    tracker, name, candidate = rivals.tracker, rivals.name, rivals.candidate
    rows, promote = read_test_rows(candidate.predictions), _promote_command(tracker, name, version)
    try:
        rival = None if champion is None else rivals.rival(rows, champion, "champion")
    except RequestError as error:
        log.error("%s: the champion cannot be loaded, so nothing can replace it: %s", name, error)
        return Decision("refused", f"{error}; to replace the champion unseen: {promote}")
    best = _best(tracker, name, line, champion)
    best_rival = None
    if best is not None and best.version not in (champion, version):
        try:
            best_rival = rivals.rival(rows, best.version, "the best champion,")
        except RequestError as error:
            log.warning("%s: the best champion so far takes no part in the comparison: %s", name, error)
    return decide(rows.correct, candidate.labels, rival, best_rival, rule, promote=promote)


def _promote_command(tracker: Tracker, name: str, version: int) -> str:
    """What a person types to make a version the champion."""
    several = len(tracker.registry.names()) > 1
    return f"textmill models promote {version}" + (f" --name {name}" if several else "")


def _best(tracker: Tracker, name: str, line: list[int], champion: int | None) -> Version | None:
    """The most accurate of the champions so far, by what each was measured at in its time; ties: the later."""
    measured = {version.version: version for version in tracker.registry.versions(name) if ACCURACY_TAG in version.tags}
    champions_measured = [measured[number] for number in {*line, champion} if number in measured]
    return max(champions_measured, key=lambda v: (float(v.tags[ACCURACY_TAG]), v.version), default=None)


def evaluation_tags(report: Mapping[str, Any]) -> dict[str, str]:
    """The version tags that evaluate's report gives: accuracy and macro-F1."""
    named = {ACCURACY_TAG: report.get("accuracy"), MACRO_F1_TAG: report.get("macro_f1")}
    return {tag: f"{value:.6f}" for tag, value in named.items() if value is not None}
