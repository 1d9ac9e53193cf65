"""One message for alerts of the past: a first refresh over years of news finds dozens of surges, and none of them is news."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from tasks.monitor.alert import Alert
from tasks.monitor.alert_words import KINDS
from tasks.monitor.tables import ALL
from tasks.notify.event import SUMMARY
from tasks.notify.message import title
from tasks.shown import inert
from tasks.store.digests import canonical, sha256_text
from tasks.wording.sentence import as_evidence, joined, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.monitor.state import Delivery

REFUSED = "refused: "  # begins the error of an alert that a channel does not take


class Parcel(NamedTuple):
    """One message of a channel: one alert, or the digest of several, and the deliveries that end with it."""

    channel: str
    alert: Alert
    deliveries: tuple[Delivery, ...]


def packed(own: Sequence[Delivery], older_than_days: int | None) -> list[Parcel]:
    """The deliveries of one channel, those of the past in one parcel that comes first, if there are several; None: each alone.

    An alert that the channel has refused is sent alone: it may refuse only one of several.
    """
    past = [
        delivery
        for delivery in own
        if older_than_days is not None
        and not (delivery.error or "").startswith(REFUSED)
        and delivery.alert.kind != SUMMARY
        and age_days(delivery.alert) > older_than_days
    ]
    if len(past) < 2:
        past = []
    single = [Parcel(each.channel, each.alert, (each,)) for each in own if each not in past]
    digest = [Parcel(past[0].channel, digest_of([each.alert for each in past]), tuple(past))] if past else []
    return digest + single


def age_days(alert: Alert) -> int:
    """How many days before it was noticed the window of an alert ended."""
    return (datetime.fromtimestamp(alert.created, UTC).date() - date.fromisoformat(alert.window_end)).days


def digest_of(alerts: Sequence[Alert]) -> Alert:
    """An alert of kind `digest` about several of one monitor; `evidence` has a message and the figures of each (`alerts`).

    Its id is a function of theirs, so that the same ones sent again are the same digest.
    """
    first, last = min(alert.window_end for alert in alerts), max(alert.window_end for alert in alerts)
    kinds = sorted(Counter(alert.kind for alert in alerts).items())
    counted = [said("{count} of {kind}", count=number, kind=KINDS.get(kind, kind)) for kind, number in kinds]
    message = said(
        "{count} alerts ({kinds}) from {first:day} to {last:day}, found while older news was read",
        count=len(alerts),
        kinds=joined(" and ", counted),
        first=first,
        last=last,
    )
    series = {alert.series for alert in alerts}
    return Alert(
        id=sha256_text(canonical(["digest", *sorted(alert.id for alert in alerts)]))[:16],
        kind="digest",
        series=series.pop() if len(series) == 1 else ALL,
        severity="high" if any(alert.severity == "high" for alert in alerts) else "low",
        window_start=min(alert.window_start for alert in alerts),
        window_end=last,
        created=max(alert.created for alert in alerts),
        evidence={
            **as_evidence(message),
            "alerts": [alert.summary() | {"title": inert(title(alert))} for alert in sorted(alerts, key=_newest_first)],
        },
        monitor=alerts[0].monitor,
        link=alerts[0].link,
        language=alerts[0].language,
    )


def _newest_first(alert: Alert) -> tuple[int, str]:
    return (-date.fromisoformat(alert.window_end).toordinal(), alert.id)
