"""`textmill up` and `textmill down`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import DataRoot
from flows.commands.printing import print_values
from tasks.errors import RequestError


def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the Prefect server; default: 4200.")] = None,
    mlflow_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the MLflow server; default: 5000.")] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="postgresql://USER@HOST/NAME|none", help="Keep runs, schedules and models there; none: in files again."
        ),
    ] = None,
    artifacts: Annotated[
        str | None,
        typer.Option(metavar="s3://BUCKET/PREFIX|none", help="Keep MLflow's files there; none: in the data root again."),
    ] = None,
    worker_only: Annotated[
        bool,
        typer.Option(
            "--worker-only", help="Join the servers that PREFECT_API_URL and MLFLOW_TRACKING_URI name: a worker alone."
        ),
    ] = False,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time here, of those that any host may do; with --worker-only: 1.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--serve", help="Serve this model too, NAME@ALIAS or NAME/VERSION; see textmill serve.")
    ] = None,
    serve_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of --serve; default: 8080.")] = None,
    data_root: DataRoot = None,
) -> None:
    """Start the Prefect server, its workers and the MLflow server on 127.0.0.1."""
    from flows.commands.runtime import runtime_of
    from flows.servers.services import join, start_all

    if serve_port and not model:
        raise RequestError(f"--serve-port {serve_port} is for --serve NAME@ALIAS; give that too, or leave it out")
    runtime = runtime_of(data_root)
    if worker_only:
        given = {
            "--port": port,
            "--mlflow-port": mlflow_port,
            "--database": database,
            "--artifacts": artifacts,
            "--serve": model,
        }
        if other := [flag for flag, value in given.items() if value is not None]:
            raise RequestError(f"{other[0]} is for a host with servers; leave it out, or leave --worker-only out")
        print_values(join(runtime, at_once=at_once or 1))
        return
    started = start_all(
        runtime, prefect_port=port, mlflow_port=mlflow_port, database=database, artifacts=artifacts, at_once=at_once
    )
    if model:
        from flows.servers.services import start_serving

        started["model_server"] = start_serving(runtime, model, port=serve_port)
    print_values(started)


def down(data_root: DataRoot = None) -> None:
    """Stop what `textmill up` started."""
    from flows.commands.runtime import runtime_of
    from flows.servers.services import stop_all

    print_values(stop_all(runtime_of(data_root)))
