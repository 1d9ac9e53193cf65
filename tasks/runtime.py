"""The section `runtime`: how and where the work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tasks.checkout import CHECKOUT
from tasks.section import Positive, Section
from tasks.store.shared.address import checked_address


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
    store: str | None = Field(
        None, description="Bucket that hosts share artifacts in: s3://, gs:// or az:// (needs the extra objects)."
    )
    store_lease: Annotated[float, Field(gt=0.0)] = Field(
        30.0, description="With a bucket: seconds after which a host that builds and says nothing is not waited for."
    )

    @field_validator("store")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        return None if value is None else checked_address(value)
