"""Training data that are elsewhere: brought to the data root, where ingest reads them as any file.

What came is named by its content, so a run whose rows have not changed is cached whatever brought them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.documents.database import Address
from tasks.documents.table_form import PARQUET
from tasks.errors import RequestError
from tasks.fetch.files import fetch_files
from tasks.fetch.query import fetch_query
from tasks.places import is_pattern, matched
from tasks.store.artifact import Store, tree_digest
from tasks.store.digests import sha256_file
from tasks.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.display import Display
    from tasks.config import PipelineConfig

FETCHED, COPIES, ROWS = "fetched", ".copies", "rows.parquet"
KEPT_SECONDS = 7 * 86_400.0  # of what was fetched before: another run may still read it


def fetched(config: PipelineConfig, display: Display) -> PipelineConfig:
    """The configuration with the files that were fetched as its corpus; itself where nothing is to be.

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
            files, told = [file], f"{num_rows:,} rows of a query"
        else:
            assert asked.url is not None
            (copies := config.runtime.data_root / FETCHED / COPIES).mkdir(exist_ok=True)
            _sweep(copies)
            fingerprints = Store(config.runtime.data_root).fingerprints
            files = fetch_files(asked.url, scratch, copies, fingerprints, progress=progress)
            of = f" in {len(files):,} files" if len(files) > 1 else ""
            told = f"{sum(file.stat().st_size for file in files):,} bytes{of} of {source_of(config)}"
        place = root / _content(files, scratch)
        if place.exists():
            os.utime(place)  # another week from now on
        else:
            _put(scratch, place)
        display.say(f"{'fetch':<10} done              {told}")
        found = tuple(place / file.relative_to(scratch) for file in files)
        path: Path | tuple[Path, ...] = found if len(found) > 1 else found[0]
        if len(found) > 1 and all(file.suffix in PARQUET for file in found):
            path = place  # a table whose folders may be columns
        return config.model_copy(update={"ingest": config.ingest.model_copy(update={"path": path})})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _content(files: Sequence[Path], folder: Path) -> str:
    """What files are called that have these names and bytes."""
    return tree_digest({file.relative_to(folder).as_posix(): sha256_file(file) for file in files})[:16]


def _put(scratch: Path, place: Path) -> None:
    """Move a folder to its place; another run may have brought the same files there meanwhile."""
    try:
        scratch.replace(place)
    except OSError:
        if not place.is_dir():
            raise


def with_files(config: PipelineConfig) -> PipelineConfig:
    """The configuration with the files that its patterns match now, whose content is what enters a key."""
    ingest = config.ingest
    if not isinstance(ingest.path, tuple) and not (ingest.path is not None and is_pattern(ingest.path)):
        return config
    files = matched(ingest.places, "--ingest.path")
    return config.model_copy(update={"ingest": ingest.model_copy(update={"path": files if len(files) > 1 else files[0]})})


def check_fetched(config: PipelineConfig) -> None:
    """Raise RequestError for what is known to be wrong before anything is fetched."""
    if config.ingest.places:
        flag = "--fetch.url" if config.fetch.url is not None else "--fetch.query"
        raise RequestError(f"--ingest.path {config.ingest.corpus} and {flag} are both given; keep the one to read")
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
