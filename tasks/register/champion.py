"""Read the kind of a name's champion, so that the next training keeps it unless another is asked for."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import RequestError, UnavailableError
from tasks.register.models import CHAMPION, verify_version
from tasks.tracking.client import single_tries

if TYPE_CHECKING:
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

MODEL = "model/model.json"  # below a package: the names in serving.py and classifier.py, whose imports take two seconds


@dataclass(frozen=True)
class Champion:
    """Today's champion: its version, and the model as `finetune.model` names it."""

    version: int
    model: str


def read_champion(tracker: Tracker, name: str) -> Champion | None:
    """Verify the files of a name's champion and read its model; None if there is no champion, or it cannot be read.

    Why it cannot be read is logged: registration, which comes last, says the same and decides about it.
    """
    try:
        with single_tries():
            number = tracker.registry.aliases(name).get(CHAMPION)
            if number is None:
                return None
            package = verify_version(tracker, tracker.registry.version(name, number))
        views = json.loads((package / MODEL).read_text(encoding="utf-8"))["views"]
        return Champion(number, "+".join(views))
    except (RequestError, UnavailableError, OSError, ValueError, KeyError) as error:
        log.warning("%s: the kind of its champion cannot be read, so this run chooses anew: %s", name, error)
        return None
