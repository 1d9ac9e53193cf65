"""The interface of a channel, its table in the file of channels, and its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tasks.monitor.alert import Alert


class ChannelDown(Exception):  # noqa: N818
    """The channel takes nothing at the moment. The message holds no secret: it is stored."""


class AlertRefused(Exception):  # noqa: N818
    """The channel works but does not take this alert. The message holds no secret: it is stored."""


class Channel(Protocol):
    """Something that takes alerts; `send` may be called again with an alert that was taken.

    One that has a true attribute `digests` is handed alerts of the past in one digest; one whose `needs_server` is true can
    only send while a Prefect server runs.
    """

    @property
    def name(self) -> str:
        """Its name in the outbox."""

    def send(self, alert: Alert) -> None:
        """Hand an alert over, or raise ChannelDown or AlertRefused."""


@dataclass(frozen=True)
class ChannelEntry:
    """A table of the file of channels, its settings checked and read from the environment.

    `where` begins a message about it; `folder` is that of the file; `digests` is false where it says `each = true`;
    `emit_event` sends an alert as a Prefect event, None outside of a flow.
    """

    name: str
    where: str
    folder: Path
    values: Mapping[str, str]
    digests: bool
    emit_event: Callable[[Alert], None] | None


class ChannelKind(Protocol):
    """The class of a channel, as the table of kinds holds it: the settings that it needs and takes, and how it is made.

    A kind that takes the setting `each` sends alerts of the past as one digest unless that is true.
    """

    needs: frozenset[str]
    takes: frozenset[str]

    def made(self, entry: ChannelEntry) -> Channel:
        """Make the channel; RequestError, beginning with `entry.where`, if its settings are wrong."""


@dataclass(frozen=True)
class UnusableChannel:
    """A channel of the file that cannot be used as it is configured: its alerts wait until it can."""

    name: str
    reason: str

    def send(self, alert: Alert) -> None:
        """Take nothing."""
        raise ChannelDown(self.reason)
