"""How a run splits its rows: as the models of its name were split, or for a new name by rule 2 with a salt chosen for it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError, UnavailableError
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


class Recorded(NamedTuple):
    """How the rows of a name's models were split; `rule` is None for a new name.

    `title` names the version that decides: the champion, or the newest. `salt` is its own, or that of the newest version by
    rule 2, whose split an attempt with rule 2 goes on with.
    """

    rule: int | None = None
    salt: int | None = None
    title: str = ""


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
    return Recorded(2 if decides.tags.get(RULE_TAG) == "2" else 1, int(salts[-1]) if salts else None, title)


def settle_split(config: PipelineConfig, recorded: Recorded, corpus: Artifact, folder: Path) -> PipelineConfig:
    """The configuration with rule and salt written out; `corpus` is ingest's artifact, `folder` where it is."""
    prepare = resolved_split(config.prepare, recorded, corpus.report["labels"], folder)
    return config.model_copy(update={"prepare": prepare})


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
        salt = choose_salt(folder, labels, config)
    return config.model_copy(update={"split_rule": 2, "salt": salt})


def change_of_split(config: PrepareConfig, recorded: Recorded) -> str | None:
    """The warning that rows change sides, if another rule or salt than the name's was asked for."""
    before = "rule 1" if recorded.rule == 1 else f"rule 2 with salt {recorded.salt}"
    now = "rule 1" if config.split_rule == 1 else f"rule 2 with salt {config.salt}"
    if recorded.rule is None or before == now:
        return None
    return (
        f"{recorded.title} was split by {before} and this run is split by {now}: rows change sides, and test rows that the "
        "champion trained on are left out of the comparison with it"
    )


def split_tags(config: PrepareConfig) -> dict[str, str]:
    """The tags of a version by which later runs of its name find its split."""
    salt = {} if config.split_rule == 1 else {SALT_TAG: str(config.salt)}
    return {RULE_TAG: str(config.split_rule), **salt}
