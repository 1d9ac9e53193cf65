"""Training data that are elsewhere: brought to the data root, where ingest reads them as any file.

What came is named by its content, so a run whose rows have not changed is cached whatever brought them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.documents.database import Address
from tasks.errors import RequestError
from tasks.fetch.files import fetch_file
from tasks.fetch.query import fetch_query
from tasks.urls import without_secrets

if TYPE_CHECKING:
    from flows.display import Display
    from tasks.config import PipelineConfig

FETCHED, ROWS = "fetched", "rows.parquet"
KEPT_SECONDS = 7 * 86_400.0  # of what was fetched before: another run may still read it


def fetched(config: PipelineConfig, display: Display) -> PipelineConfig:
    """The configuration with the file that was fetched as its corpus; itself where nothing is to be.

    RequestError and UnavailableError as the readers say.
    """
    asked = config.fetch
    if not asked.asks:
        return config
    progress = display.progress("fetch")
    (root := config.runtime.data_root / FETCHED / config.name).mkdir(parents=True, exist_ok=True)
    _sweep(root)
    scratch = Path(tempfile.mkdtemp(prefix=".incoming-", dir=root))
    try:
        if asked.query is not None:
            ingest = config.ingest
            columns = list(dict.fromkeys([*ingest.text.split(","), ingest.label, *ingest.keep]))
            file = scratch / ROWS
            num_rows = fetch_query(asked, [column.strip() for column in columns], file, progress=progress)
            told = f"{num_rows:,} rows of a query"
        else:
            assert asked.url is not None
            file = fetch_file(asked.url, scratch, progress=progress)
            told = f"{file.stat().st_size:,} bytes of {source_of(config)}"
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
        place = root / digest
        if place.exists():
            os.utime(place)  # another week from now on
        else:
            scratch.replace(place)
        display.say(f"{'fetch':<10} done              {told}")
        return config.model_copy(update={"ingest": config.ingest.model_copy(update={"path": place / file.name})})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_fetched(config: PipelineConfig) -> None:
    """Raise RequestError for what is known to be wrong before anything is fetched."""
    if config.ingest.place is not None:
        flag = "--fetch.url" if config.fetch.url is not None else "--fetch.query"
        raise RequestError(f"--ingest.path {config.ingest.place} and {flag} are both given; keep the one to read")
    if config.fetch.query is not None:
        Address(config.fetch.database_variable, config.fetch.database_file, "fetch").url()


def source_of(config: PipelineConfig) -> str:
    """What a run's corpus is called: its place, or where it is fetched from, without anything secret."""
    if config.fetch.url is not None:
        return without_secrets(config.fetch.url)
    return f"query {config.fetch.query}" if config.fetch.query is not None else config.ingest.corpus


def _sweep(root: Path) -> None:
    """Remove what was fetched more than a week ago, and what a killed run left."""
    for each in root.iterdir():
        if time.time() - each.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
