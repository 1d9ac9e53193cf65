"""The file that names the channels.

A TOML file has a table for each channel, named for it:

    [desk]
    kind = "file"                    # appends each alert as a line of JSON
    path = "/var/lib/desk/alerts.jsonl"    # relative to the folder of the TOML file

    [pager]
    kind = "webhook"                 # POSTs each alert as JSON, its id in the header Idempotency-Key
    url = "https://pager.example/hook"
    token = "env:PAGER_TOKEN"        # sent as a bearer token; env:NAME reads an environment variable

    [team]
    kind = "apprise"                 # e-mail, Slack, Telegram ...: any URL that apprise knows
    url = "env:TEAM_URL"

    [prefect]
    kind = "event"                   # a Prefect event `textmill.alert`, for automations

A file gets every alert. The others get one digest of those of the past, unless they say `each = true`. docs/NOTIFY.md has
examples for Slack, Teams, e-mail and programs.

The file may hold secrets: nothing is sent by it while others can read it, and nothing of it but the names of channels is stored
or logged.
"""

from __future__ import annotations

import os
import stat
import tomllib
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.notify.channels import KINDS
from tasks.notify.channels.channel import ChannelEntry, UnusableChannel
from tasks.toml_names import CORRECT, remedy_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.monitor.alert import Alert
    from tasks.notify.channels.channel import Channel
    from tasks.notify.settings import NotifyConfig

ENVIRONMENT = "env:"
EACH = "each"


def read_channels(config: NotifyConfig, *, emit_event: Callable[[Alert], None] | None = None) -> list[Channel]:
    """The channels of the file that the config names, in its order; none if it names none.

    `emit_event` sends an alert as a Prefect event. A channel that cannot be used, and each of a file that others can read, is
    an UnusableChannel: its alerts are kept for it. RequestError: the file cannot be read, or is not TOML.
    """
    if config.channels is None:
        return []
    tables, exposed = _tables(config.channels)
    channels: list[Channel] = []
    for name, table in tables.items():
        try:
            if exposed:
                raise RequestError(exposed)
            channels.append(_channel(config.channels, name, table, emit_event))
        except RequestError as error:
            channels.append(UnusableChannel(name, str(error)))
    return channels


def check_channels(config: NotifyConfig, *, emit_event: Callable[[Alert], None] | None = None) -> None:
    """Raise RequestError for the first channel that cannot be used, or for the file."""
    for channel in read_channels(config, emit_event=emit_event):
        if isinstance(channel, UnusableChannel):
            raise RequestError(channel.reason)


def _tables(path: Path) -> tuple[dict[str, Any], str]:
    """The tables by name, and a complaint if others can read the file; else empty."""
    text = ""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            exposed = f"{path} can be read by others (mode {mode:04o}); chmod 600 it" if mode & 0o077 else ""
            text = file.read().decode("utf-8-sig")
            return tomllib.loads(text), exposed
    except OSError as error:
        raise RequestError(f"notify.channels {path} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError):  # the decoder's message may quote a secret
        remedy = remedy_of("\n".join(line if line.lstrip().startswith("[") else "" for line in text.split("\n")))
        if remedy == CORRECT:
            remedy = "it has a table for each channel, such as [desk]"
        raise RequestError(f"{path} is not TOML; {remedy}") from None


def _channel(path: Path, name: str, table: Any, emit_event: Callable[[Alert], None] | None) -> Channel:
    where = f"{path}: channel {name!r}"
    word = table.get("kind") if isinstance(table, dict) else None
    if not isinstance(word, str) or word not in KINDS:
        raise RequestError(f"{where} has no known kind; give one of {', '.join(KINDS)}")
    kind, of_kind = KINDS[word], f"{where} ({word})"
    given = table.keys() - {"kind"}
    if kind.needs - given:
        raise RequestError(f"{of_kind} lacks {', '.join(sorted(kind.needs - given))}")
    if unknown := given - kind.needs - kind.takes:
        raise RequestError(f"{of_kind} has unknown settings: {', '.join(sorted(unknown))}; remove them")
    values = {key: _value(where, key, table[key]) for key in given - {EACH}}
    digests = not _flag(where, EACH, table.get(EACH, False))
    return kind.made(ChannelEntry(name, where, path.absolute().parent, values, digests, emit_event))


def _flag(where: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RequestError(f"{where}: {key} must be true or false")
    return value


def _value(where: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise RequestError(f"{where}: {key} must be a text that is not empty, without NUL")
    if not value.startswith(ENVIRONMENT):
        return value
    variable = value.removeprefix(ENVIRONMENT)
    if not os.environ.get(variable):
        raise RequestError(f"{where}: {key} reads the environment variable {variable}, which is not set")
    return os.environ[variable]
