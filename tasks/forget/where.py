"""Every file of a data root by the kind of thing it is part of, and what is deleted if it holds a forgotten text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.durable import PARTIAL
from tasks.forget.forgotten import FOLDER as FORGOTTEN
from tasks.labels.imports import LABELS
from tasks.store.layout import BUILDING, DAMAGED, LOCKS, SCRATCH, STORE
from tasks.tracking.home import DECISIONS, LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARTIFACT, LEFTOVER, SET_ASIDE = "artifacts", "sweep leftovers", "set-aside folders"
RECORD, REPORT, PREDICTION, REFUSED, SPOOL = "run records", "reports", "predictions", "refused records", "spooled calls"
MONITOR = "monitors"
GIVEN, SEARCH = "given labels", "searches of tune"
MLFLOW_DATABASE, MLFLOW_FILE, MODEL = "MLflow database", "MLflow runs' files", "registered models"
PREFECT_DATABASE, PREFECT_FILE = "Prefect database", "Prefect's files"
FETCHED, DOWNLOAD, LOG, EVENTS = "fetched files", "downloads", "logs", "TensorBoard events"
YOURS = "your own files"

DELETED = frozenset(
    {
        *(ARTIFACT, LEFTOVER, SET_ASIDE, REPORT, PREDICTION, REFUSED),
        *(MLFLOW_FILE, PREFECT_FILE, FETCHED, DOWNLOAD, EVENTS, SEARCH),
    }
)  # whole
REWRITTEN = frozenset({RECORD, SPOOL, LOG})  # without the lines or values that hold it
DATABASES = frozenset({MLFLOW_DATABASE, PREFECT_DATABASE})  # without the rows
LEFT = frozenset({MODEL, YOURS})  # named, and not touched

_RECORDS = frozenset({LEDGER, "former.json", "server.json"})
_BESIDE = ("-wal", "-shm", "-journal")  # files of SQLite's
_OWN = {"raw": DOWNLOAD, "logs": LOG, "tensorboard": EVENTS, "serve": LOG, LABELS: GIVEN, "tune": SEARCH}


@dataclass(frozen=True)
class Roots:
    """Where a data root and the two stores that may lie elsewhere are."""

    data_root: Path
    mlflow: Path
    prefect: Path
    mlflow_database: Path | None = None


@dataclass(frozen=True)
class Place:
    """A file, the kind of thing it is part of, and the path that is deleted as a whole with it: itself, or a folder."""

    path: Path
    kind: str
    unit: Path


def places(roots: Roots) -> Iterator[Place]:
    """Every file in order, links excepted; files of the user's that lie in the data root too."""
    root = roots.data_root

    def of_mlflow(folder: Path, path: Path) -> Place:
        return _of_mlflow(roots, path)

    below: dict[Path, Callable[[Path, Path], Place]]
    below = {root / STORE: _of_store, root / "runs": _of_runs, root / "monitor": _of_monitors, root / "fetched": _of_fetched}
    below |= {roots.mlflow: of_mlflow, roots.prefect: _of_prefect}
    below |= {root / name: _plain(kind) for name, kind in _OWN.items()}
    for folder, kind_of in below.items():
        own = ("artifacts", "downloads", DECISIONS) if folder == roots.mlflow else None
        for path in _files(folder, only=own):
            if not (path.name.endswith(".lock") or path.is_relative_to(root / STORE / LOCKS)):
                yield kind_of(folder, path)
    for path in _files(root, without={*below, root / FORGOTTEN}):
        yield Place(path, YOURS, path)


def of_database(path: Path) -> Path:
    """The database that a file of SQLite's belongs to."""
    name = next((path.name.removesuffix(end) for end in _BESIDE if path.name.endswith(end)), path.name)
    return path.with_name(name)


def _files(
    folder: Path, without: set[Path] | frozenset[Path] = frozenset(), only: tuple[str, ...] | None = None
) -> Iterator[Path]:
    """The files below a folder; of its own folders `only` those, if they are given."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if Path(place, name) not in without and name != ".git")
        if only is not None and Path(place) == folder:
            folders[:] = [name for name in folders if name in only]
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _of_store(folder: Path, path: Path) -> Place:
    first, *rest = path.relative_to(folder).parts
    if first in (BUILDING, SCRATCH, DAMAGED):
        unit = folder / first / rest[0]
        return Place(path, SET_ASIDE if first == DAMAGED else LEFTOVER, unit)
    if len(rest) < 2:
        return Place(path, LEFTOVER, path)
    return Place(path, ARTIFACT, folder / first / rest[0])


def _of_runs(folder: Path, path: Path) -> Place:
    first, *rest = path.relative_to(folder).parts
    if path.name.endswith(PARTIAL):
        kind = LEFTOVER
    elif first == "spool":
        kind = SPOOL
    elif rest:
        kind = _of_name(path, REPORT)
    else:
        kind = RECORD if path.suffix == ".json" else REFUSED
    return Place(path, kind, path)


def _of_monitors(folder: Path, path: Path) -> Place:
    rest = path.relative_to(folder).parts[1:]
    if path.name.endswith(PARTIAL) or path.suffix == ".arrow":
        kind = LEFTOVER
    elif rest[:1] == ("documents",) or of_database(path).name == "state.db":
        kind = MONITOR
    else:
        kind = REPORT
    return Place(path, kind, folder / path.relative_to(folder).parts[0] if kind == MONITOR else path)


def _of_mlflow(roots: Roots, path: Path) -> Place:
    parts = path.relative_to(roots.mlflow).parts
    if of_database(path) == roots.mlflow_database:
        return Place(path, MLFLOW_DATABASE, of_database(path))
    if parts[0] == "artifacts":
        return Place(path, MODEL if "models" in parts[2:3] else _of_name(path, MLFLOW_FILE), path)
    if parts[0] == "downloads":
        return Place(path, MODEL, path)
    if parts[0] == DECISIONS:  # copies of what is in a bucket, where they are rewritten
        return Place(path, LEFTOVER, path)
    kind = RECORD if path.name in _RECORDS else YOURS
    return Place(path, LEFTOVER if path.name.endswith(PARTIAL) else kind, path)


def _of_prefect(folder: Path, path: Path) -> Place:
    if of_database(path).name == "prefect.db":
        return Place(path, PREFECT_DATABASE, of_database(path))
    return Place(path, LOG if path.suffix == ".log" else PREFECT_FILE, path)


def _of_fetched(folder: Path, path: Path) -> Place:
    parts = path.relative_to(folder).parts
    return Place(path, FETCHED, folder.joinpath(*parts[: min(2, len(parts) - 1) or 1]))


def _plain(kind: str) -> Callable[[Path, Path], Place]:
    return lambda folder, path: Place(path, kind, path)


def _of_name(path: Path, otherwise: str) -> str:
    if path.suffix == ".html":
        return REPORT
    return PREDICTION if path.name.startswith("predictions") else otherwise
