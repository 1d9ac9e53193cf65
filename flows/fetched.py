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
from tasks.durable import replaced
from tasks.errors import RequestError, UnavailableError
from tasks.fetch.files import fetch_files
from tasks.fetch.query import fetch_query
from tasks.in_use import WAIT
from tasks.places import is_pattern, matched, names_of
from tasks.store.artifact import Store, tree_digest
from tasks.store.digests import canonical, sha256_file, sha256_text
from tasks.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.display import Display
    from tasks.config import PipelineConfig
    from tasks.fetch.settings import FetchConfig

FETCHED, COPIES, BEFORE, ROWS, GIVEN = "fetched", ".copies", ".before", "rows.parquet", "path"
KEPT_SECONDS = 7 * 86_400.0  # of what was fetched before: another run may still read it


def fetched(config: PipelineConfig, display: Display) -> PipelineConfig:
    """The configuration with what was fetched as its corpus, beside the files of `ingest.path`; itself where nothing is to be.

    RequestError and UnavailableError as the readers say.
    """
    asked = config.fetch
    if not asked.asks:
        return config
    given, progress = files_beside(config), display.progress("fetch")
    (root := config.runtime.data_root / FETCHED / config.name).mkdir(parents=True, exist_ok=True)
    _sweep(root)
    scratch = Path(tempfile.mkdtemp(prefix=".incoming-", dir=root))
    try:
        (into := scratch / FETCHED if given else scratch).mkdir(exist_ok=True)
        if asked.query is not None:
            columns = columns_of(config)
            before = root / f"{BEFORE}-{_asked(asked, columns)}" / ROWS if asked.since else None
            file = into / ROWS
            came = fetch_query(asked, columns, file, before=before, progress=progress)
            files, told = [file], f"{came.rows:,} rows of a query"
            if before is not None:
                told += f", {came.new:,} of them since {came.since}"
                _keep(file, before)
        else:
            assert asked.url is not None
            (copies := config.runtime.data_root / FETCHED / COPIES).mkdir(exist_ok=True)
            _sweep(copies)
            fingerprints = Store(config.runtime.data_root).fingerprints
            files = fetch_files(asked.url, into, copies, fingerprints, progress=progress)
            of = f" in {len(files):,} files" if len(files) > 1 else ""
            told = f"{sum(file.stat().st_size for file in files):,} bytes{of} of {source_of(config)}"
        files = [*_copied(given, scratch / GIVEN), *files]
        place = root / _content(files, scratch)
        if place.exists():
            os.utime(place)  # another week from now on
        else:
            _put(scratch, place)
        display.say(f"{'fetch':<10} done              {told}")
        found = tuple(place / file.relative_to(scratch) for file in files)
        path: Path | tuple[Path, ...] = found if len(found) > 1 else found[0]
        if len(found) > 1 and not given and all(file.suffix in PARQUET for file in found):
            path = place  # a table whose folders may be columns
        return config.model_copy(update={"ingest": config.ingest.model_copy(update={"path": path})})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def files_beside(config: PipelineConfig) -> tuple[Path, ...]:
    """The files of `ingest.path`, which are read beside what is fetched; RequestError for a folder or what is not there."""
    if config.ingest.archive is not None:
        raise RequestError(f"--ingest.archive {config.ingest.archive} is a corpus of its own; leave it out, or fetch nothing")
    files = matched(config.ingest.places, "--ingest.path")
    for file in files:
        if not file.is_file():
            told = "a folder; beside what is fetched only files are read" if file.is_dir() else "no such file"
            raise RequestError(f"--ingest.path {file}: {told}; give the table's file, or fetch or read it alone")
    return files


def _copied(files: Sequence[Path], folder: Path) -> list[Path]:
    """Copies of files, which nobody else changes, under the names that they have beside one another."""
    targets = [folder / name for name in names_of(files)]
    for file, target in zip(files, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        before = file.stat()
        shutil.copyfile(file, target)
        after = file.stat()
        if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
            raise UnavailableError(f"--ingest.path {file}: it changed while it was read, so it is still being written; {WAIT}")
    return targets


def columns_of(config: PipelineConfig) -> list[str]:
    """The columns of a query that a run reads."""
    ingest, since = config.ingest, config.fetch.since
    columns = [*ingest.text.split(","), ingest.label, *ingest.keep, *([since] if since else [])]
    return list(dict.fromkeys(column.strip() for column in columns))


def _asked(asked: FetchConfig, columns: Sequence[str]) -> str:
    """What rows are called that this query of this database gave: another one begins anew."""
    database = Address(asked.database_variable, asked.database_file, "fetch").url().render_as_string(hide_password=True)
    return sha256_text(canonical([database, asked.query, asked.since, columns]))[:16]


def _keep(rows: Path, before: Path) -> None:
    """Put the rows where the next run finds them, whole or not at all."""
    before.parent.mkdir(exist_ok=True)
    with replaced(before) as partial:
        shutil.copyfile(rows, partial)


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
    files_beside(config)
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
