"""The step `labels`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.labels.gather import write_labels
from tasks.labels.says import SHOWN
from tasks.store.step import step

if TYPE_CHECKING:
    from tasks.labels.settings import LabelsConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run


@step(libraries=("pyarrow", "scikit-learn"), shown=SHOWN)
def labels(build: Build, config: LabelsConfig, run: Run) -> dict[str, Any]:
    """Put together the labels that people gave beside the corpus."""
    return write_labels(config.folder, build.folder)
