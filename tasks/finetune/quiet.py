"""Train without the steps' own warnings, where a run has given them for the whole corpus already."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet_training() -> Iterator[None]:
    """Silence the warnings of preparation and training, and use one BLAS thread.

    The matrices are small, and on a busy machine two threads wait for one another.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    loggers = [logging.getLogger(f"tasks.{room}") for room in ("prepare", "pretrain", "align", "finetune")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
