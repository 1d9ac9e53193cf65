"""Register a package as a model's version and let the gate decide about it."""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.crash import crash_point
from tasks.errors import RequestError, UnavailableError
from tasks.progress import SILENT
from tasks.register.gate import Decision, Rival, decide
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
)
from tasks.register.package import copy_package, package_digest, read_manifest
from tasks.register.rivals import read_test_rows, rival_on
from tasks.tracking.client import single_tries
from tasks.tracking.registry import RegistryOutage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.config import RegisterConfig
    from tasks.progress import Progress
    from tasks.register.rivals import TestRows
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

OUTAGE_SECONDS = 40.0  # how long a server that went away is waited for: a restart takes five to fifteen, or a minute under load
ABANDONED_SECONDS = 86_400.0  # a registration takes seconds, or minutes over a slow line


@dataclass(frozen=True)
class Candidate:
    """What is to be registered: the package, evaluate's predictions of it, and the corpus with the raw texts.

    `holdout` is the digest of the test rows. `tags` go to the version: flow run, corpus digest, accuracy.
    """

    package: Path
    predictions: Path
    corpus: Path
    holdout: str
    labels: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None


def register_model(
    tracker: Tracker,
    config: RegisterConfig,
    name: str,
    candidate: Candidate,
    *,
    progress: Progress = SILENT,
    started: Callable[[], None] = lambda: None,
    ready: float = -math.inf,
) -> Registration:
    """Register the package, unless the same one is registered, and decide, unless the same was decided.

    Everything from reading the champion to the ledger's line happens under the model's lock. A run that ended between
    registering and deciding is made good by the next: the version is found by its package's digest, and decided. So is one
    whose server went away meanwhile, by itself, if the server is back within 40 s; otherwise UnavailableError, and the tracker
    asks for nothing more. The 40 s begin when the server was first asked in vain, or when there was something to register:
    `ready`, by time.monotonic. `started` is called if there is anything to do, perhaps several times.
    """
    deadline = None
    while True:
        try:
            with single_tries():
                return _register(tracker, config, name, candidate, progress, started)
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
    progress: Progress,
    started: Callable[[], None],
) -> Registration:
    ledger = Ledger(tracker.home.ledger)
    with tracker.home.locked(f"model-{name}"):
        champion = notice_champion(tracker, name)
        version = _registered(tracker, name, candidate)
        basis = {"gate": config.gate, "margin": config.margin, "holdout": candidate.holdout, "champion": champion}
        if version is not None:
            known = _known(version, champion, ledger.entries(name), basis)
            if known is not None:
                alias = next((alias for alias in (CHAMPION, CHALLENGER) if alias in version.aliases), None)
                return Registration(name, version.version, alias, "unchanged", known, {})
        started()
        if version is None:
            # The lock is this machine's; where others may register in the same store, what is young may be theirs.
            tracker.registry.sweep(name, min_age_seconds=0.0 if tracker.home.database else ABANDONED_SECONDS)
            version = _add(tracker, name, candidate)
            crash_point("register.added")
        tracker.registry.set_alias(name, CHALLENGER, version.version)
        crash_point("register.challenged")
        decision = _decide(tracker, config, candidate, version, champion, champions(ledger.entries(name)), progress)
        crash_point("register.decided")
        won = decision.verdict != "refused"
        to = version.version if won else champion
        named = {"model": candidate.tags[MODEL_TAG]} if MODEL_TAG in candidate.tags else {}
        figures = {**decision.figures, **named}
        entry = Entry(name, version.version, decision.verdict, champion, to, decision.reason, figures, basis)  # type: ignore[arg-type]
        if won:
            change_champion(tracker, entry, previous=champion)
        else:
            ledger.append(entry)
    log.info("%s version %d: %s (%s)", name, version.version, decision.verdict, decision.reason)
    alias = CHAMPION if won else CHALLENGER
    return Registration(name, version.version, alias, decision.verdict, decision.reason, dict(decision.figures))


def _registered(tracker: Tracker, name: str, candidate: Candidate) -> Version | None:
    digest = package_digest(candidate.package)
    same = [version for version in tracker.registry.versions(name) if version.package_digest == digest]
    return same[-1] if same else None


def _add(tracker: Tracker, name: str, candidate: Candidate) -> Version:
    requirements = read_manifest(candidate.package)["requirements"]
    digest = package_digest(candidate.package)
    with tempfile.TemporaryDirectory(prefix="textmill-") as temporary:
        package = Path(temporary) / PACKAGE  # MLflow names the artifact for its folder
        copy_package(candidate.package, package)
        crash_point("register.copied")
        return tracker.registry.add_version(name, package, digest, requirements, candidate.tags, candidate.run_id)


def _known(version: Version, champion: int | None, entries: list[Entry], basis: Mapping[str, Any]) -> str | None:
    """Why there is nothing to decide, or None if there is."""
    if version.version == champion:
        return f"version {champion} is this model, and the champion"
    for entry in reversed(entries):
        if entry.version == version.version and entry.basis == basis:
            return f"version {version.version} is this model; {entry.action} before: {entry.reason}"
    return None


def _decide(
    tracker: Tracker,
    config: RegisterConfig,
    candidate: Candidate,
    version: Version,
    champion: int | None,
    line: list[int],
    progress: Progress,
) -> Decision:
    rows = read_test_rows(candidate.predictions)
    try:
        rival = None if champion is None else _rival(tracker, version.name, champion, rows, candidate, "champion", progress)
    except RequestError as error:
        log.error("%s: the champion cannot be loaded, so nothing can replace it: %s", version.name, error)
        return Decision("refused", f"{error}; to replace the champion unseen: textmill models promote {version.version}")
    best = _best(tracker, version.name, line, champion)
    best_rival = None
    if best is not None and best.version not in (champion, version.version):
        try:
            best_rival = _rival(tracker, version.name, best.version, rows, candidate, "the best champion,", progress)
        except RequestError as error:
            log.warning("%s: the best champion so far takes no part in the comparison: %s", version.name, error)
    return decide(
        rows.correct, candidate.labels, rival, best_rival, gate=config.gate, margin=config.margin, version=version.version
    )


def _rival(
    tracker: Tracker, name: str, version: int, rows: TestRows, candidate: Candidate, role: str, progress: Progress
) -> Rival:
    loaded = load_version(tracker, tracker.registry.version(name, version))
    return rival_on(rows, candidate.corpus, loaded, f"{role} version {version}", progress)


def _best(tracker: Tracker, name: str, line: list[int], champion: int | None) -> Version | None:
    """The most accurate of the champions so far, by what each was measured at in its time; ties: the later."""
    measured = {version.version: version for version in tracker.registry.versions(name) if ACCURACY_TAG in version.tags}
    champions_measured = [measured[number] for number in {*line, champion} if number in measured]
    return max(champions_measured, key=lambda v: (float(v.tags[ACCURACY_TAG]), v.version), default=None)


def evaluation_tags(report: Mapping[str, Any]) -> dict[str, str]:
    """The version tags that evaluate's report gives: accuracy and macro-F1."""
    named = {ACCURACY_TAG: report.get("accuracy"), MACRO_F1_TAG: report.get("macro_f1")}
    return {tag: f"{value:.6f}" for tag, value in named.items() if value is not None}
