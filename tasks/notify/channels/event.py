"""The channel `event`: Prefect events, for automations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from tasks.errors import RequestError
from tasks.notify.channels.channel import ChannelDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.monitor.alert import Alert
    from tasks.notify.channels.channel import ChannelEntry


@dataclass(frozen=True)
class EventChannel:
    """Emits a Prefect event by a function that the flow gives."""

    needs: ClassVar = frozenset[str]()
    takes: ClassVar = frozenset({"each"})
    needs_server: ClassVar = True

    name: str
    emit: Callable[[Alert], None]
    digests: bool = True

    @classmethod
    def made(cls, entry: ChannelEntry) -> Self:
        """Make the channel."""
        if entry.emit_event is None:
            raise RequestError(f"{entry.where}: events can only be sent from a Prefect flow")
        return cls(entry.name, entry.emit_event, entry.digests)

    def send(self, alert: Alert) -> None:
        """Emit the event; whatever goes wrong there is the server's."""
        try:
            self.emit(alert)
        except Exception as error:
            raise ChannelDown(f"no event ({type(error).__name__})") from error
