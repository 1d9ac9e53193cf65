"""What a monitor keeps of the last judgement: the names of its settings, each a JSON value, and how to read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.monitor.state import MonitorState

STANDING = "today.expected"  # what is expected of the model; see tasks/today/standing.py
CHANGE = "today.changed"  # what has changed, with headlines of the stream, so that `forget` looks there; see change.py
TOLD = "today.told"  # the model that people were told of


def read_kept(state: MonitorState, key: str) -> dict[str, Any] | None:
    """The value of a setting; None if there is none."""
    held = json.loads(state.setting(key) or "null")
    return None if held is None else dict(held)
