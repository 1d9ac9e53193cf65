"""The ways out: what a channel is, and the file that names them.

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

import errno
import http.client
import os
import stat
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tasks.durable import append_line
from tasks.errors import RequestError
from tasks.notify.message import as_json, body, title
from tasks.toml_names import CORRECT, remedy_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.config import NotifyConfig
    from tasks.monitor.alert import Alert

TIMEOUT_SECONDS = 10.0
ENVIRONMENT = "env:"
EACH = "each"
FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "file": ({"path"}, set()),
    "webhook": ({"url"}, {"token", EACH}),
    "apprise": ({"url"}, {EACH}),
    "event": (set(), {EACH}),
}


class ChannelDown(Exception):  # noqa: N818
    """The channel takes nothing at the moment. The message holds no secret: it is stored."""


class AlertRefused(Exception):  # noqa: N818
    """The channel works but does not take this alert. The message holds no secret: it is stored."""


class Channel(Protocol):
    """Something that takes alerts; `send` may be called again with an alert that was taken.

    One that has a true attribute `digests` is handed alerts of the past in one digest.
    """

    @property
    def name(self) -> str:
        """What it is called in the outbox."""

    def send(self, alert: Alert) -> None:
        """Hand an alert over, or raise ChannelDown or AlertRefused."""


@dataclass(frozen=True)
class FileChannel:
    """Appends a line of JSON to a file that only its owner can read."""

    name: str
    path: str

    def send(self, alert: Alert) -> None:
        """Append the alert and see it safely on disk; a line that a crash cut off is ended first."""
        try:
            append_line(Path(self.path), as_json(alert).encode())
        except OSError as error:
            why = "the disk is full" if error.errno == errno.ENOSPC else f"cannot write ({error.strerror})"
            raise ChannelDown(why) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: a token must not travel to another host."""


@dataclass(frozen=True)
class WebhookChannel:
    """POSTs an alert as JSON; `url` and `token` may be secret."""

    name: str
    url: str = field(repr=False)
    token: str | None = field(repr=False, default=None)
    digests: bool = True

    def send(self, alert: Alert) -> None:
        """Post the alert; any answer from 200 to 299 is a yes."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id, "User-Agent": "textmill"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            request = urllib.request.Request(self.url, as_json(alert).encode(), headers)  # noqa: S310 the scheme was checked
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            with error:
                told = f"answered {error.code}"
            # These say something about the address, the token or the load, the other 4xx about what was sent.
            passing = error.code >= 500 or error.code < 400 or error.code in (401, 403, 404, 407, 408, 425, 429)
            raise (ChannelDown if passing else AlertRefused)(told) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ChannelDown(f"no answer ({type(reason).__name__})") from None  # its text may hold the address


@dataclass(frozen=True)
class AppriseChannel:
    """Sends a title and a plain text through apprise; `url` is secret."""

    name: str
    url: str = field(repr=False)
    digests: bool = True

    def send(self, alert: Alert) -> None:
        """Send the message; apprise says no more than yes or no."""
        import apprise  # half a second, only for who uses it

        sender = apprise.Apprise()
        if not sender.add(self.url):
            raise ChannelDown("apprise does not know this kind of URL")
        if not sender.notify(title=title(alert), body=body(alert), body_format=apprise.NotifyFormat.TEXT):
            raise ChannelDown("apprise could not send it")


@dataclass(frozen=True)
class EventChannel:
    """Emits a Prefect event by a function that the flow gives."""

    name: str
    emit: Callable[[Alert], None]
    digests: bool = True

    def send(self, alert: Alert) -> None:
        """Emit the event; whatever goes wrong there is the server's."""
        try:
            self.emit(alert)
        except Exception as error:
            raise ChannelDown(f"no event ({type(error).__name__})") from error


@dataclass(frozen=True)
class UnusableChannel:
    """A channel that the file names and that cannot be used as it stands there: what it should send waits until it can."""

    name: str
    reason: str

    def send(self, alert: Alert) -> None:
        """Take nothing."""
        raise ChannelDown(self.reason)


def read_channels(config: NotifyConfig, *, emit_event: Callable[[Alert], None] | None = None) -> list[Channel]:
    """The channels of the file that the config names, in its order; none if it names none.

    `emit_event` sends an alert as a Prefect event. A channel that cannot be used, and each of a file that others can read, is
    an UnusableChannel: its alerts are kept for it. RequestError: a file that cannot be read, or is no TOML, and so names none.
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
    """The tables by name, and what is wrong if others can read the file; else empty."""
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
        raise RequestError(f"{path} is no TOML; {remedy}") from None


def _channel(path: Path, name: str, table: Any, emit_event: Callable[[Alert], None] | None) -> Channel:
    where = f"{path}: channel {name!r}"
    if not isinstance(table, dict) or table.get("kind") not in FIELDS:
        raise RequestError(f"{where} has no known kind; give one of {', '.join(FIELDS)}")
    kind = table["kind"]
    needed, optional = FIELDS[kind]
    given = table.keys() - {"kind"}
    if needed - given:
        raise RequestError(f"{where} ({kind}) lacks {', '.join(sorted(needed - given))}")
    if unknown := given - needed - optional:
        raise RequestError(f"{where} ({kind}) has unknown settings: {', '.join(sorted(unknown))}; remove them")
    values = {key: _value(where, key, table[key]) for key in given - {EACH}}
    digests = not _flag(where, EACH, table.get(EACH, False))
    if kind == "file":
        try:
            return FileChannel(name, str(path.absolute().parent / Path(values["path"]).expanduser()))  # workers run elsewhere
        except RuntimeError:
            raise RequestError(f"{where}: its path names no home folder that there is; write it out") from None
    if kind == "webhook":
        if not values["url"].startswith(("http://", "https://")):
            raise RequestError(f"{where}: its url begins with neither http:// nor https://")
        return WebhookChannel(name, **values, digests=digests)
    if kind == "apprise":
        return AppriseChannel(name, **values, digests=digests)
    if emit_event is None:
        raise RequestError(f"{where}: events can only be sent from a Prefect flow")
    return EventChannel(name, emit_event, digests)


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
