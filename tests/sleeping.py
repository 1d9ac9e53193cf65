"""A flow that lives for as long as it is told and does nothing else."""

import time

from prefect import flow


@flow(name="sleeping", persist_result=False)
def sleeping(config: dict[str, float]) -> None:
    """Sleep for some seconds."""
    time.sleep(config["seconds"])
