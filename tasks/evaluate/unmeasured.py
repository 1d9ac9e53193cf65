"""What stands in place of an evaluation where no row has a label: the labels that the model knows, and that nothing is known.

In goes the folder of the model, out comes labels.json, from which the page is written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.evaluate.report import render_unmeasured
from tasks.model.classifier import ModelFolder
from tasks.shown import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LABELS = "labels.json"


def write_labels(model: Path, folder: Path) -> dict[str, Any]:
    """Write the labels of the model in `model`; the report has them too."""
    labels = list(ModelFolder(model).settings["labels"])
    (folder / LABELS).write_text(json_text(labels), encoding="utf-8")
    return {"labels": labels}


def render(folder: Path, context: Mapping[str, Any], out_file: Path) -> Path:
    """Write the page of the run, which says that nothing was measured."""
    return render_unmeasured(json.loads((folder / LABELS).read_text(encoding="utf-8")), context, out_file)
