"""The step that reads the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.ingest.corpus import write_corpus
from tasks.step import Run, step

if TYPE_CHECKING:
    from tasks.artifact import Build
    from tasks.config import IngestConfig


@step(libraries=("pyarrow",))
def ingest(build: Build, config: IngestConfig, run: Run) -> dict[str, Any]:
    """Read the corpus."""
    raw = run.store.data_root / "raw"
    return write_corpus(config, build.folder, raw=raw, progress=run.progress_for("ingest"))
