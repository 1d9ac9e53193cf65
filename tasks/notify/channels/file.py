"""The channel `file`: a file of JSON lines."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from tasks.durable import append_line
from tasks.errors import RequestError
from tasks.notify.channels.channel import ChannelDown
from tasks.notify.message import as_json

if TYPE_CHECKING:
    from tasks.monitor.alert import Alert
    from tasks.notify.channels.channel import ChannelEntry


@dataclass(frozen=True)
class FileChannel:
    """Appends a line of JSON to a file that only its owner can read; it gets every alert, those of the past too."""

    needs: ClassVar = frozenset({"path"})
    takes: ClassVar = frozenset[str]()

    name: str
    path: str

    @classmethod
    def made(cls, entry: ChannelEntry) -> Self:
        """Make the channel; a path is relative to the folder of the file of channels, since workers run elsewhere."""
        try:
            return cls(entry.name, str(entry.folder / Path(entry.values["path"]).expanduser()))
        except RuntimeError:
            raise RequestError(f"{entry.where}: its path starts with ~ but there is no such home folder") from None

    def send(self, alert: Alert) -> None:
        """Append the alert and see it safely on disk; a line that a crash cut off is ended first."""
        try:
            append_line(Path(self.path), as_json(alert).encode())
        except OSError as error:
            why = "the disk is full" if error.errno == errno.ENOSPC else f"cannot write ({error.strerror})"
            raise ChannelDown(why) from error
