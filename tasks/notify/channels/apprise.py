"""The channel `apprise`: e-mail, Slack, Telegram and whatever else apprise knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tasks.notify.channels.channel import ChannelDown
from tasks.notify.message import body, title

if TYPE_CHECKING:
    from tasks.monitor.alert import Alert
    from tasks.notify.channels.channel import ChannelEntry


@dataclass(frozen=True)
class AppriseChannel:
    """Sends a title and a plain text through apprise; `url` is secret."""

    needs: ClassVar = frozenset({"url"})
    takes: ClassVar = frozenset({"each"})

    name: str
    url: str = field(repr=False)
    digests: bool = True

    @classmethod
    def made(cls, entry: ChannelEntry) -> Self:
        """Make the channel."""
        return cls(entry.name, entry.values["url"], entry.digests)

    def sender(self) -> Any:
        """The `apprise.Apprise` of its URL; ChannelDown for one of an unknown kind.

        A text that is too long for one message is sent in several: a service that refuses it would get nothing any more. Where
        the URL says otherwise (`overflow=truncate`), that holds.
        """
        import apprise

        sender = apprise.Apprise()
        if not sender.add(self.url):
            raise ChannelDown("apprise does not know this kind of URL")
        for service in sender:
            if service.overflow_mode == apprise.OverflowMode.UPSTREAM:
                service.overflow_mode = apprise.OverflowMode.SPLIT
        return sender

    def send(self, alert: Alert) -> None:
        """Send the message; apprise says no more than yes or no."""
        import apprise  # half a second, only where it is used

        if not self.sender().notify(title=title(alert), body=body(alert), body_format=apprise.NotifyFormat.TEXT):
            raise ChannelDown("apprise could not send it")
