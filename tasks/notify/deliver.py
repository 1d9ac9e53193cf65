"""Empty the outbox: each alert to each of its channels, at least once, whatever a channel does.

Alerts of the past are one message to a channel that wants it so, a digest; see tasks/notify/digest.py.

An alert leaves the outbox when the channel has taken it and that was written down; a crash between the two sends it again, with
the same id. A channel that is down is left alone for a while that doubles with each try; an alert that a channel refuses
waits alone. Channels send side by side, and one that hangs is given up when the time is over. What waits for a channel that is
not configured any more is marked as given up; it is sent if a channel of that name comes back.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tasks.crash import crash_point
from tasks.notify.channels import AlertRefused, ChannelDown, UnusableChannel
from tasks.notify.digest import REFUSED, packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.monitor.state import MonitorState
    from tasks.notify.channels import Channel
    from tasks.notify.digest import Parcel

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 3600.0
BUDGET_SECONDS = 30.0
GIVEN_UP = "given up: "
DEPLOYMENT = "deployment:"  # begins what the outbox holds for the flow to start, not for a channel to send
NO_ANSWER = "no answer in time"


@dataclass(frozen=True)
class Report:
    """What one round did: alerts taken by a channel, alerts that wait for another round, and the channels that are down."""

    sent: int
    waiting: int
    down: tuple[str, ...]


class _Outcome(NamedTuple):
    parcel: Parcel
    error: str | None  # None: taken


def deliver(
    state: MonitorState,
    channels: Sequence[Channel],
    now: float,
    *,
    seconds: float = BUDGET_SECONDS,
    digest_after_days: int | None = None,
    link: str = "",
) -> Report:
    """Send what the outbox holds for `channels` by `now` (seconds since 1970), in at most `seconds`.

    Alerts that were found more than `digest_after_days` days after their window's end are of the past. `link` is the address at
    which people read more. Nothing a channel does is raised. Waits are counted from `now`. Channels that cannot be used are
    logged and left out.
    """
    _mark_given_up(state, {channel.name for channel in channels})
    resting = _resting(state, now)
    unusable = {channel.name for channel in channels if isinstance(channel, UnusableChannel)}
    for channel in channels:
        if isinstance(channel, UnusableChannel):
            log.warning("channel %s cannot be used: %s", channel.name, channel.reason)
    names = {channel.name for channel in channels} - resting - unusable
    due = [delivery._replace(alert=delivery.alert.linked(link)) for delivery in state.outbox(sorted(names), now)]
    outcomes: queue.SimpleQueue[_Outcome | str] = queue.SimpleQueue()
    open_channels: dict[str, list[Parcel]] = {}  # what each has yet to send
    over = threading.Event()
    for channel in channels:
        held = [delivery for delivery in due if delivery.channel == channel.name]
        if own := packed(held, digest_after_days if getattr(channel, "digests", False) else None):
            open_channels[channel.name] = list(own)
            # A daemon: a channel that hangs for ever must not keep the process alive. In the caller's context: Prefect keeps
            # the address of its server there.
            work = (contextvars.copy_context().run, _send, channel, own, outcomes, over)
            threading.Thread(target=work[0], args=work[1:], name=f"notify-{channel.name}", daemon=True).start()
    sent, down = 0, set[str]()
    deadline = time.monotonic() + seconds
    while open_channels:
        try:
            outcome = outcomes.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            over.set()  # what is sent from here on is not taken down, and would be sent again
            for name, parcels in open_channels.items():
                _mark_failed(state, _Outcome(parcels[0], NO_ANSWER), now)
                down.add(name)
            break
        if isinstance(outcome, str):
            del open_channels[outcome]
            continue
        channel_name = outcome.parcel.channel
        waiting_parcels = open_channels[channel_name]
        open_channels[channel_name] = waiting_parcels[1:] or waiting_parcels
        if outcome.error is None:
            crash_point("notify.sent")
            for delivery in outcome.parcel.deliveries:
                state.delivered(delivery.alert.id, channel_name, now)
            crash_point("notify.marked")
            sent += len(outcome.parcel.deliveries)
            continue
        _mark_failed(state, outcome, now)
        if not outcome.error.startswith(REFUSED):
            down.add(channel_name)
    resting &= {channel.name for channel in channels}
    names |= resting | unusable
    waiting = sum(row["delivered"] is None and row["channel"] in names for row in state.deliveries())
    return Report(sent, waiting, tuple(sorted(down | resting | unusable)))


def wait_seconds(attempts: int) -> float:
    """How long a channel is left alone after its `attempts`-th failure in a row."""
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, 20))


def _send(
    channel: Channel, parcels: Iterable[Parcel], outcomes: queue.SimpleQueue[_Outcome | str], over: threading.Event
) -> None:
    """Send one after the other until the channel is down or the time is over; the channel's name is the last outcome."""
    for parcel in parcels:
        if over.is_set():
            return
        crash_point("notify.sending")
        try:
            channel.send(parcel.alert)
        except AlertRefused as error:
            outcomes.put(_Outcome(parcel, f"{REFUSED}{error}"))
            continue
        except ChannelDown as error:
            outcomes.put(_Outcome(parcel, str(error)))
            break
        except Exception as error:  # noqa: BLE001 a fault of one channel must not silence the others; its text may hold a secret
            outcomes.put(_Outcome(parcel, f"failed ({type(error).__name__})"))
            break
        outcomes.put(_Outcome(parcel, None))
    outcomes.put(channel.name)


def _mark_failed(state: MonitorState, outcome: _Outcome, now: float) -> None:
    parcel = outcome.parcel
    pause = wait_seconds(max(delivery.attempts for delivery in parcel.deliveries) + 1)
    log.warning("channel %s: %s; next try in %.0f s", parcel.channel, outcome.error, pause)
    for delivery in parcel.deliveries:
        state.failed(delivery.alert.id, parcel.channel, outcome.error or "", now + pause)


def _mark_given_up(state: MonitorState, configured: set[str]) -> None:
    """Mark what waits for channels that are gone; what waits for one that has come back is no longer marked."""
    changes: dict[str, str | None] = {}
    for row in state.waiting():
        name = row["channel"]
        gone = name not in configured and not name.startswith(DEPLOYMENT)
        if gone != (row["error"] or "").startswith(GIVEN_UP):
            changes[name] = f"{GIVEN_UP}it is not configured any more" if gone else None
    for name, error in changes.items():
        state.mark_channel(name, error)


def _resting(state: MonitorState, now: float) -> set[str]:
    """Channels that were down when last tried, and whose wait is not over."""
    return {
        row["channel"]
        for row in state.deliveries()
        if row["delivered"] is None
        and row["attempts"]
        and row["next_try"] > now
        and not (row["error"] or "").startswith(REFUSED)
    }
