"""The section `runtime`: how and where the work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.checkout import CHECKOUT
from tasks.engine import address as scheduler
from tasks.section import Positive, Section
from tasks.store.shared.address import checked_address


class Runtime(Section):
    """How and where the work is done; nothing here can change a byte of what is made."""

    data_root: Path = Field(CHECKOUT / "data", description="Folder of the store, the runs and the monitoring state.")
    tracking_uri: str | None = Field(None, description="MLflow server; default: MLFLOW_TRACKING_URI, else a SQLite file.")
    workers: Positive | Literal["auto"] = Field("auto", description="Processes that tokenize and label; auto: every core.")
    engine: Literal["local", "dask"] = Field(
        "local",
        description="What tokenizes and labels: processes here, or workers of a Dask cluster (needs the extra dask).",
    )
    address: str | None = Field(
        None, description="With dask: the scheduler, tls://HOST:PORT; tcp:// for one on this machine alone."
    )
    tls_ca: Path | None = Field(None, description="With tls://: certificate of the authority (PEM); default: Dask's settings.")
    tls_cert: Path | None = Field(None, description="With tls://: certificate of this host (PEM).")
    tls_key: Path | None = Field(None, description="With tls://: private key of that certificate (PEM).")
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

    @field_validator("address")
    @classmethod
    def _safe_address(cls, value: str | None) -> str | None:
        return None if value is None else scheduler.checked_address(value)

    @model_validator(mode="after")
    def _engine_and_address(self) -> Self:
        if self.engine == "dask" and self.address is None:
            raise ValueError("runtime.engine dask needs the scheduler's address; give runtime.address tls://HOST:PORT")
        if self.engine != "dask" and self.address is not None:
            raise ValueError("runtime.address is for runtime.engine dask; give that too, or leave the address out")
        scheduler.check_files(self.address, {name: getattr(self, name) for name in ("tls_ca", "tls_cert", "tls_key")})
        return self
