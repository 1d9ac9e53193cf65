"""The section `runtime`: how and where the work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.checkout import CHECKOUT
from tasks.section import Positive, Section


class Runtime(Section):
    """How and where the work is done; nothing here can change a byte of what is made."""

    data_root: Path = Field(CHECKOUT / "data", description="Folder of the store, the runs and the monitoring state.")
    tracking_uri: str | None = Field(None, description="MLflow server; default: MLFLOW_TRACKING_URI, else a SQLite file.")
    workers: Positive | Literal["auto"] = Field("auto", description="Processes that tokenize and label; auto: every core.")
    tensorboard: bool = Field(
        False, description="train: TensorBoard event files too, in <data root>/tensorboard (needs the extra tensorboard)."
    )
    log_interval: Annotated[float, Field(gt=0.0)] = Field(
        10.0, description="Seconds between progress lines in the log that Prefect shows."
    )
    server_timeout: Annotated[float, Field(gt=0.0)] = Field(
        60.0, description="Seconds to wait for a starting server that does nothing."
    )
