"""The epochs of a training, as `history.json` beside the model has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

HISTORY = "history.json"


def read_history(model: Path) -> dict[str, list[dict[str, Any]]]:
    """The epochs of each view from the model's history.json; nothing where a model has none."""
    path = model / HISTORY
    if not path.is_file():
        return {}
    history = json.loads(path.read_text(encoding="utf-8"))
    return history if isinstance(history, dict) else {"model": history}
