"""The channel `webhook`: each alert as JSON to an address of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from tasks.errors import RequestError
from tasks.notify.channels.channel import AlertRefused, ChannelDown
from tasks.notify.message import as_json

if TYPE_CHECKING:
    from tasks.monitor.alert import Alert
    from tasks.notify.channels.channel import ChannelEntry

TIMEOUT_SECONDS = 10.0
PASSING = {401, 403, 404, 407, 408, 425, 429}  # about the address, the token or the load; other 4xx are about the alert


@dataclass(frozen=True)
class WebhookChannel:
    """POSTs an alert as JSON; `url` and `token` may be secret."""

    needs: ClassVar = frozenset({"url"})
    takes: ClassVar = frozenset({"token", "each"})

    name: str
    url: str = field(repr=False)
    token: str | None = field(repr=False, default=None)
    digests: bool = True

    @classmethod
    def made(cls, entry: ChannelEntry) -> Self:
        """Make the channel."""
        if not entry.values["url"].startswith(("http://", "https://")):
            raise RequestError(f"{entry.where}: its url begins with neither http:// nor https://")
        return cls(entry.name, entry.values["url"], entry.values.get("token"), entry.digests)

    def send(self, alert: Alert) -> None:
        """Post the alert; any answer from 200 to 299 is a yes. Redirects are not followed: a token must not travel."""
        from tasks import web  # with its library, only where it is used

        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            with (
                web.client(TIMEOUT_SECONDS, redirects=False) as client,
                client.stream("POST", self.url, content=as_json(alert).encode(), headers=headers) as response,
            ):
                status = response.status_code  # its body is not read: it has no bound
        except web.FAILURES as error:
            raise ChannelDown(f"no answer ({type(error).__name__})") from None
        if not 200 <= status < 300:
            passing = status >= 500 or status < 400 or status in PASSING
            raise (ChannelDown if passing else AlertRefused)(f"answered {status}")
