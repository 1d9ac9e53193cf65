"""What an alert is about, in a clause for people: its title, and its line among others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.monitor.alert_words import FEATURES, KINDS
from tasks.monitor.series import series_in_words
from tasks.monitor.tables import NAME
from tasks.shown import inert
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from tasks.monitor.alert import Alert
    from tasks.wording.wording import Wording

SUMMARY = "summary"  # the kind of a summary of some days; see tasks/week


def event(alert: Alert, wording: Wording) -> str:
    """What happened, where and when; names in it are inert."""
    days = said("{start:day} to {end:day}", start=alert.window_start, end=alert.window_end)
    series = inert(wording(series_in_words(alert.series)))
    match alert.kind:
        case "surge" if alert.series.startswith(NAME):
            return said("more negative news than usual about {series}, {days}", series=series, days=days)
        case "surge":
            return said("more negative news than usual in {series}, {days}", series=series, days=days)
        case "subject":
            return said(
                "bad news about {subject} more often than usual, {days}", subject=inert(alert.figures["subject"]), days=days
            )
        case "drift":
            feature = FEATURES.get(alert.series, inert(alert.series))
            return said("drift of {feature}, {days}", feature=feature, days=days)
        case "expected":
            model = inert(alert.series)
            return said(
                "model {model} is probably less right than it was when it was registered, {days}", model=model, days=days
            )
        case "digest":
            return said("{count} alerts of the past, {days}", count=len(alert.evidence.get("alerts", ())), days=days)
        case "summary":
            raised = alert.evidence["week"]["alerts"]["raised"]
            values = {"days": days, "count": alert.figures["count"], "raised": raised, "share": alert.figures["negative_share"]}
            return said("{days}: {count:,} documents, {share:.1%} negative, {raised} alerts", **values)
        case "test":
            return said("a test of channel {channel}", channel=inert(alert.series))
        case _:
            return said("{kind}: {series}", kind=KINDS.get(alert.kind, alert.kind), series=inert(alert.series))
