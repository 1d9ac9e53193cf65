"""Write a trained model in the format of another program. In go a package's model and a folder to make; each kind has its own.

The module of a kind that does it is found by name: nothing that is exported comes back as an artifact, so it is in no key, and
a change of it retrains nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.model.classifier import ModelFolder

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = sorted({form for kind in KINDS.values() for form in kind.exports})


def export_model(model: Path, target: Path, form: str, title: str) -> dict[str, Any]:
    """Write `model`, the folder of a package's model, into the new folder `target`; what was written.

    RequestError where `form` is unknown or can hold no model of these kinds; `title` is how the message names it.
    """
    if form not in FORMATS:
        raise RequestError(f"--format {form}: choose from {', '.join(FORMATS)}")
    views = list(ModelFolder(model).views)
    able = [kind.name for kind in KINDS.values() if form in kind.exports]
    if len(views) != 1 or views[0] not in able:
        alone = " or ".join(able)
        raise RequestError(
            f"{title} is {'+'.join(views)}, and the format {form} can hold {alone} alone; train one with "
            f"finetune.model {alone}, or give another --format"
        )
    written: dict[str, Any] = getattr(importlib.import_module(f"{KINDS[views[0]].modules[0]}.export"), form)(
        model, target, title
    )
    return written
