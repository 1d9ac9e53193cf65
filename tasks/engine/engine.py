"""What runs the parts of a large work. In go a function and its calls, out come the results, in the order of the calls.

    with engine.kept():
        for made in engine.map_ordered(tokenize_partition, calls):
            ...

The function is one at the top level of a module, and pure: it reads what its arguments name, and doing a call twice is doing it
once. Arguments and results can be pickled and are small, or their number under way at once is what bounds memory. Which parts
there are follows from the input alone, never from the engine, so that every engine makes the same bytes. A call may be done
twice at once, by a worker that was given up and by its successor: what it writes it writes whole, under a name of its own until
then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

T = TypeVar("T")
Arguments = tuple[Any, ...]


class UnseenError(RequestError):
    """What a call reads is not there; on another host, it is not seen from there. `path` is what is missing."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message, path)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])


class Engine(Protocol):
    """Runs calls of a function, as many at once as it has workers."""

    @property
    def workers(self) -> int:
        """How many calls it runs at once."""

    @property
    def elsewhere(self) -> bool:
        """Whether its workers have processors of their own, so that work gains by them that takes every core here."""

    def map_ordered(
        self,
        function: Callable[..., T],
        calls: Iterable[Arguments],
        *,
        few: int = 0,
        ready: Arguments | None = None,
        folder: Path | None = None,
    ) -> Iterator[T]:
        """Yield `function(*arguments)` for each of `calls`, in order; only a few calls are under way at once.

        As many calls as `few` are not worth a worker. `ready` are arguments with which the function does nothing but get a
        worker ready, if that takes long. In `folder` every worker must be able to read and write what the calls name. What a
        call raises is raised here, at its turn. A call whose worker dies is repeated; UnavailableError if its workers go on
        dying, or if there is no worker any more.
        """

    def kept(self) -> AbstractContextManager[None]:
        """Keep the workers from one `map_ordered` to the next, until the block ends."""

    def started(self, module: str) -> AbstractContextManager[None]:
        """Have the workers started now and import `module`, beside other work; they are for the first that wants them."""
