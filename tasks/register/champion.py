"""Read a name's champion: its kind, which the next training keeps unless another is asked for, and where its files are."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import RequestError, UnavailableError
from tasks.register.decisions import champion_of
from tasks.register.models import verify_version
from tasks.tracking.client import single_tries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

MODEL = "model/model.json"  # below a package: the names in serving.py and classifier.py, whose imports take two seconds


@dataclass(frozen=True)
class Champion:
    """Today's champion: its version, and the model as `finetune.model` names it.

    `package` is the folder of its verified files, `created` when it was registered, in seconds since 1970.
    """

    version: int
    model: str
    package: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0


def read_champion(tracker: Tracker, name: str) -> Champion | None:
    """Verify the files of a name's champion and read its model; None if there is no champion, or it cannot be read.

    Why it cannot be read is logged: registration, which comes last, says the same and decides about it.
    """
    try:
        with single_tries():
            number = champion_of(tracker, name)
            if number is None:
                return None
            return _read(tracker, name, number)
    except (RequestError, UnavailableError, OSError, ValueError, KeyError) as error:
        log.warning("%s: the kind of its champion cannot be read, so this run chooses anew: %s", name, error)
        return None


def read_version(tracker: Tracker, name: str, number: int, digest: str) -> Champion | None:
    """The same of a version that was champion, if it still has the package of that digest and its files are whole."""
    try:
        with single_tries():
            if tracker.registry.version(name, number).package_digest != digest:
                return None
            return _read(tracker, name, number)
    except (RequestError, UnavailableError, OSError, ValueError, KeyError) as error:
        log.warning("%s: version %d cannot be read: %s", name, number, error)
        return None


def _read(tracker: Tracker, name: str, number: int) -> Champion:
    version = tracker.registry.version(name, number)
    package = verify_version(tracker, version)
    views = json.loads((package / MODEL).read_text(encoding="utf-8"))["views"]
    return Champion(number, "+".join(views), package, version.tags, version.created)
