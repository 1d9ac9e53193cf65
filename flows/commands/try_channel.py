"""`textmill notify test`: one message to one channel, so that it need not be a crisis that shows a wrong address."""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError, UnavailableError
from tasks.monitor.alert import Alert
from tasks.notify.channels.channel import AlertRefused, ChannelDown, UnusableChannel
from tasks.wording.sentence import as_evidence, said

if TYPE_CHECKING:
    from tasks.config import RefreshConfig
    from tasks.notify.channels.channel import Channel


def try_channel(config: RefreshConfig, name: str) -> dict[str, Any]:
    """Send a test alert and say what became of it.

    RequestError: there is no such channel, or it cannot be used; UnavailableError: it does not take the test.
    """
    if config.notify.channels is None:
        raise RequestError("no file of channels is given; name it with --notify.channels FILE (docs/NOTIFY.md has examples)")
    channels = {channel.name: channel for channel in _open(config)}
    if name not in channels:
        known = ", ".join(channels) or "none"
        raise RequestError(f"{config.notify.channels} has no channel {name!r}; it has: {known}")
    channel = channels[name]
    if isinstance(channel, UnusableChannel):
        raise RequestError(f"channel {name} cannot be used: {channel.reason}")
    alert = test_alert(config, name)
    with contextlib.ExitStack() as stack:
        if getattr(channel, "needs_server", False):
            from flows.servers.server import Server

            stack.enter_context(Server(config.runtime.data_root))
        _send(channel, alert)
    return {"channel": name, "sent": True, "id": alert.id}


def test_alert(config: RefreshConfig, channel: str) -> Alert:
    """An alert of kind `test`, which no monitor stores."""
    now = time.time()
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    made = Alert.make(
        config.name,
        kind="test",
        series=channel,
        severity="low",
        window=(today, today),
        created=now,
        evidence=as_evidence(
            said("This is a test, nothing has happened. 这是一条测试消息。 Alerts of this monitor arrive here.")
        ),
    )
    # Each test has an id of its own: a receiver drops what it has had before.
    return replace(made, id=uuid.uuid4().hex[:16]).linked(config.notify.link or "", config.dashboard.language)


def _open(config: RefreshConfig) -> list[Channel]:
    from tasks.notify.task import open_channels

    return open_channels(config.notify)


def _send(channel: Channel, alert: Alert) -> None:
    try:
        channel.send(alert)
    except ChannelDown as error:
        raise UnavailableError(f"channel {channel.name} took nothing: {error}") from None
    except AlertRefused as error:
        raise UnavailableError(f"channel {channel.name} refused the test: {error}") from None
