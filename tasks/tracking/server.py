"""MLflow's server as an ASGI app, to be run behind a guard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tasks.tracking.client import import_mlflow, own_warnings_ignored

if TYPE_CHECKING:
    from tasks.tracking.home import TrackingHome

STORE_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
FILES_VARIABLE = "MLFLOW_ARTIFACTS_DESTINATION"


def server_environment(home: TrackingHome) -> dict[str, str]:
    """The settings that `load_app` reads in the server's process: the store, and where files of experiments made over HTTP go.

    In the environment and not among arguments, where every user of the machine could read a database's password.
    """
    return {
        STORE_VARIABLE: home.uri,
        FILES_VARIABLE: str(home.artifacts),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it runs code that is sent to it, and nothing here needs that
    }


def load_app() -> Any:
    """MLflow's app over the store that the environment names, as `mlflow server` would set it up."""
    import_mlflow()
    with own_warnings_ignored():
        from mlflow.server import constants

        os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = os.environ[STORE_VARIABLE]
        os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = os.environ[FILES_VARIABLE]
        os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
        os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
        from mlflow.server.fastapi_app import app

    return app
