"""A surge and its headlines in sentences for people: in a message and on the dashboard alike."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tasks.monitor.series import series_in_words
from tasks.monitor.tables import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.alert import Alert


def surge_in_words(alert: Alert) -> str:
    """What has happened, and how seldom it happens without a cause: one or two sentences with the figures."""
    figures = alert.figures
    about = "about" if alert.series.startswith(NAME) else "in"
    counted = figures.get("counted", "documents")
    days = (date.fromisoformat(alert.window_end) - date.fromisoformat(alert.window_start)).days + 1
    before = f"the {figures['baseline_count']:,} before" if "baseline_count" in figures else "those before"
    told = (
        f"The {figures['count']:,} {counted} {about} {series_in_words(alert.series)} in the {days} days to {alert.window_end} "
        f"are {figures['negative_share']:.1%} negative on average; {before} were {figures['baseline']:.1%}."
    )
    if "false_alarms" in figures:
        told += f" Chance alone makes a series look like this {figures['false_alarms']:g} times in 1,000 days."
    return told


def copies_in_words(headline: Mapping[str, Any]) -> str:
    """How often a headline came: `in 14 copies from 5 sources, first seen 2020-03-04`; nothing of one that came once."""
    if headline.get("copies", 1) < 2:
        return ""
    sources = "1 source" if headline["sources"] == 1 else f"{headline['sources']:,} sources"
    return f"in {headline['copies']:,} copies from {sources}, first seen {str(headline['first_seen'])[:16].replace('T', ' ')}"
