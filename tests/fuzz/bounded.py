"""What a parser may take: a limit of processor time and of memory for each input, and inputs that make it try."""

from __future__ import annotations

import contextlib
import signal
import tracemalloc
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.errors import RequestError, UnavailableError

CPU_SECONDS = 20.0  # of this process, which other load does not change; inputs are at most 50 kB, and most take milliseconds
MEMORY_FACTOR, MEMORY_BYTES = 200, 64 << 20  # times the size of the input, and what a parser holds whatever it reads
REPEATS = 20_000


class TooSlowError(AssertionError):
    """The parser took more processor time than any input may."""


@contextlib.contextmanager
def within_processor_seconds(limit: float = CPU_SECONDS) -> Iterator[None]:
    """Fail if the block takes that much processor time of this process: other load does not change it."""
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextlib.contextmanager
def bounded(size: int) -> Iterator[None]:
    """Fail if the block takes CPU_SECONDS, or memory (of Python) out of proportion to an input of `size` bytes."""
    tracemalloc.start()
    try:
        with within_processor_seconds():
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_BYTES + MEMORY_FACTOR * size, f"{peak >> 20} MB of memory for {size} bytes"


def _too_slow(signum: int, frame: object) -> None:
    raise TooSlowError("more processor time than it may take")


def refused(error: RequestError | UnavailableError, *secrets: str) -> None:
    """Check that a refusal is one line and tells no secret."""
    assert len(str(error).splitlines()) == 1
    assert not [secret for secret in secrets if secret in str(error)]


def pieces(joined: bytes) -> st.SearchStrategy[bytes]:
    """Bytes at random, words (joined by `|`) in any order, and some of them repeated by the thousand between others."""
    words = joined.split(b"|")
    some = st.lists(st.sampled_from(words), max_size=30).map(b"".join)
    many = st.tuples(
        some, st.lists(st.sampled_from(words), min_size=1, max_size=3).map(b"".join), st.integers(1, REPEATS), some
    )
    return st.binary(max_size=200) | some | many.map(lambda parts: _short(parts[0] + parts[1] * parts[2] + parts[3]))


def texts(joined: str) -> st.SearchStrategy[str]:
    """Text at random, halves of surrogate pairs too, and words (joined by blanks, which are words too) in any order."""
    words = [" ", *joined.split(" ")]
    some = st.lists(st.sampled_from(words), max_size=12).map("".join)
    return some | st.text(st.characters(), max_size=60) | st.tuples(some, st.text(max_size=5), some).map("".join)


def damaged(wholes: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A good file that is cut, and in which a few bytes are others or doubled."""
    changes = st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4), st.integers(0, 8)), max_size=6)
    return st.tuples(st.sampled_from(wholes), changes, st.none() | st.integers(0, 1 << 16)).map(lambda drawn: _damage(*drawn))


def _damage(whole: bytes, changes: list[tuple[int, bytes, int]], end: int | None) -> bytes:
    data = bytearray(whole)
    for place, put, length in changes:
        at = place % (len(data) + 1)
        data[at : at + length] = put
    return bytes(data if end is None else data[: end % (len(data) + 1)])


def _short(data: bytes) -> bytes:
    return data[:50_000]
