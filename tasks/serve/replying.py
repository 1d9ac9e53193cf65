"""Answers of a version added to its labels, a part of a request at a time, so that long requests do not hold up short ones."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tasks.score.replies import replies, with_replies

if TYPE_CHECKING:
    from tasks.register.models import LoadedModel

SLICE = 64  # texts of one request at a time: each that is handed over is compared with all questions


class Replier:
    """Adds answers in a thread of its own, which takes turns among the requests. To be called in the event loop's thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "reply")

    async def add(self, loaded: LoadedModel, texts: list[str], predictions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The predictions of these texts with answers, of a version that carries some; else as they are."""
        if not replies(loaded):
            return predictions
        loop, found = asyncio.get_running_loop(), list[dict[str, Any]]()
        for start in range(0, len(texts), SLICE):
            part = slice(start, start + SLICE)
            found += await loop.run_in_executor(self._thread, with_replies, loaded, texts[part], predictions[part])
        return found

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)
