"""A request to make a run, or to deploy, to a Prefect server whose SQLite database others write to: it waits for its turn.

Prefect 3.8 answers these, and a worker's heartbeat, in a transaction that first reads and then writes. SQLite refuses the write
at once where another connection wrote or writes meanwhile (https://www.sqlite.org/isolation.html), Prefect answers 503, and
four tries of a client were not enough while other runs sent their log lines. A transaction that is to write from its beginning
waits (BEGIN IMMEDIATE, https://www.sqlite.org/lang_transaction.html), for up to the minute that Prefect gives it.
"""

from __future__ import annotations

import functools
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.servers.guard import App, Receive, Scope, Send

METHODS = ("POST", "PATCH")
READ_THEN_WRITE = re.compile(r"/api/(flow_runs|deployments|work_pools/[^/]+/workers/heartbeat)(/.*)?")
_waits: ContextVar[bool] = ContextVar("waits", default=False)


def waiting_for_writers(app: App) -> App:
    """Prefect's app, whose requests that read and then write begin as writers; for the process that serves it."""
    from prefect.server.database.configurations import AioSqliteConfiguration

    begins = AioSqliteConfiguration.begin_transaction

    @functools.wraps(begins)
    def begin(self: Any, session: Any, with_for_update: bool = False) -> Any:
        return begins(self, session, with_for_update=with_for_update or _waits.get())

    AioSqliteConfiguration.begin_transaction = begin  # type: ignore[method-assign]

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] in METHODS
        token = _waits.set(asks and READ_THEN_WRITE.fullmatch(scope["path"]) is not None)
        try:
            await app(scope, receive, send)
        finally:
            _waits.reset(token)

    return served
