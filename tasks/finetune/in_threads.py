"""Apply a function to a stream in several threads, results in order: for functions that work without Python's lock."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
Item = TypeVar("Item")


def map_in_threads(function: Callable[[Item], T], items: Iterable[Item], threads: int) -> Iterator[T]:
    """Yield `function(item)` for each of `items`, in order; one item more than there are `threads` is under way at most."""
    if threads <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
