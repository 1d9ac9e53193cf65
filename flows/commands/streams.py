"""The standard streams of a command, whatever terminal, locale and pipe it is given.

A reader that goes away (`textmill models list | head -1`) has seen what it wanted: the command goes on to its end, and its exit
code is that of its work. Nobody reads a stream that is closed (`>&-`), but left closed, the next file that is opened would get
its number, and a library's output would land in a database.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

UTF8_MODE = "PYTHONUTF8"


def prepare() -> None:
    """Make the three streams usable; to be called before any file is opened. Streams that are not Python's own are left."""
    _speak_utf8_where_the_locale_says_nothing()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            assert os.open(os.devnull, os.O_RDWR) == number  # the lowest that is free
            os.set_inheritable(number, True)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        elif number and stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _patient(stream, number))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal's or a pipe's encoding has no byte for becomes an escape
            stream.reconfigure(errors="backslashreplace")


def finish() -> str:
    """Write out what is still held back; returns why that failed, and empty if it did not."""
    why = ""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            why = why or error.strerror or type(error).__name__
            _to_nowhere(number)  # else Python tries once more as it exits, and says so
    return why


class _Patient(io.FileIO):
    """Writes to a stream, and to nowhere once its reader has gone."""

    def write(self, data: Any, /) -> int:
        """Write; the number of bytes that are dealt with."""
        try:
            return super().write(data)
        except BrokenPipeError:
            _to_nowhere(self.fileno())
            return memoryview(data).nbytes


def _patient(stream: Any, number: int) -> io.TextIOWrapper:
    stream.flush()
    raw = _Patient(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors, line_buffering=stream.line_buffering
    )


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _speak_utf8_where_the_locale_says_nothing() -> None:
    """Begin anew in Python's UTF-8 mode if names of files are read as ASCII, as they are in the bare C locale."""
    if sys.getfilesystemencoding() == "ascii" and os.environ.get(UTF8_MODE) != "1":
        os.environ[UTF8_MODE] = "1"
        with contextlib.suppress(OSError):
            os.execv(sys.executable, [sys.executable, "-m", "flows.commands", *sys.argv[1:]])  # noqa: S606
