"""The channel `apprise`: e-mail, Slack, Telegram and whatever else apprise knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

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

    def send(self, alert: Alert) -> None:
        """Send the message; apprise says no more than yes or no."""
        import apprise  # half a second, only where it is used

        sender = apprise.Apprise()
        if not sender.add(self.url):
            raise ChannelDown("apprise does not know this kind of URL")
        if not sender.notify(title=title(alert), body=body(alert), body_format=apprise.NotifyFormat.TEXT):
            raise ChannelDown("apprise could not send it")
