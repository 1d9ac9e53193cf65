"""`textmill up` and `textmill down`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import DataRoot
from flows.commands.printing import print_values


def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the Prefect server; default: 4200.")] = None,
    mlflow_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the MLflow server; default: 5000.")] = None,
    data_root: DataRoot = None,
) -> None:
    """Start the Prefect server, its workers and the MLflow server on 127.0.0.1."""
    from flows.commands.runtime import runtime_of
    from flows.servers.services import start_all

    print_values(start_all(runtime_of(data_root), prefect_port=port, mlflow_port=mlflow_port))


def down(data_root: DataRoot = None) -> None:
    """Stop what `textmill up` started."""
    from flows.commands.runtime import runtime_of
    from flows.servers.services import stop_all

    print_values(stop_all(runtime_of(data_root)))
