"""How a run splits its rows: as the models of its name were split, or for a new name by rule 2 with a salt chosen for it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError, UnavailableError
from tasks.prepare.by_column import choose_cut
from tasks.prepare.salt import choose_salt
from tasks.register.models import CHAMPION
from tasks.register.waiting import OUTAGE_SECONDS
from tasks.tracking.client import single_tries
from tasks.tracking.registry import RegistryOutage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.config import PipelineConfig
    from tasks.prepare.settings import PrepareConfig
    from tasks.store.artifact import Artifact
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

RULE_TAG, SALT_TAG = "textmill.split_rule", "textmill.split_salt"  # of a version; one without them is of rule 1
BY_TAG, COLUMN_TAG, CUT_TAG = "textmill.split", "textmill.split_column", "textmill.split_from"  # without them: by hash


class Recorded(NamedTuple):
    """How the rows of a name's models were split; `rule` is None for a new name.

    `title` names the version that decides: the champion, or the newest. `salt` is its own, or that of the newest version by
    rule 2, whose split an attempt with rule 2 goes on with. `by`, `column` and `cut` say which column decides, if one does, and
    from which day on rows are test rows.
    """

    rule: int | None = None
    salt: int | None = None
    title: str = ""
    by: str = "hash"
    column: str = ""
    cut: str = ""


def recorded_split(tracker: Tracker, name: str) -> Recorded:
    """Look the name up in the registry; a server that went away is waited for as registration does it."""
    deadline = None
    while True:
        try:
            with single_tries():
                return recorded_in(tracker.registry.versions(name))
        except RegistryOutage as error:
            deadline = deadline or error.since + OUTAGE_SECONDS
            if time.monotonic() >= deadline or not tracker.answers_before(deadline):
                raise UnavailableError(
                    f"MLflow at {tracker.home.uri} did not answer for {OUTAGE_SECONDS:.0f} s, so how the rows of {name} were "
                    "split before is not known; run the same command when it answers"
                ) from error


def recorded_in(versions: Sequence[Version]) -> Recorded:
    """What these versions of one name say, oldest first."""
    if not versions:
        return Recorded()
    champion = next((version for version in versions if CHAMPION in version.aliases), None)
    decides = champion or versions[-1]
    salts = [version.tags[SALT_TAG] for version in [*versions, decides] if version.tags.get(SALT_TAG, "").isdigit()]
    title = f"{decides.name} version {decides.version}" + (", the champion," if champion else "")
    by, column, cut = (decides.tags.get(tag, "") for tag in (BY_TAG, COLUMN_TAG, CUT_TAG))
    rule = 2 if decides.tags.get(RULE_TAG) == "2" else 1
    return Recorded(rule, int(salts[-1]) if salts else None, title, by or "hash", column, cut)


def settle_split(config: PipelineConfig, recorded: Recorded, corpus: Artifact, folder: Path) -> PipelineConfig:
    """The configuration with rule and salt written out; `corpus` is ingest's artifact, `folder` where it is."""
    prepare = resolved_split(config.prepare, recorded, corpus.report["labels"], folder)
    if prepare.split == "time":
        prepare = prepare.model_copy(update={"test_from": resolved_cut(prepare, recorded, folder)})
    return config.model_copy(update={"prepare": prepare})


def resolved_cut(config: PrepareConfig, recorded: Recorded, folder: Path) -> str:
    """The first day of the test rows: that of the name's models, which may be moved to a later one, or a new name's own.

    RequestError for an earlier day: rows that the name's models were trained on would be test rows.
    """
    known = recorded.cut if (recorded.by, recorded.column) == (config.split, config.split_column) else ""
    if config.test_from == "auto":
        return known or choose_cut(config, folder)
    if known and config.test_from < known:
        raise RequestError(
            f"--prepare.test-from {config.test_from}: {recorded.title} was trained on rows from before {known}, which would be "
            "test rows now; name a later day, or another --name"
        )
    return config.test_from


def resolved_split(config: PrepareConfig, recorded: Recorded, labels: Mapping[str, int], folder: Path) -> PrepareConfig:
    """The section with rule and salt written out; `labels` are the rows of each class in the corpus in `folder`.

    RequestError: a salt is asked for where the name's models know none.
    """
    rule = (recorded.rule or 2) if config.split_rule == "auto" else config.split_rule
    if rule == 1:
        if config.salt != "auto":
            raise RequestError(
                f"--prepare.salt {config.salt}: {recorded.title} was split by rule 1, which knows no salt; leave it out, or "
                "split anew with --prepare.split-rule 2 too"
            )
        return config.model_copy(update={"split_rule": 1})
    salt = recorded.salt if config.salt == "auto" else config.salt
    if salt is None:
        salt = choose_salt(folder, labels, config) if config.split == "hash" else 0
    return config.model_copy(update={"split_rule": 2, "salt": salt})


def change_of_split(config: PrepareConfig, recorded: Recorded) -> str | None:
    """The warning that rows change sides, if another rule or salt than the name's was asked for."""
    before = _told(recorded.rule, recorded.salt, recorded.by, recorded.column)
    now = _told(config.split_rule, config.salt, config.split, config.split_column)
    if recorded.rule is None or before == now:
        return None
    return (
        f"{recorded.title} was split by {before} and this run is split by {now}: rows change sides, and test rows that the "
        "champion trained on are left out of the comparison with it"
    )


def _told(rule: int | str | None, salt: int | str | None, by: str, column: str | None) -> str:
    drawn = "rule 1" if rule == 1 else f"rule 2 with salt {salt}"
    return drawn if by == "hash" else f"{by} of {column!r} and {drawn}"


def split_tags(config: PrepareConfig) -> dict[str, str]:
    """The tags of a version by which later runs of its name find its split."""
    salt = {} if config.split_rule == 1 else {SALT_TAG: str(config.salt)}
    column = {} if config.split == "hash" else {BY_TAG: config.split, COLUMN_TAG: str(config.split_column)}
    cut = {CUT_TAG: config.test_from} if config.split == "time" else {}
    return {RULE_TAG: str(config.split_rule), **salt, **column, **cut}
