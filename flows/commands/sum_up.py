"""`textmill monitor digest`: what happened in a week, printed or sent."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.commands.printing import print_json, print_line
from tasks.errors import RequestError
from tasks.monitor.state import MonitorState
from tasks.notify.channels_file import read_channels
from tasks.notify.deliver import deliver
from tasks.notify.message import as_json as alert_json
from tasks.notify.message import body, title
from tasks.week.span import Span, yesterday
from tasks.week.summary import summarize

if TYPE_CHECKING:
    from datetime import date

    from tasks.config import RefreshConfig
    from tasks.monitor.alert import Alert


class Sent(NamedTuple):
    """A summary, the channels that have taken it, now or before, and those for which it waits with the reason."""

    summary: Alert
    sent: tuple[str, ...] = ()
    waiting: dict[str, str] = {}  # noqa: RUF012 never changed


def sum_up(config: RefreshConfig, days: int, until: date | None, *, send: bool) -> Sent:
    """Sum up so many days of a monitor that end with `until`, else with yesterday; send it where it was not sent yet.

    RequestError: there is no such monitor, or it is to be sent and no channels are given.
    """
    now, root = time.time(), config.runtime.data_root
    span = Span(until or yesterday(now, config.collect.timezone), days, config.collect.timezone)
    link, language = config.notify.link or "", config.dashboard.language
    if not send:
        with MonitorState.read(root, config.name) as state:
            return Sent(summarize(state, span, config.detect, root, now).linked(link, language))
    if config.notify.channels is None:
        raise RequestError("no file of channels is given; name it with --notify.channels FILE (docs/NOTIFY.md has examples)")
    channels = read_channels(config.notify)
    with MonitorState.read(root, config.name):
        pass  # `open` would make it
    with MonitorState.open(root, config.name) as state:
        found = summarize(state, span, config.detect, root, now)
        with state.writing():
            state.store_alerts([found], cooldown_days=0)
            state.also_to(found.id, [channel.name for channel in channels])
        deliver(
            state,
            channels,
            now,
            seconds=config.notify.seconds,
            digest_after_days=config.detect.cooldown_days,
            link=link,
            language=language,
        )
        rows = [row for row in state.deliveries() if row["alert"] == found.id]
        (kept,) = [alert for alert in state.alerts() if alert.id == found.id]
    sent = tuple(row["channel"] for row in rows if row["delivered"] is not None)
    waiting = {row["channel"]: row["error"] or "" for row in rows if row["delivered"] is None}
    return Sent(kept.linked(link, language), sent, waiting)


def print_summary(told: Sent, *, as_json: bool) -> None:
    """Print it as its readers get it, or as programs do; and who has it."""
    if as_json:
        figures: dict[str, Any] = json.loads(alert_json(told.summary))
        print_json({**figures, "sent": list(told.sent), "waiting": told.waiting})
        return
    for line in (title(told.summary), "", *body(told.summary).split("\n")):
        print_line(line)
    if told.sent:
        print_line(f"sent to {', '.join(told.sent)}")
    for channel, why in told.waiting.items():
        print_line(f"waiting for {channel}{f' ({why})' if why else ''}")
