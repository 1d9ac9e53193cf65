"""MLflow's server as an ASGI app, to be run behind a guard."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.tracking.client import import_mlflow, own_warnings_ignored

if TYPE_CHECKING:
    from tasks.tracking.home import TrackingHome

STORE_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
FILES_VARIABLE = "MLFLOW_ARTIFACTS_DESTINATION"


def server_environment(home: TrackingHome, *, database: str | None = None, bucket: str | None = None) -> dict[str, str]:
    """The settings that `load_app` reads in the server's process: the store, and where files of experiments made over HTTP go.

    `database` and `bucket` take the place of the home's file and folder.
    In the environment and not among arguments, where every user of the machine could read a database's password.
    """
    given = {
        STORE_VARIABLE: database or home.uri,
        FILES_VARIABLE: bucket or str(home.artifacts),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it runs code that is sent to it, and nothing here needs that
    }
    if "AWS_REGION" in os.environ and "AWS_DEFAULT_REGION" not in os.environ:
        given["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]  # boto3 reads no other
    return given


def load_app() -> Any:
    """MLflow's app over the store that the environment names, as `mlflow server` would set it up; makes its tables first."""
    import_mlflow()
    with own_warnings_ignored():
        from mlflow.server import constants

        os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = os.environ[STORE_VARIABLE]
        os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = os.environ[FILES_VARIABLE]
        os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
        os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
        from mlflow.server.fastapi_app import app
        from mlflow.server.handlers import initialize_backend_stores

        initialize_backend_stores(os.environ[STORE_VARIABLE], default_artifact_root="mlflow-artifacts:/")
    return app


def known_revisions() -> dict[str, str | None]:
    """Every schema of its database that the installed MLflow knows, without importing it: revision -> the one before."""
    spec = find_spec("mlflow")
    assert spec is not None
    assert spec.origin is not None
    return revisions_in(Path(spec.origin).parent / "store" / "db_migrations" / "versions")


def revisions_in(folder: Path) -> dict[str, str | None]:
    """The revisions of a folder of Alembic's scripts: revision -> the one before it."""
    found: dict[str, str | None] = {}
    for path in folder.glob("*.py"):
        written = dict(_REVISION.findall(path.read_text(encoding="utf-8")))
        if "revision" in written:
            found[written["revision"]] = written.get("down_revision")
    return found


_REVISION = re.compile(r"""^(revision|down_revision)\b[^=\n]*=\s*["'](\w+)["']""", re.MULTILINE)
