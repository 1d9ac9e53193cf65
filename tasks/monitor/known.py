"""What the desk knows already: series that send nothing for a while, and alerts that somebody has seen.

Alerts of a muted series are stored and shown, and sent to nobody; those that still wait for a channel are not sent either. Both
lists are short texts of JSON among the monitor's settings; mutes that are over stay there, so that a page can say why an
alert was not sent.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tasks.monitor.alert import Alert
    from tasks.monitor.state import MonitorState

MUTED, SEEN = "muted", "seen"  # keys of the settings


class Mute(NamedTuple):
    """A series that sends nothing from the moment `since` (ISO 8601, UTC) to the end of the day `until` (YYYY-MM-DD, UTC).

    `ended` is the moment of an unmute, empty without one. `withdrew` are the alerts (ids) that waited for a channel then, and
    were not sent there.
    """

    series: str
    since: str
    until: str
    by: str
    note: str = ""
    ended: str = ""
    withdrew: Sequence[str] = ()

    def holds(self, when: float) -> bool:
        """Whether it held at a time (seconds since 1970)."""
        moment = _moment(when)
        return self.since <= moment and moment[:10] <= self.until and not (self.ended and self.ended <= moment)


class Seen(NamedTuple):
    """An alert (its id) that somebody has taken note of, and when (ISO 8601, UTC)."""

    alert: str
    when: str
    by: str
    note: str = ""


class Knowledge(NamedTuple):
    """All that is muted or was, and the alerts that were acknowledged, by id."""

    mutes: tuple[Mute, ...] = ()
    seen: dict[str, Seen] = {}  # noqa: RUF012 never changed

    def muted(self, series: str, when: float) -> Mute | None:
        """The mute of a series that held at a time (seconds since 1970)."""
        return next((mute for mute in self.mutes if mute.series == series and mute.holds(when)), None)

    def remark(self, alert: Alert) -> str:
        """What people have said of an alert, for its place on a page: empty if nothing."""
        parts = []
        if mute := self.muted(alert.series, alert.created):
            values = {"until": mute.until, "by": mute.by, "note": _noted(mute.note)}
            parts.append(said("muted until {until:day} by {by}{note}: not sent", **values))
        elif mute := next((each for each in self.mutes if alert.id in each.withdrew), None):
            values = {"until": mute.until, "by": mute.by, "note": _noted(mute.note)}
            parts.append(said("muted until {until:day} by {by}{note}: not sent to who had not had it", **values))
        if seen := self.seen.get(alert.id):
            values = {"when": seen.when[:10], "by": seen.by, "note": _noted(seen.note)}
            parts.append(said("acknowledged {when:day} by {by}{note}", **values))
        return joined("; ", parts)


def known(state: MonitorState) -> Knowledge:
    """What the desk knows of a monitor's alerts."""
    return read_known(state.setting)


def read_known(setting: Callable[[str], str | None]) -> Knowledge:
    """The same from a function that gives the text under a key."""
    mutes = tuple(Mute(**_fields(Mute, each)) for each in json.loads(setting(MUTED) or "[]"))
    seen = (Seen(**_fields(Seen, each)) for each in json.loads(setting(SEEN) or "[]"))
    return Knowledge(mutes, {each.alert: each for each in seen})


def mute(state: MonitorState, series: str, until: str, *, by: str, note: str = "", now: float) -> Mute:
    """Send nothing about a series until the end of a day; in place of a mute of it that still holds.

    What waits for a channel is withdrawn.
    """
    with state.writing():
        before = _ended(state, series, now)
        withdrew = tuple(alert.id for alert in state.alerts() if alert.series == series and state.withdraw(alert.id))
        made = Mute(series, _moment(now), until, by, note, withdrew=withdrew)
        _keep_mutes(state, [*before, made])
    return made


def unmute(state: MonitorState, series: str, *, now: float) -> bool:
    """Send what comes of a series from now on; False if it was not muted."""
    with state.writing():
        if known(state).muted(series, now) is None:
            return False
        _keep_mutes(state, _ended(state, series, now))
        return True


def acknowledge(state: MonitorState, alert: str, *, by: str, note: str = "", now: float) -> Seen:
    """Take note of an alert: it is shown as seen, and not sent to a channel that has not taken it yet."""
    made = Seen(alert, _moment(now), by, note)
    with state.writing():
        others = [each for each in known(state).seen.values() if each.alert != alert]
        _keep(state, SEEN, [*others, made])
        state.withdraw(alert)
    return made


def _ended(state: MonitorState, series: str, now: float) -> list[Mute]:
    moment = _moment(now)
    return [each._replace(ended=moment) if each.series == series and each.holds(now) else each for each in known(state).mutes]


def _keep_mutes(state: MonitorState, mutes: Iterable[Mute]) -> None:
    _keep(state, MUTED, list(mutes))


def _keep(state: MonitorState, key: str, entries: list[Any]) -> None:
    state.keep_setting(key, json.dumps([each._asdict() for each in entries], ensure_ascii=False))


def _fields(kind: type[Mute | Seen], held: Mapping[str, Any]) -> dict[str, Any]:
    """Those that this version knows."""
    return {name: held[name] for name in kind._fields if name in held}


def _noted(note: str) -> str:
    return said(" ({note})", note=note) if note else ""


def _moment(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds")
