"""Empty the outbox: each alert to each of its channels, at least once, whatever a channel does.

Alerts of the past are one message to a channel that wants it so, a digest; see tasks/notify/digest.py.

An alert leaves the outbox when the channel has taken it and that was written down; a crash between the two sends it again, with
the same id. A channel that is down is left alone for a while that doubles with each try; an alert that a channel refuses
waits alone. Channels send side by side, and one that hangs is given up when the time is over. Alerts for a channel that
is not configured any more are marked as given up; they are sent if a channel of that name comes back.
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
from tasks.monitor.alert import DEPLOYMENT
from tasks.notify.channels.channel import AlertRefused, ChannelDown, UnusableChannel
from tasks.notify.digest import REFUSED, packed
from tasks.wording.wording import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks.monitor.state import Delivery, MonitorState
    from tasks.notify.channels.channel import Channel
    from tasks.notify.digest import Parcel
    from tasks.wording.wording import Language

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 3600.0
BUDGET_SECONDS = 30.0
GIVEN_UP = "given up: "
NO_ANSWER = "no answer in time"


@dataclass(frozen=True)
class Report:
    """The outcome of one round: alerts taken by a channel, alerts that wait for another round, and channels that are down."""

    sent: int
    waiting: int
    down: tuple[str, ...]


class _Outcome(NamedTuple):
    """The outcome of sending a parcel."""

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
    language: Language = ENGLISH,
) -> Report:
    """Send the alerts in the outbox for `channels` by `now` (seconds since 1970), in at most `seconds`.

    Alerts that were found more than `digest_after_days` days after their window's end are of the past. `link` is the address at
    which people read more, `language` theirs. Nothing a channel does is raised. Waits are counted from `now`. Channels that
    cannot be used are logged and left out.
    """
    deadline = time.monotonic() + seconds
    configured = {channel.name for channel in channels}
    _mark_given_up(state, configured)
    left_out = _unusable(channels) | (_resting(state, now) & configured)
    usable = [channel for channel in channels if channel.name not in left_out]
    names = sorted(channel.name for channel in usable)
    due = [delivery._replace(alert=delivery.alert.linked(link, language)) for delivery in state.outbox(names, now)]
    parcels = _parcels(usable, due, digest_after_days)
    sending = _Sending(usable, parcels)
    sent, down = _take_outcomes(state, sending, parcels, now, deadline)
    waiting = sum(row["delivered"] is None and row["channel"] in configured for row in state.deliveries())
    return Report(sent, waiting, tuple(sorted(down | left_out)))


def _unusable(channels: Sequence[Channel]) -> set[str]:
    """The names of the channels that cannot be used; each is logged with the reason."""
    found = [channel for channel in channels if isinstance(channel, UnusableChannel)]
    for channel in found:
        log.warning("channel %s cannot be used: %s", channel.name, channel.reason)
    return {channel.name for channel in found}


def _parcels(channels: Sequence[Channel], due: Sequence[Delivery], digest_after_days: int | None) -> dict[str, list[Parcel]]:
    """Everything that each channel has to send now; a channel with nothing to send is absent."""
    parcels = {}
    for channel in channels:
        own = [delivery for delivery in due if delivery.channel == channel.name]
        if own:
            parcels[channel.name] = packed(own, digest_after_days if getattr(channel, "digests", False) else None)
    return parcels


class _Sending:
    """A thread for each channel that has something to send, and the outcomes in the order in which they come."""

    def __init__(self, channels: Sequence[Channel], parcels: Mapping[str, Sequence[Parcel]]) -> None:
        self._outcomes: queue.SimpleQueue[_Outcome | str] = queue.SimpleQueue()
        self._over = threading.Event()
        for channel in channels:
            if own := parcels.get(channel.name):
                # A daemon: a channel that hangs for ever must not keep the process alive. In the caller's context: Prefect
                # keeps the address of its server there.
                arguments = (self._send, channel, tuple(own))
                run = contextvars.copy_context().run
                threading.Thread(target=run, args=arguments, name=f"notify-{channel.name}", daemon=True).start()

    def next_outcome(self, deadline: float) -> _Outcome | str | None:
        """The next outcome, or the name of a channel that sends no more; None if the time is over before either.

        An alert that is sent from then on is not written down, and would be sent again: nothing more is begun.
        """
        try:
            return self._outcomes.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self._over.set()
            return None

    def _send(self, channel: Channel, parcels: Iterable[Parcel]) -> None:
        """Send one after the other until the channel is down or the time is over; the channel's name is the last outcome."""
        for parcel in parcels:
            if self._over.is_set():
                return
            crash_point("notify.sending")
            outcome, goes_on = _try(channel, parcel)
            self._outcomes.put(outcome)
            if not goes_on:
                break
        self._outcomes.put(channel.name)


def _try(channel: Channel, parcel: Parcel) -> tuple[_Outcome, bool]:
    """Send a parcel; return the outcome, and whether the channel can send more."""
    try:
        channel.send(parcel.alert)
    except AlertRefused as error:
        return _Outcome(parcel, f"{REFUSED}{error}"), True
    except ChannelDown as error:
        return _Outcome(parcel, str(error)), False
    except Exception as error:  # noqa: BLE001 a fault of one channel must not silence the others; its text may hold a secret
        return _Outcome(parcel, f"failed ({type(error).__name__})"), False
    return _Outcome(parcel, None), True


def _take_outcomes(
    state: MonitorState, sending: _Sending, parcels: dict[str, list[Parcel]], now: float, deadline: float
) -> tuple[int, set[str]]:
    """Write down each outcome until all channels are done or the time is over; return alerts sent, and channels down."""
    sent, down = 0, set[str]()
    unsent = dict(parcels)
    while unsent:
        outcome = sending.next_outcome(deadline)
        if outcome is None:
            for name, rest in unsent.items():
                _mark_failed(state, _Outcome(rest[0], NO_ANSWER), now)
                down.add(name)
            break
        if isinstance(outcome, str):
            del unsent[outcome]
            continue
        name = outcome.parcel.channel
        unsent[name] = unsent[name][1:] or unsent[name]
        if outcome.error is None:
            crash_point("notify.sent")
            for delivery in outcome.parcel.deliveries:
                state.delivered(delivery.alert.id, name, now)
            crash_point("notify.marked")
            sent += len(outcome.parcel.deliveries)
        else:
            _mark_failed(state, outcome, now)
            if not outcome.error.startswith(REFUSED):
                down.add(name)
    return sent, down


def wait_seconds(attempts: int) -> float:
    """How long a channel is left alone after its `attempts`-th failure in a row."""
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, 20))


def _mark_failed(state: MonitorState, outcome: _Outcome, now: float) -> None:
    parcel = outcome.parcel
    pause = wait_seconds(max(delivery.attempts for delivery in parcel.deliveries) + 1)
    log.warning("channel %s: %s; next try in %.0f s", parcel.channel, outcome.error, pause)
    for delivery in parcel.deliveries:
        state.failed(delivery.alert.id, parcel.channel, outcome.error or "", now + pause)


def _mark_given_up(state: MonitorState, configured: set[str]) -> None:
    """Mark the deliveries of channels that are gone, and take the mark from those of a channel that has come back."""
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
