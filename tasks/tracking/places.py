"""Where the files of runs and models are now, if their store was copied, moved, renamed or restored from a backup.

MLflow's database names the files of runs and models by absolute paths. A store that is opened in another folder than the one
its database was written in would read, and write, in the old one. So the places are looked up here before anything is read or
written, and `bring_home` writes the new ones into the database, for MLflow's own programs and pages. Experiments whose files
were put elsewhere on purpose, and those that a server keeps, are left alone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tasks.durable import replaced
from tasks.tracking.sqlite_reader import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from tasks.tracking.home import TrackingHome
    from tasks.tracking.sqlite_reader import SqliteReader, StoredExperiment

log = logging.getLogger(__name__)

EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # so that the UI opens on runs, not on traces
FORMER = "former.json"  # the former folders of the store, for other files that name them
ARTIFACTS = "artifacts"  # the folder of all files beside the database, one folder an experiment in it
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
EVERY = 3  # mlflow.entities.ViewType.ALL
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/|file:")


@dataclass(frozen=True)
class Places:
    """The folder of a store's files, and those that its database names in its stead, as they are written there.

    `artifacts` is None where a server decides.
    """

    artifacts: Path | None
    former: tuple[str, ...] = ()

    def here(self, place: str, *, to_write: bool = False) -> str:
        """The place where files that the database has at `place` are, or are to be written, now.

        A file that is only left in the former folder is read there.
        """
        now = self.moved(place)
        if now is None or not (to_write or now.exists() or not local_path(place).exists()):
            return place
        return now.as_uri()

    def moved(self, place: str) -> Path | None:
        """The place in today's folder for one in a former folder; None for any other place."""
        for former in self.former:
            if self.artifacts is not None and place.startswith(f"{former}/"):
                inner = place.removeprefix(f"{former}/")
                return self.artifacts / (unquote(inner) if is_uri(former) else inner)
        return None


def find_places(home: TrackingHome, client: MlflowClient | SqliteReader) -> Places:
    """Compare the places of all experiments with the folder where the store is now.

    A database on a server may serve several data roots: there only a folder that is gone counts as former.
    """
    if home.artifacts is None:
        return Places(None)
    artifacts = home.artifacts.absolute()
    found = {former for each in _experiments(client) if (former := _former(each, artifacts))}
    if home.database is None:
        found = {former for former in found if not local_path(former).exists() and artifacts.is_dir()}
    return Places(artifacts, tuple(sorted(found)))


def bring_home(home: TrackingHome, places: Places) -> Places:
    """Write today's places into a SQLite database that names former ones, and return the places that it names then.

    Nothing in the former folder is changed. Files that are only there (a copy's run may have written them there) are copied
    first. Repeated after a kill it goes on. OSError or sqlite3.OperationalError if today's folder cannot be written.
    """
    if home.database is None or not places.former:
        return places
    with home.locked("mlflow"), contextlib.closing(sqlite3.connect(home.database, timeout=WAIT_SECONDS)) as database:
        copied = 0
        for table, column in COLUMNS:
            for (place,) in database.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL").fetchall():  # noqa: S608
                now = places.moved(place) if table != "experiments" else None
                if now is not None and not now.exists() and local_path(place).is_dir():
                    _copy(local_path(place), now)
                    copied += 1
        with database:
            database.execute("BEGIN IMMEDIATE")
            for former in places.former:
                assert places.artifacts is not None
                now_at = places.artifacts.as_uri() if is_uri(former) else str(places.artifacts)
                for table, column in COLUMNS:
                    database.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                        (now_at, len(former) + 1, len(former) + 1, f"{former}/"),
                    )
        _remember(home, places)
    also = f"; {copied} folders of files that were only there were copied" if copied else ""
    log.warning(
        "the store in %s was in %s before; its runs and models are found here now%s", *(home.folder, _shown(places), also)
    )
    return Places(places.artifacts)


def former_folders(home: TrackingHome) -> list[Path]:
    """The folders in which this store was before, as far as it was brought home from them."""
    try:
        return [Path(line) for line in json.loads((home.folder / FORMER).read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []


def _remember(home: TrackingHome, places: Places) -> None:
    known = [str(folder) for folder in former_folders(home)]
    found = [str(local_path(former).parent) for former in places.former]
    with replaced(home.folder / FORMER) as partial:
        partial.write_text(json.dumps([*known, *(each for each in found if each not in known)], ensure_ascii=False), "utf-8")


def is_local(place: str) -> bool:
    """Whether a place is a path of this machine."""
    return place.startswith("file:") if is_uri(place) else bool(place)


def is_uri(place: str) -> bool:
    """Whether a place is written as a URI, such as `s3://bucket/one` or `mlflow-artifacts:/1`."""
    return URI.match(place) is not None


def below(place: str, inner: str) -> str:
    """A path inside a place; what a URI has after a question mark or a hash stays at its end, as MLflow writes it."""
    if not is_uri(place):
        return f"{place.rstrip('/')}/{inner}"
    parts = urlsplit(place)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{inner}").geturl()


def local_path(place: str) -> Path:
    """The path of a local place, be it a path or a file's URI."""
    return Path(unquote(urlsplit(place).path)) if is_uri(place) else Path(place)


def _shown(places: Places) -> str:
    return " and ".join(str(local_path(former).parent) for former in places.former)


def _former(experiment: Experiment | StoredExperiment, artifacts: Path) -> str | None:
    """The folder of all files that an experiment of ours names, unless it is today's; None for any other experiment."""
    place = experiment.artifact_location or ""
    if EXPERIMENT_TAGS.items() - experiment.tags.items() or not is_local(place):
        return None
    path = local_path(place)
    if path.name != experiment.name or path.parent.name != ARTIFACTS or not path.is_absolute():
        return None
    return None if _same(path.parent, artifacts) else place.rpartition("/")[0]


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one folder, by whatever links and mounts they lead there."""
    with contextlib.suppress(OSError):
        return one == other or one.samefile(other)
    return False


def _copy(source: Path, target: Path) -> None:
    """Copy a folder, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".moving-", dir=target.parent) as folder:
        shutil.copytree(source, Path(folder) / "copy")
        (Path(folder) / "copy").rename(target)  # a folder, which `replaced` has no way to swap


def _experiments(client: MlflowClient | SqliteReader) -> Iterator[Experiment | StoredExperiment]:
    token = None
    while True:
        page = client.search_experiments(EVERY, page_token=token)
        yield from page
        if not (token := page.token):
            return
