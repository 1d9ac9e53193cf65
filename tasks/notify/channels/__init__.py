"""The kinds of channels, by the word that names them in the file of channels.

A new kind is a file beside this one with a class like the others (`needs`, `takes`, `made`, `send`; channel.py says what each
must do), and a line in this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.notify.channels.apprise import AppriseChannel
from tasks.notify.channels.event import EventChannel
from tasks.notify.channels.file import FileChannel
from tasks.notify.channels.webhook import WebhookChannel

if TYPE_CHECKING:
    from tasks.notify.channels.channel import ChannelKind

KINDS: dict[str, ChannelKind] = {
    "file": FileChannel,
    "webhook": WebhookChannel,
    "apprise": AppriseChannel,
    "event": EventChannel,
}
