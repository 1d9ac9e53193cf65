"""A surge and its headlines in sentences for people: in a message and on the dashboard alike."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tasks.monitor.series import series_in_words
from tasks.monitor.tables import CONFIDENCE, LABEL, LENGTH, NAME, UNSEEN
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.alert import Alert

COUNTED = {"documents": said("documents"), "stories": said("stories")}
FEATURES = {LABEL: said("label"), CONFIDENCE: said("confidence"), LENGTH: said("length"), UNSEEN: said("unseen")}
KINDS = {
    "surge": said("surge"),
    "subject": said("subject"),
    "drift": said("drift"),
    "expected": said("expected"),
    "watchdog": said("watchdog"),
    "retrain": said("retrain"),
    "digest": said("digest"),
    "summary": said("summary"),
    "test": said("test"),
}
SEVERITIES = {"high": said("high"), "low": said("low")}


def surge_in_words(alert: Alert) -> str:
    """What has happened, and how seldom it happens without a cause: one or two sentences with the figures."""
    figures = alert.figures
    counted = {"count": figures["count"], "counted": COUNTED.get(word := figures.get("counted", "documents"), word)}
    counted["series"] = series_in_words(alert.series)
    days = (date.fromisoformat(alert.window_end) - date.fromisoformat(alert.window_start)).days + 1
    many = "baseline_count" in figures
    told = said(
        "The {what} in the {days} days to {end:day} are {share:.1%} negative on average; {before} were {baseline:.1%}.",
        what=said("{count:,} {counted} about {series}", **counted)
        if alert.series.startswith(NAME)
        else said("{count:,} {counted} in {series}", **counted),
        days=days,
        end=alert.window_end,
        share=figures["negative_share"],
        before=said("the {count:,} before", count=figures["baseline_count"]) if many else said("those before"),
        baseline=figures["baseline"],
    )
    if "false_alarms" not in figures:
        return told
    chance = said("Chance alone makes a series look like this {times:g} times in 1,000 days.", times=figures["false_alarms"])
    return joined(" ", [told, chance])


def copies_in_words(headline: Mapping[str, Any]) -> str:
    """How often a headline came: `in 14 copies from 5 sources, first seen 2020-03-04`; nothing of one that came once."""
    if headline.get("copies", 1) < 2:
        return ""
    return said(
        "in {copies:,} copies from {sources}, first seen {seen:minute}",
        copies=headline["copies"],
        sources=said("1 source") if headline["sources"] == 1 else said("{count:,} sources", count=headline["sources"]),
        seen=str(headline["first_seen"]),
    )
