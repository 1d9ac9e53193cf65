"""A JSON line for each request and for each thing that happens to the server; never a text of a request.

Every sign beyond ASCII, and every one that could steer a terminal, is written as its number.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from typing import TextIO


class Log:
    """Lines of JSON to a stream; one that is closed at its other end is written to no more."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, event: str, **values: Any) -> None:
        """Write one line."""
        if self._stream is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        told = {"time": now, "event": event, **values}
        plain = all(value.isascii() for value in values.values() if isinstance(value, str))
        line = orjson.dumps(told).decode() if plain else json.dumps(told, separators=(",", ":"))  # which escapes all else
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                self._stream.close()
            self._stream = None
