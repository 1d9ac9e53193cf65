"""Read registered models from MLflow's SQLite file without MLflow, whose import takes seconds.

Only a file whose schema is one of SCHEMAS is read here; any other is left to MLflow's own client. The answers are those of
MLflow's client, and nothing is ever written.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.template import revisions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMAS = frozenset(
    {"dc11669786a5"}
)  # revisions of MLflow's migrations that this code was compared with; the last: MLflow 3.17
WAIT_SECONDS = 30.0  # for another process that writes to the database
WORKSPACE = "default"
PROMPT = "mlflow.prompt.is_prompt"  # MLflow keeps prompts in the same tables, and leaves them out as we do


class MissingError(Exception):
    """What was asked for does not exist; `error_code` as MLflow's exceptions have it."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class RefusedError(Exception):
    """A call that can never be made, however often it is repeated; `error_code` as MLflow's exceptions have it."""

    error_code = "INVALID_PARAMETER_VALUE"


class Page(list):
    """All that was found; `token`, as of MLflow's pages, names no further page."""

    token = None


@dataclass(frozen=True)
class StoredExperiment:
    """An experiment, deleted ones too."""

    name: str
    artifact_location: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True)
class StoredModel:
    """A registered model: alias -> version number. `creation_timestamp` is in milliseconds since 1970."""

    name: str
    aliases: Mapping[str, int]
    tags: Mapping[str, str]
    creation_timestamp: int


@dataclass(frozen=True)
class StoredVersion:
    """One version. `creation_timestamp` is in milliseconds since 1970."""

    name: str
    version: int
    tags: Mapping[str, str]
    run_id: str | None
    creation_timestamp: int
    status: str


@dataclass(frozen=True)
class StoredFiles:
    """Where the files of a logged model are."""

    artifact_location: str


class SqliteReader:
    """The methods of MlflowClient that reading registered models takes, with the same names and answers.

    Every question has a connection of its own, so that any thread may ask and nothing stays open.
    """

    def __init__(self, path: Path) -> None:
        self._place = f"file:{quote(str(path))}?mode=ro"

    @classmethod
    def open(cls, path: Path) -> SqliteReader | None:
        """Open a database to read; None if this code does not know its schema or cannot read the file."""
        with contextlib.suppress(sqlite3.Error):
            found = revisions(path)
            if len(found) == 1 and found <= SCHEMAS:
                return cls(path)
        return None

    def search_experiments(self, view_type: object = None, *, page_token: None = None) -> Page:
        """Every experiment, deleted ones too."""
        rows = self._rows("SELECT experiment_id, name, artifact_location FROM experiments WHERE workspace = ?", WORKSPACE)
        tags: dict[int, dict[str, str]] = {}
        for experiment, key, value in self._rows("SELECT experiment_id, key, value FROM experiment_tags"):
            tags.setdefault(experiment, {})[key] = value
        return Page(StoredExperiment(name, place, tags.get(number, {})) for number, name, place in rows)

    def search_registered_models(self, *, max_results: int = 0, page_token: None = None) -> Page:
        """Every registered model, without its aliases."""
        tags: dict[str, dict[str, str]] = {}
        for name, key, value in self._rows("SELECT name, key, value FROM registered_model_tags WHERE workspace = ?", WORKSPACE):
            tags.setdefault(name, {})[key] = value
        rows = self._rows("SELECT name, creation_time FROM registered_models WHERE workspace = ?", WORKSPACE)
        found = [StoredModel(name, {}, tags.get(name, {}), made) for name, made in rows]
        return Page(model for model in found if model.tags.get(PROMPT) != "true")

    def get_registered_model(self, name: str) -> StoredModel:
        """A model by name; MissingError if there is no such model."""
        made = self._rows("SELECT creation_time FROM registered_models WHERE workspace = ? AND name = ?", WORKSPACE, name)
        if not made:
            raise MissingError(f"Registered Model with name={name} not found")
        aliases = self._rows(
            "SELECT alias, version FROM registered_model_aliases WHERE workspace = ? AND name = ?", WORKSPACE, name
        )
        tags = self._rows("SELECT key, value FROM registered_model_tags WHERE workspace = ? AND name = ?", WORKSPACE, name)
        return StoredModel(name, dict(aliases), dict(tags), made[0][0])

    def search_model_versions(self, wanted: str, *, max_results: int = 0, page_token: None = None) -> Page:
        """The versions of the model that a filter `name = '…'` names."""
        name = wanted.removeprefix("name = '").removesuffix("'")
        tags: dict[int, dict[str, str]] = {}
        for version, key, value in self._rows(
            "SELECT version, key, value FROM model_version_tags WHERE workspace = ? AND name = ?", WORKSPACE, name
        ):
            tags.setdefault(version, {})[key] = value
        rows = self._rows(
            "SELECT version, run_id, creation_time, status FROM model_versions "
            "WHERE workspace = ? AND name = ? AND current_stage != 'Deleted_Internal'",
            *(WORKSPACE, name),
        )
        found = [StoredVersion(name, number, tags.get(number, {}), run, made, status) for number, run, made, status in rows]
        return Page(version for version in found if version.tags.get(PROMPT) != "true")

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """Where a version's files are; MissingError if there is no such version."""
        return self._only(
            "SELECT COALESCE(NULLIF(storage_location, ''), source) FROM model_versions "
            "WHERE workspace = ? AND name = ? AND version = ? AND current_stage != 'Deleted_Internal'",
            *(WORKSPACE, name, int(version)),
        )

    def get_logged_model(self, model_id: str) -> StoredFiles:
        """Where a logged model's files are; MissingError if there is no such model."""
        query = "SELECT artifact_location FROM logged_models WHERE model_id = ? AND lifecycle_stage != 'deleted'"
        return StoredFiles(self._only(query, model_id))

    def _only(self, query: str, *values: object) -> str:
        rows = self._rows(query, *values)
        if not rows:
            raise MissingError(f"not found: {', '.join(map(str, values))}")
        return str(rows[0][0])

    def _rows(self, query: str, *values: object) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self._place, uri=True, timeout=WAIT_SECONDS)) as database:
            return database.execute(query, values).fetchall()
