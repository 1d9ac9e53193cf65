"""Prefect's own log lines kept off the terminal while a command runs a flow."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Silence(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


@contextlib.contextmanager
def quiet_prefect() -> Iterator[None]:
    """Keep Prefect's own log lines off the terminal: its API gets them, and we report errors once.

    The same holds for its threads' lines about events and log lines that a lost server does not take.
    """
    from prefect.logging.handlers import PrefectConsoleHandler

    named = {name: logging.getLogger(name) for name in list(logging.root.manager.loggerDict)}
    everywhere = [h for logger in (logging.root, *named.values()) for h in logger.handlers]
    within = [h for name, logger in named.items() if name.startswith("prefect.") for h in logger.handlers]
    handlers: set[logging.Handler] = {h for h in everywhere if isinstance(h, PrefectConsoleHandler)}
    handlers |= {h for h in within if isinstance(h, logging.StreamHandler)}  # of loggers that pass nothing on
    keep, raising = _Silence(), logging.raiseExceptions
    for handler in handlers:
        handler.addFilter(keep)
    logging.raiseExceptions = False  # read by Prefect's sender of log lines, which writes to stderr past every logger
    try:
        yield
    finally:
        logging.raiseExceptions = raising
        for handler in handlers:
            handler.removeFilter(keep)
