"""What the step `labels` is handed; no section of a configuration: a run finds the imports by its name."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tasks.section import Section


class LabelsConfig(Section):
    """Where the imports of labels of a name are."""

    folder: Path = Field(description="The folder of the name's imports.")
