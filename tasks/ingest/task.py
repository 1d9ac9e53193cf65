"""The step that reads the corpus."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from tasks.documents.sheets import MODULE, PACKAGE, WORKBOOKS
from tasks.durable import replaced
from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.says import SHOWN
from tasks.ingest.schema import QUARANTINE
from tasks.ingest.settings import TextsConfig
from tasks.ingest.texts import write_texts
from tasks.store.step import Choice, Run, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.ingest.settings import IngestConfig
    from tasks.store.artifact import Artifact, Build

REFUSED = "refused.parquet"  # the quarantine of the last corpus that could not be used at all


def _readers(config: IngestConfig | TextsConfig, artifacts: Mapping[str, Artifact]) -> tuple[str, ...]:
    """The library that reads workbooks, where one is to be read and it is there: its version shapes the rows."""
    beside = (getattr(config, name, None) for name in ("test_path", "valid_path", "unlabelled"))
    paths = [*config.places, *filter(None, beside)]
    sheets = any(path.suffix.lower() in WORKBOOKS for path in paths)
    return (PACKAGE,) if sheets and importlib.util.find_spec(MODULE) is not None else ()


OF_READERS = Choice("", lambda config, artifacts: (), _readers)


@step(libraries=("pyarrow",), choices=(OF_READERS,), shown=SHOWN)
def ingest(build: Build, config: IngestConfig | TextsConfig, run: Run, labels: Path | None = None) -> dict[str, Any]:
    """Read the corpus, and join the labels that people gave beside it."""
    raw = run.store.data_root / "raw"
    try:
        if isinstance(config, TextsConfig):
            return write_texts(config, build.folder, progress=run.progress_for("ingest"))
        return write_corpus(config, build.folder, raw=raw, labels=labels, progress=run.progress_for("ingest"))
    except RequestError as error:
        kept = keep_refused(build.folder / QUARANTINE, run.store.data_root / "runs" / REFUSED)
        if kept is None:
            raise
        raise RequestError(f"{error}; all that was refused is in {kept}") from error


def keep_refused(quarantine: Path, target: Path) -> Path | None:
    """Copy a failed corpus' quarantine to a place that stays; None where nothing was refused."""
    if not quarantine.is_file() or not pq.read_metadata(quarantine).num_rows:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    with replaced(target) as path:
        shutil.copyfile(quarantine, path)
    return target
