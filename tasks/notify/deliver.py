"""Empty the outbox: each alert to each of its channels, at least once, whatever a channel does.

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.monitor.state import Delivery, MonitorState
    from tasks.notify.channels import Channel

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 3600.0
BUDGET_SECONDS = 30.0
REFUSED = "refused: "
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
    delivery: Delivery
    error: str | None  # None: taken


def deliver(state: MonitorState, channels: Sequence[Channel], now: float, *, seconds: float = BUDGET_SECONDS) -> Report:
    """Send what the outbox holds for `channels` by `now` (seconds since 1970), in at most `seconds`.

    Nothing a channel does is raised. Waits are counted from `now`. Channels that cannot be used are told of and left out.
    """
    _mark_given_up(state, {channel.name for channel in channels})
    resting = _resting(state, now)
    unusable = {channel.name for channel in channels if isinstance(channel, UnusableChannel)}
    for channel in channels:
        if isinstance(channel, UnusableChannel):
            log.warning("channel %s cannot be used: %s", channel.name, channel.reason)
    names = {channel.name for channel in channels} - resting - unusable
    due = state.outbox(sorted(names), now)
    outcomes: queue.SimpleQueue[_Outcome | str] = queue.SimpleQueue()
    open_channels = {}
    over = threading.Event()
    for channel in channels:
        if own := [delivery for delivery in due if delivery.channel == channel.name]:
            open_channels[channel.name] = own[0]
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
            for name, delivery in open_channels.items():
                _mark_failed(state, _Outcome(delivery, NO_ANSWER), now)
                down.add(name)
            break
        if isinstance(outcome, str):
            del open_channels[outcome]
            continue
        channel_name = outcome.delivery.channel
        open_channels[channel_name] = _next(due, outcome.delivery)
        if outcome.error is None:
            crash_point("notify.sent")
            state.delivered(outcome.delivery.alert.id, channel_name, now)
            crash_point("notify.marked")
            sent += 1
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
    channel: Channel, deliveries: Iterable[Delivery], outcomes: queue.SimpleQueue[_Outcome | str], over: threading.Event
) -> None:
    """Send one after the other until the channel is down or the time is over; the channel's name is the last outcome."""
    for delivery in deliveries:
        if over.is_set():
            return
        crash_point("notify.sending")
        try:
            channel.send(delivery.alert)
        except AlertRefused as error:
            outcomes.put(_Outcome(delivery, f"{REFUSED}{error}"))
            continue
        except ChannelDown as error:
            outcomes.put(_Outcome(delivery, str(error)))
            break
        except Exception as error:  # noqa: BLE001 a fault of one channel must not silence the others; its text may hold a secret
            outcomes.put(_Outcome(delivery, f"failed ({type(error).__name__})"))
            break
        outcomes.put(_Outcome(delivery, None))
    outcomes.put(channel.name)


def _mark_failed(state: MonitorState, outcome: _Outcome, now: float) -> None:
    delivery = outcome.delivery
    pause = wait_seconds(delivery.attempts + 1)
    log.warning("channel %s: %s; next try in %.0f s", delivery.channel, outcome.error, pause)
    state.failed(delivery.alert.id, delivery.channel, outcome.error or "", now + pause)


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


def _next(due: Sequence[Delivery], done: Delivery) -> Delivery:
    """What its channel sends after `done`; `done` itself if that was the last."""
    own = [delivery for delivery in due if delivery.channel == done.channel]
    return own[min(own.index(done) + 1, len(own) - 1)]


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
